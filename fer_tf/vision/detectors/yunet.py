"""YuNet: a network of 232 kB that OpenCV runs itself; the best of the three, with eyes."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import cv2
import numpy as np

from fer_tf.data.cache import cache_dir
from fer_tf.errors import FerError
from fer_tf.vision.detectors.fetch import RemoteFile, fetch
from fer_tf.vision.detectors.reduce import best_first, reduced
from fer_tf.vision.results import Box, Detection

YUNET = RemoteFile(
    name="face_detection_yunet_2023mar.onnx",
    url=(
        "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
        "face_detection_yunet/face_detection_yunet_2023mar.onnx"
    ),
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    size=232_589,
)
"""OpenCV Zoo's file, under the MIT licence."""

_SIDE = 640  # pixels of the longer side that is searched; smallest face there: about 10
_SCORE = 0.6
_OVERLAP = 0.3  # IoU above which the lesser of two finds is dropped; OpenCV's default
_CANDIDATES = 5000  # before that; OpenCV's default


class YunetDetector:
    """Faces by YuNet (Wu, Peng, Yu: Machine Intelligence Research, 2023), with their eyes.

    Several threads may use one; they wait for each other.

    Args:
        path: its .onnx file, as OpenCV Zoo has it.

    Raises:
        FerError: no such file, or not one that OpenCV takes for YuNet.
    """

    name = "yunet"
    # MTCNN's: both are trained on WIDER FACE's boxes. Not measured with YuNet's own file.
    margin = -0.05

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not Path(path).is_file():
            raise FerError(f"{path}: there is no such file: expected YuNet's .onnx file")
        try:
            self._network = cv2.FaceDetectorYN.create(
                os.fspath(path), "", (320, 320), _SCORE, _OVERLAP, _CANDIDATES
            )
            self._network.detect(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            raise FerError(
                f"{path}: OpenCV {cv2.__version__} can't use it: expected {YUNET.name}"
            ) from error
        self._lock = threading.Lock()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        searched = reduced(image, _SIDE)
        height, width = searched.shape[:2]
        with self._lock:
            self._network.setInputSize((width, height))
            _, rows = self._network.detect(cv2.cvtColor(searched, cv2.COLOR_RGB2BGR))
        found = [] if rows is None else [_detection(row) for row in rows.astype(float)]
        return best_first(found, searched, image)


def _detection(row: np.ndarray) -> Detection:
    """Of OpenCV's row: box, then x and y of five points, the person's right eye first, score."""
    left, top, width, height, ax, ay, bx, by = row[:8].tolist()
    eyes = (ax, ay), (bx, by)
    return Detection(Box(left, top, width, height), min(1.0, float(row[14])), eyes)


def cached_yunet() -> Path | None:
    """YuNet's file in the user's cache, or None where it is not; nothing is fetched."""
    path = cache_dir() / YUNET.name
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == YUNET.sha256
    except OSError:
        return None
    return path if whole else None


def fetched_yunet(url: str = YUNET.url) -> Path:
    """YuNet's file in the user's cache, fetched where it is not there.

    Args:
        url: where to fetch it from; the file's SHA-256 is checked whatever it is.

    Raises:
        FerError: it can't be fetched, or what came is another file.
    """
    return cached_yunet() or fetch(YUNET, cache_dir(), url=url)
