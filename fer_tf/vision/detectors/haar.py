"""Viola and Jones' cascade, which OpenCV 4 brings along: fast, upright frontal faces only."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2
import numpy as np

from fer_tf.errors import FerError
from fer_tf.vision.detectors.reduce import best_first, reduced
from fer_tf.vision.results import Box, Detection

# Chosen by scripts/measure_detectors.py's scenes: alt2 finds more than alt and makes a fifth of
# the mistakes of default; equalising the grey first costs it a tenth of the faces.
_CASCADE = "haarcascade_frontalface_alt2.xml"
_SIDE = 480  # pixels of the longer side that is searched
_SMALLEST = 30  # pixels of the smallest face there, so 6 % of the longer side
_STEP = 1.2  # from one size that is searched to the next
_NEIGHBOURS = 2  # overlapping finds that make a face
_EVEN, _STEEPNESS = 55.0, 4.0  # the last stage's sum at which a find is as often none, and around
_LEAST = 0.2  # score; half of the false finds have less, and hardly a face


class HaarDetector:
    """Frontal faces by boosted Haar features (Viola and Jones, CVPR 2001).

    OpenCV's cascade "alt2", trained by Lienhart. It gives no eyes. Several threads may use one;
    they wait for each other.

    Raises:
        FerError: this OpenCV has no cascades, as OpenCV 5 has not.
    """

    name = "haar"
    # The recogniser then loses least (docs/detectors/detectors.txt), if hardly less than with
    # -0.1 or 0: beside those faces there is nothing of a head that a wider crop could show.
    margin = -0.05

    def __init__(self) -> None:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
        if folder is None or not hasattr(cv2, "CascadeClassifier"):
            raise FerError(
                f"the detector haar: OpenCV {cv2.__version__} has no cascades: expected OpenCV 4"
            )
        path = Path(folder) / _CASCADE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise FerError(f"{path}: not a cascade that OpenCV {cv2.__version__} reads")
        self._lock = threading.Lock()  # a cascade holds the picture that it is searching

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        grey = reduced(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _SIDE)
        with self._lock:
            boxes, _, weights = self._cascade.detectMultiScale3(
                grey,
                scaleFactor=_STEP,
                minNeighbors=_NEIGHBOURS,
                minSize=(_SMALLEST, _SMALLEST),
                outputRejectLevels=True,
            )
        found = [
            Detection(Box(*map(float, box)), _score(float(weight)))
            for box, weight in zip(boxes, np.ravel(weights), strict=True)
        ]
        return best_first([each for each in found if each.score >= _LEAST], grey, image)


def _score(weight: float) -> float:
    """In [0, 1], of the sum of the last stage's votes."""
    return 1 / (1 + math.exp(_STEEPNESS * (_EVEN - weight)))
