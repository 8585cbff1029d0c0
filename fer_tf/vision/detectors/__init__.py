"""Face detectors behind one protocol: `open_detector` makes one of a name, a file or an object."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fer_tf.errors import FerError
from fer_tf.vision.detectors.protocol import Detector

NAMES = ("auto", "haar", "mtcnn", "yunet")
"""What `open_detector` takes beside files and objects."""


def open_detector(
    detector: str | os.PathLike[str] | Detector = "auto", *, second_look: bool = True
) -> Detector:
    """A detector by its name, of a file, or as it is.

    "auto" is YuNet if its file is in the user's cache, else Haar. MTCNN finds more than Haar
    (87 of 100 pasted faces against 70), but it imports TensorFlow, which takes seconds, and three
    times as long a picture: it must be asked for. "yunet" fetches its file (232,589 bytes) into
    the cache where it is not there yet; nothing else is ever fetched.

    Args:
        detector: one of `NAMES`, the path of YuNet's .onnx file, or an object like
            `fer_tf.vision.detectors.protocol.Detector`, which is returned as it is.
        second_look: look again where nothing was found, see `second_look.SecondLook`; not for
            objects. A video is faster without.

    Raises:
        FerError: an unknown name, a file that is not YuNet's, a package that is not installed, or
            a file that can't be fetched.
    """
    if not isinstance(detector, (str, os.PathLike)):
        return _checked(detector)
    opened = _open(os.fspath(detector))
    if not second_look:
        return opened
    from fer_tf.vision.detectors.second_look import SecondLook

    return SecondLook(opened)


def _open(name: str) -> Detector:
    from fer_tf.vision.detectors.yunet import YunetDetector, cached_yunet, fetched_yunet

    if name == "yunet":
        return YunetDetector(fetched_yunet())
    if name == "auto" and (path := cached_yunet()):
        return YunetDetector(path)
    if name in ("auto", "haar"):
        from fer_tf.vision.detectors.haar import HaarDetector

        return HaarDetector()
    if name == "mtcnn":
        from fer_tf.vision.detectors.mtcnn import MtcnnDetector

        return MtcnnDetector()
    if Path(name).suffix.lower() == ".onnx" or os.sep in name:
        return YunetDetector(name)
    near = difflib.get_close_matches(name.lower(), NAMES, 1)
    raise FerError(
        f"detector: found {name!r}{f', did you mean {near[0]}?' if near else ''}: expected one of "
        f"{', '.join(NAMES)}, or the path of YuNet's .onnx file"
    )


def _checked(detector: Detector) -> Detector:
    missing = [part for part in ("name", "margin", "detect") if not hasattr(detector, part)]
    if missing:
        raise FerError(
            f"detector: found a {type(detector).__name__} without {' and '.join(missing)}: "
            "expected name, margin and detect(image)"
        )
    return detector
