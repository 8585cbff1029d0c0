"""A second look where a detector found nothing: small, dark, cut-off, filling and turned faces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf.vision.crops import between_centres
from fer_tf.vision.detectors.protocol import Detector
from fer_tf.vision.detectors.reduce import best_first, reduced
from fer_tf.vision.results import Box, Detection, Point

ANGLES = (30, -30, 60, -60, 90, -90, 180)
"""By how many degrees clockwise faces are supposed to be turned, one after the other."""

_SIDE = 480  # pixels of the longer side that is looked at
_LARGE = 800  # pixels of the longer side above which the parts show more than the whole
_PART = 0.6  # of each side that each of the four parts has; they overlap by a third of themselves
_SAME = 0.4  # IoU of two finds of one face
_BORDER = 0.4  # of the shorter side, around the picture
_DARK, _MEDIUM = 70, 110  # of 255: means below the first are brightened to about the second
_WEAK = 0.5  # score of a first look's best find below which there is a second one
_SURE = 0.9  # score that a find of the second look needs: so many looks find much that is none
_CERTAIN = 0.95  # score that needs no further look
_EYES_DOWN, _EYES_APART = 0.4, 0.4  # of the side of a frontal face's box, on average


@dataclass(frozen=True)
class View:
    """A picture seen in another way.

    Attributes:
        image: uint8 RGB [h, w, 3].
        matrix: float64 [2, 3], a turn and a shift, from the picture to the view, in coordinates
            where pixel i covers [i, i + 1).
        turned: by how many degrees clockwise a face is turned that is upright in the view.
    """

    image: np.ndarray
    matrix: np.ndarray
    turned: int = 0


class SecondLook:
    """A detector that tries harder where another one finds nothing, or nothing sure.

    It looks at the four parts of a large picture for small faces; then at the whole, brightened if
    it is dark, with a border around it, and turned by each of `ANGLES`, until it is certain; else
    the view with the surest find counts. A turned face gets the upright square of its middle and
    its size as box, and `eyes` that tell the turn, guessed from the box where the detector gives
    none: `crop_face(align=True)` makes the crop upright. The first eye is the one on the left of
    the upright face, so on the right of one that is upside down.

    A picture without faces takes up to 14 looks: a video is searched `without`.

    Attributes:
        first: the detector by itself.
    """

    def __init__(self, first: Detector) -> None:
        self.first = first

    @property
    def name(self) -> str:
        """The detector's."""
        return self.first.name

    @property
    def margin(self) -> float:
        """The detector's."""
        return self.first.margin

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
        found = self.first.detect(image)
        if _surest(found) >= _WEAK:
            return found
        if max(image.shape[:2]) > _LARGE:
            small = [face for part in parts(image) for face in self._sure(part, image)]
            if small:
                return distinct(small)
        searched = reduced(image, _SIDE)
        best: list[Detection] = []
        for view in views(searched):
            best = max(best, self._sure(view, searched), key=_surest)
            if _surest(best) >= _CERTAIN:
                break
        return best_first(best, searched, image) if best else found

    def _sure(self, view: View, image: np.ndarray) -> list[Detection]:
        """The sure finds in a view of `image`, in the pixels of that."""
        found = [in_picture(each, view) for each in self.first.detect(view.image)]
        return [each for each in found if each.score >= _SURE and _inside(each.box, image)]


def without(detector: Detector) -> Detector:
    """The detector by itself, for a video, whose next frame is another chance."""
    return detector.first if isinstance(detector, SecondLook) else detector


def parts(image: np.ndarray) -> Iterator[View]:
    """The four overlapping parts of a picture, in its own resolution."""
    height, width = image.shape[:2]
    high, wide = math.ceil(_PART * height), math.ceil(_PART * width)
    for top in (0, height - high):
        for left in (0, width - wide):
            part = image[top : top + high, left : left + wide]
            yield View(part, np.array([[1.0, 0, -left], [0, 1, -top]]))


def distinct(detections: list[Detection]) -> list[Detection]:
    """Each face once, its surest find; best score first."""
    kept: list[Detection] = []
    for each in sorted(detections, key=lambda each: -each.score):
        if all(each.box.iou(other.box) < _SAME for other in kept):
            kept.append(each)
    return kept


def views(image: np.ndarray) -> Iterator[View]:
    """The views of an RGB picture that are searched, in turn."""
    bright = brightened(image)
    if bright is not image:
        yield View(bright, np.eye(2, 3))
    yield bordered(bright)
    for degrees in ANGLES:
        yield turned(bright, degrees)


def brightened(image: np.ndarray) -> np.ndarray:
    """A dark picture with its mean raised to a medium grey by a gamma curve; others as they are."""
    mean = float(image.mean())
    if not 0 < mean < _DARK:
        return image
    gamma = math.log(_MEDIUM / 255) / math.log(mean / 255)
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return cv2.LUT(image, curve)


def bordered(image: np.ndarray) -> View:
    """The picture within a border of its own edge pixels: cut-off faces, and ones that fill it."""
    border = math.ceil(_BORDER * min(image.shape[:2]))
    wider = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)
    return View(wider, np.array([[1.0, 0, border], [0, 1, border]]))


def turned(image: np.ndarray, degrees: int) -> View:
    """The whole picture turned counterclockwise, so that a face turned by `degrees` is upright."""
    height, width = image.shape[:2]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    wide = math.ceil(width * abs(cosine) + height * abs(sine) - 1e-6)
    high = math.ceil(width * abs(sine) + height * abs(cosine) - 1e-6)
    linear = np.array([[cosine, sine], [-sine, cosine]])
    shift = np.array([wide, high]) / 2 - linear @ (width / 2, height / 2)
    matrix = np.column_stack([linear, shift])
    seen = cv2.warpAffine(
        image, between_centres(matrix), (wide, high), borderMode=cv2.BORDER_REPLICATE
    )
    return View(seen, matrix, degrees)


def in_picture(detection: Detection, view: View) -> Detection:
    """What was found in a view, in the picture's pixels."""
    box = detection.box
    x, y = _back(box.center, view)
    eyes = detection.eyes
    if view.turned and not eyes:
        middle, level = box.center[0], box.top + _EYES_DOWN * box.height
        half = _EYES_APART * box.width / 2
        eyes = (middle - half, level), (middle + half, level)
    return Detection(
        Box(x - box.width / 2, y - box.height / 2, box.width, box.height),
        detection.score,
        (_back(eyes[0], view), _back(eyes[1], view)) if eyes else (),
    )


def _back(point: Point, view: View) -> Point:
    x, y = view.matrix[:, :2].T @ (np.array(point) - view.matrix[:, 2])  # a turn's inverse
    return float(x), float(y)


def _surest(detections: list[Detection]) -> float:
    return max((each.score for each in detections), default=0.0)


def _inside(box: Box, image: np.ndarray) -> bool:
    """Whether the picture holds the box's middle: a border's repeated pixels are no face."""
    x, y = box.center
    return 0 <= x < image.shape[1] and 0 <= y < image.shape[0]
