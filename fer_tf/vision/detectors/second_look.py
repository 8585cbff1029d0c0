"""A second look: at pictures in which nothing sure is found, and at faces that may be turned.

A network that is trained on upright faces finds turned ones as well, with lower scores, and then
places their eyes as if they were upright: only the score says that another view is the right one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf.vision.crops import sampled, turn
from fer_tf.vision.results import Box, Detection, Point

Look = Callable[[np.ndarray], list[Detection]]
"""A single look at an RGB picture, uint8 [h, w, 3]: its faces, in no order."""

TURNS = (0, 45, -45, 90, -90, 135, -135, 180)
"""By how many degrees clockwise a face is supposed to be turned."""

_SURE = 0.8  # score of a picture's surest face from which no other view is looked at
_SURE_TURNED = 0.75  # that a turned view needs: of 219 pictures of nobody, none has it
_UPRIGHT = 0.9  # score from which a face is upright, within 45 degrees: most upright ones have it
_GAIN = 0.02  # of score that another turn must bring
_DARK, _MEDIUM = 70, 110  # of 255: means below the first are brightened to about the second
_SIDE = 128  # pixels of the square in which a face is looked at again
_WIDER = 2.0  # by which that square is wider than the face's box


@dataclass(frozen=True)
class View:
    """A picture seen in another way.

    Attributes:
        image: uint8 RGB [h, w, 3].
        matrix: float64 [2, 3], a turn, a scale and a shift, from the picture to the view, in
            coordinates where pixel i covers [i, i + 1).
    """

    image: np.ndarray
    matrix: np.ndarray


def surest_view(look: Look, image: np.ndarray) -> list[Detection]:
    """The faces of that view of a picture that holds the surest one.

    Where the picture itself has no face whose score is 0.8, it is looked at brightened, if it is
    dark, and turned by 90, -90 and 180 degrees. A turned view counts from a score of 0.75 on:
    so many looks find much that is none, and a face that is upright in one of them has more.

    Args:
        look: the detector's.
        image: uint8 RGB [h, w, 3].
    """
    best = look(image)
    if _surest(best) >= _SURE:
        return best
    bright = brightened(image)
    if bright is not image:
        best = max(best, look(bright), key=_surest)
    for quarters in (1, 3, 2):
        view = quarter_turned(bright, quarters)
        found = [in_picture(each, view.matrix) for each in look(view.image)]
        if _surest(found) >= _SURE_TURNED:
            best = max(best, found, key=_surest)
    return best


def brightened(image: np.ndarray) -> np.ndarray:
    """A dark picture with its mean raised to a medium grey by a gamma curve; others as they are."""
    mean = float(image.mean())
    if not 0 < mean < _DARK:
        return image
    gamma = math.log(_MEDIUM / 255) / math.log(mean / 255)
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return cv2.LUT(image, curve)


def quarter_turned(image: np.ndarray, quarters: int) -> View:
    """A picture turned counterclockwise by so many quarters: `turned` without interpolation."""
    height, width = image.shape[:2]
    seen = np.ascontiguousarray(np.rot90(image, quarters))
    linear = np.round(turn(90 * quarters))
    shift = np.array([seen.shape[1], seen.shape[0]]) / 2 - linear @ (width / 2, height / 2)
    return View(seen, np.column_stack([linear, shift]))


def upright(look: Look, image: np.ndarray, face: Detection) -> Detection:
    """A face whose eyes say how it is turned, as the surest of eight views of it does.

    A face with a score of 0.9 is taken for upright and stays as it is, and so does one that no
    turn shows more surely.

    Args:
        look: the detector's.
        image: uint8 RGB [h, w, 3], in which the face was found.
        face: it.

    Returns:
        `face`, or with the score, the eyes and the box of the best view: the box's middle, and
        its sides, which change places as the face is turned. The first eye is the one on the left
        of the upright face, so on the right of one that is upside down.
    """
    if face.score >= _UPRIGHT:
        return face
    best, least = face, face.score + _GAIN
    for degrees in TURNS:
        view = face_view(image, face.box, degrees)
        found = [each for each in look(view.image) if _central(each.box)]
        score = _surest(found)
        if degrees == 0:
            if score >= _UPRIGHT:
                return face
            least = max(least, score + _GAIN)
        elif score > max(least, best.score):
            best = in_picture(max(found, key=lambda each: each.score), view.matrix)
    return best


def face_view(image: np.ndarray, box: Box, degrees: float) -> View:
    """The square of 128 pixels around a box in which a face turned by `degrees` is upright."""
    linear = _SIDE / (_WIDER * (box.width + box.height) / 2) * turn(degrees)
    matrix = np.column_stack([linear, _SIDE / 2 - linear @ box.center])
    return View(sampled(image, matrix, (_SIDE, _SIDE)), matrix)


def in_picture(detection: Detection, matrix: np.ndarray) -> Detection:
    """What was found in a view, in the picture's pixels.

    Args:
        detection: in the view.
        matrix: `View.matrix`.
    """
    linear = matrix[:, :2]
    scale = math.sqrt(abs(np.linalg.det(linear)))

    def back(point: Point) -> Point:
        x, y = linear.T @ (np.array(point) - matrix[:, 2]) / scale**2
        return float(x), float(y)

    box = detection.box
    x, y = back(box.center)
    lying = float(linear[0, 1] / scale) ** 2  # 0 of an upright face, 1 of one that lies
    width = ((1 - lying) * box.width + lying * box.height) / scale
    height = ((1 - lying) * box.height + lying * box.width) / scale
    return Detection(
        Box(x - width / 2, y - height / 2, width, height),
        detection.score,
        (back(detection.eyes[0]), back(detection.eyes[1])) if detection.eyes else (),
    )


def _central(box: Box) -> bool:
    """Whether a find in a face's square is that face, and not its neighbour."""
    x, y = box.center
    return math.hypot(x - _SIDE / 2, y - _SIDE / 2) < 0.3 * _SIDE


def _surest(detections: list[Detection]) -> float:
    return max((each.score for each in detections), default=0.0)
