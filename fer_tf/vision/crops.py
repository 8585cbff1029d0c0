"""Cuts faces out of pictures, framed and sized as the network's training faces are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf.errors import FerError
from fer_tf.vision.results import Box, Detection

Size = tuple[int, int]

LEVEL = 25.0
"""Degrees by which FER2013's own faces are tilted at most, nearly: aligning less gains nothing, as
scripts/measure_turns.py shows."""

FARTHEST, LEAST = 1e7, 1e-2
"""Pixels of a box's place and sides at most, and of its sides at least."""

_SAMPLES = 768  # along a crop's side at most, or its own pixels: so much may a huge face cost


@dataclass(frozen=True)
class Crop:
    """A face as the network takes it.

    Attributes:
        pixels: uint8 [h, w], grey, or [h, w, 3], RGB, of the size at which the network runs.
        matrix: float64 [2, 3], the affine map from the picture to the crop, in coordinates where
            pixel i covers [i, i + 1): the square's corners go to (0, 0) and (w, h), exactly
            as `Box` counts. OpenCV's warps count from pixel centres: see `between_centres`.
    """

    pixels: np.ndarray
    matrix: np.ndarray


def between_centres(matrix: np.ndarray) -> np.ndarray:
    """`Crop.matrix` as OpenCV's warps take it, in coordinates where pixel i's centre is i.

    Args:
        matrix: float [2, 3], between coordinates where pixel i covers [i, i + 1).

    Returns:
        float64 [2, 3].
    """
    shifted = np.array(matrix, np.float64)
    shifted[:, 2] += shifted[:, :2].sum(axis=1) / 2 - 0.5
    return shifted


def eye_angle(detection: Detection) -> float:
    """By how many degrees a face is turned clockwise, in (-180, 180]; 0 where it has no eyes.

    It is the direction from the first eye to the second, so an upside-down face has 180.
    """
    if not detection.eyes:
        return 0.0
    (left, top), (right, bottom) = detection.eyes
    return math.degrees(math.atan2(bottom - top, right - left))


def crop_face(
    image: np.ndarray,
    detection: Detection,
    size: Size,
    *,
    margin: float,
    level: float = math.inf,
    colour: bool = False,
) -> Crop:
    """The square around a detection's box, widened, upright if asked for, as the network takes it.

    It is sampled once, from the picture's own pixels: averaged over the area of each crop pixel
    where that is larger, so that large faces do not alias, else interpolated bilinearly, as the
    training enlarges its faces. Beyond the picture's edges its outermost pixels are repeated.

    Args:
        image: uint8 RGB [h, w, 3].
        detection: its box may reach beyond the picture.
        size: (height, width) in pixels of the crop.
        margin: by which share of the square's side it is widened: 0.1 makes 110 pixels of 100.
        level: degrees from which a face is turned upright, infinity for never: the square turns
            about the middle of the box so that the eyes lie level.
        colour: keep the colours, for a network that has learnt from them.

    Raises:
        FerError: the box lies wholly outside the picture, or is empty or not finite.
    """
    box = detection.box
    _check(box, image)
    side = (box.width + box.height) / 2 * (1 + margin)
    angle = eye_angle(detection)
    matrix = _square_to_crop(box.center, side, angle if abs(angle) >= level else 0.0, size)
    return Crop(_pixels(image, matrix, size, colour), matrix)


def whole_face(image: np.ndarray, size: Size, *, colour: bool = False) -> Crop:
    """A picture that is a face already, without looking for one.

    A picture that isn't square is stretched, so that nothing of the face is lost; FER2013's
    folder copies are square.

    Args:
        image: uint8 RGB [h, w, 3], h and w at least 1.
        size: (height, width) in pixels of the crop.
        colour: as of `crop_face`.
    """
    height, width = image.shape[:2]
    matrix = np.array([[size[1] / width, 0, 0], [0, size[0] / height, 0]], np.float64)
    return Crop(_pixels(image, matrix, size, colour), matrix)


