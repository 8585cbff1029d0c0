"""Face detectors behind one protocol: `open_detector` makes one of a name, a file or an object."""

from __future__ import annotations

import os

from fer_tf.errors import FerError
from fer_tf.vision.detectors.protocol import Detector


def open_detector(detector: str | os.PathLike[str] | Detector = "auto") -> Detector:
    """A detector by name.

    Raises:
        FerError: there is none of that name.
    """
    if not isinstance(detector, (str, os.PathLike)):
        return detector
    if detector in ("auto", "haar"):
        from fer_tf.vision.detectors.haar import HaarDetector

        return HaarDetector()
    raise FerError(f"there is no detector {detector}, expected auto, haar, mtcnn or yunet")
