"""Three cascaded networks: slower than the others, and it needs TensorFlow (extra `mtcnn`)."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

import cv2
import numpy as np

from fer_tf.deploy.quiet import quiet
from fer_tf.errors import FerError
from fer_tf.vision.detectors.reduce import best_first, reduced
from fer_tf.vision.results import Box, Detection, Point

_SIDE = 480  # pixels of the longer side that is searched; the smallest face there has 20
_LEAST = 48  # pixels: below, the package's pyramid of sizes has a step too many and it fails


class MtcnnDetector:
    """Faces by multi-task cascaded networks (Zhang et al., IEEE SPL 2016), with their eyes.

    The package mtcnn and its weights. Several threads may use one; they wait for each other.

    Raises:
        FerError: the package is not installed.
    """

    name = "mtcnn"
    # The recogniser then loses least (docs/detectors/detectors.txt), if hardly less than with
    # -0.1 or 0: beside those faces there is nothing of a head that a wider crop could show.
    margin = -0.05

    def __init__(self) -> None:
        if importlib.util.find_spec("mtcnn") is None:
            raise FerError(
                "the detector mtcnn: needs mtcnn, which is not installed: expected fer_tf[mtcnn]"
            )
        with quiet():  # TensorFlow talks as it starts
            from mtcnn import MTCNN

            self._network = MTCNN()
        self._lock = threading.Lock()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        searched = reduced(image, _SIDE)
        height, width = searched.shape[:2]
        below, beside = max(0, _LEAST - height), max(0, _LEAST - width)
        padded = cv2.copyMakeBorder(searched, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        with self._lock:
            answers = self._network.detect_faces(padded, fit_to_image=False)
        return best_first([_detection(answer) for answer in answers], searched, image)


def _detection(answer: dict[str, Any]) -> Detection:
    def point(name: str) -> Point:
        x, y = answer["keypoints"][name]
        return float(x) + 0.5, float(y) + 0.5

    # What the package calls the left eye is the one on the left of an upright face's picture.
    return Detection(
        Box(*map(float, answer["box"])),
        min(1.0, float(answer["confidence"])),
        (point("left_eye"), point("right_eye")),
    )
