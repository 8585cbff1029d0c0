"""Viola and Jones' cascade, which OpenCV 4 brings along: fast, frontal faces only."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2
import numpy as np

from fer_tf.errors import FerError
from fer_tf.vision.results import Box, Detection

_SIDE = 480  # pixels of the longer side that is searched
_SMALLEST = 24  # pixels of the smallest face there
_CASCADE = "haarcascade_frontalface_alt2.xml"


class HaarDetector:
    """Frontal faces by boosted Haar features (Viola and Jones, 2001), as trained by Lienhart.

    It gives no eyes. One detector may be used from several threads, one at a time.

    Raises:
        FerError: this OpenCV has no cascades, as OpenCV 5 has not.
    """

    name = "haar"
    margin = 0.0

    def __init__(self) -> None:
        cascades = getattr(getattr(cv2, "data", None), "haarcascades", None)
        if cascades is None or not hasattr(cv2, "CascadeClassifier"):
            raise FerError(
                f"the detector haar needs OpenCV 4, found {cv2.__version__}, which has no cascades"
            )
        path = Path(cascades) / _CASCADE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise FerError(f"{path}: can't be read as a cascade, expected the file of OpenCV 4")
        self._lock = threading.Lock()  # a cascade keeps the picture that it searches

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        height, width = image.shape[:2]
        scale = min(1.0, _SIDE / max(height, width))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        with self._lock:
            boxes, _, weights = self._cascade.detectMultiScale3(
                cv2.equalizeHist(grey),
                scaleFactor=1.15,
                minNeighbors=4,
                minSize=(_SMALLEST, _SMALLEST),
                outputRejectLevels=True,
            )
        back_x, back_y = width / grey.shape[1], height / grey.shape[0]
        found = [
            Detection(Box(x * back_x, y * back_y, w * back_x, h * back_y), _score(weight))
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True)
        ]
        return sorted(found, key=lambda detection: -detection.score)


def _score(weight: float) -> float:
    return 1 / (1 + math.exp(-weight))