def sampled(image: np.ndarray, matrix: np.ndarray, size: Size) -> np.ndarray:
    """A part of a picture, moved, turned and resized in one step.

    Args:
        image: uint8 [h, w] or [h, w, 3]; beyond its edges its outermost pixels are repeated.
        matrix: float64 [2, 3], from the picture to the result, in coordinates where pixel i
            covers [i, i + 1).
        size: (height, width) in pixels of the result.

    Returns:
        uint8 [height, width] or [height, width, 3].
    """
    image, matrix = _region(image, matrix, size)
    most = max(1, _SAMPLES // max(size))
    image, matrix = _reduced(image, matrix, most)
    # Samples along a pixel of the result. A picture that is much smaller stays coarse.
    fine = min(most, math.ceil(round(max(_pixels_a_crop_pixel(matrix)), 6)))
    height, width = size
    pixels = cv2.warpAffine(
        image,
        between_centres(fine * matrix),
        (fine * width, fine * height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA) if fine > 1 else pixels


def turn(degrees: float) -> np.ndarray:
    """float64 [2, 2], by so many degrees counterclockwise as one sees it, y pointing down."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])


def _pixels(image: np.ndarray, matrix: np.ndarray, size: Size, colour: bool) -> np.ndarray:
    if colour:
        return sampled(image, matrix, size)
    region, matrix = _region(image, matrix, size)
    grey = cv2.cvtColor(region, cv2.COLOR_RGB2GRAY)  # ITU-R BT.601's weights
    return sampled(grey, matrix, size)


def _check(box: Box, image: np.ndarray) -> None:
    height, width = image.shape[:2]
    sides = (box.left, box.top, box.width, box.height)
    told = f"the box at ({box.left:g}, {box.top:g}) of {box.width:g} x {box.height:g} pixels"
    if not (all(map(math.isfinite, sides)) and box.width > 0 and box.height > 0):
        raise FerError(f"{told} has no area, expected a width and a height above 0")
    if max(map(abs, sides)) > FARTHEST or min(box.width, box.height) < LEAST:
        raise FerError(f"{told} is no face's, expected pixels of the picture")
    if box.right <= 0 or box.bottom <= 0 or box.left >= width or box.top >= height:
        raise FerError(f"{told} lies outside the picture, which is {width} x {height} pixels")


def _square_to_crop(
    center: tuple[float, float], side: float, degrees: float, size: Size
) -> np.ndarray:
    scale = np.array([size[1], size[0]]) / side
    linear = scale[:, None] * turn(degrees)
    return np.column_stack([linear, scale * side / 2 - linear @ center])


def _region(image: np.ndarray, matrix: np.ndarray, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that the crop can see, and the map from there."""
    height, width = image.shape[:2]
    rows, columns = size
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) - matrix[:, 2]
    seen = corners @ np.linalg.inv(matrix[:, :2]).T
    limit = np.array([width, height])
    # Two pixels more than the corners reach, for what the interpolation looks at beside them,
    # and at least one pixel of the picture where only the repeated edge is seen.
    start = np.clip(np.floor(seen.min(axis=0)) - 2, 0, limit - 1).astype(int)
    end = np.clip(np.ceil(seen.max(axis=0)) + 2, start + 1, limit).astype(int)
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ start
    return image[start[1] : end[1], start[0] : end[0]], moved


def _reduced(image: np.ndarray, matrix: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """`image` no finer than `most` pixels along a crop pixel, and the map from there."""
    height, width = image.shape[:2]
    along_x, along_y = _pixels_a_crop_pixel(matrix)
    new_width = max(1, round(width / max(1.0, along_x / most)))
    new_height = max(1, round(height / max(1.0, along_y / most)))
    if (new_width, new_height) == (width, height):
        return image, matrix
    small = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_AREA)
    scale = np.array([width / new_width, height / new_height, 1])
    return small, matrix * scale


def _pixels_a_crop_pixel(matrix: np.ndarray) -> tuple[float, float]:
    """How many picture pixels in x and in y a crop pixel covers."""
    along_x, along_y = 1 / np.linalg.norm(matrix[:, :2], axis=0)
    return float(along_x), float(along_y)
