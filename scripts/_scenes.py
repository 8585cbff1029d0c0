"""Pictures with one face of FER2013 each, whose place is known: what detectors are measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from fer_tf.vision.detectors.protocol import Detector
from fer_tf.vision.results import Box, Detection

WIDTH, HEIGHT = 640, 480
SIZES = (48, 72, 96, 160, 280)
"""Sides of the pasted squares, in pixels."""
BORDER = 24
"""Pixels of 48 that are added on each side of a face."""
IOU = 0.4
"""What a find and the face have in common at least, over what they cover together."""
PHOTOS = ("brick", "chelsea", "coffee", "coins", "grass", "gravel", "moon", "page", "rocket")
"""Pictures of scikit-image's wheel in which there is nobody."""


@dataclass(frozen=True)
class Scene:
    """A picture and its face.

    Attributes:
        image: uint8 RGB [480, 640, 3].
        square: where the face is.
    """

    image: np.ndarray
    square: Box


def scene(face: np.ndarray, number: int, size: int, *, seed: int) -> Scene:
    """A face, uint8 [48, 48], enlarged to `size`, in a picture that shows nobody else.

    A function of `seed` and `number`. The middle of the face lies anywhere in the picture's middle
    half, so that most of its surround is there.
    """
    draw = np.random.default_rng([seed, number, size])
    image = _background(draw)
    left = round(float(draw.uniform(0.25, 0.75)) * (WIDTH - size))
    top = round(float(draw.uniform(0.25, 0.75)) * (HEIGHT - size))
    large = cv2.resize(surrounded(face), (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
    x, y = left - size // 2, top - size // 2
    rows, columns = slice(max(y, 0), min(y + 2 * size, HEIGHT)), slice(max(x, 0), x + 2 * size)
    there = large[rows.start - y : rows.stop - y, columns.start - x :][:, : WIDTH - columns.start]
    image[rows, columns] = there[..., None]
    return Scene(image, Box(left, top, size, size))


def found_scenes(
    faces: np.ndarray, detector: Detector, *, seed: int
) -> Iterator[tuple[int, Scene, Detection]]:
    """The faces, uint8 [n, 48, 48], that a detector finds in a scene each, with their numbers."""
    for number, face in enumerate(faces):
        pasted = scene(face, number, SIZES[number % len(SIZES)], seed=seed)
        hits = [d for d in detector.detect(pasted.image) if d.box.iou(pasted.square) >= IOU]
        if hits:
            yield number, pasted, hits[0]


def surrounded(face: np.ndarray) -> np.ndarray:
    """A face, uint8 [48, 48], with its border mirrored and blurred outward: uint8 [96, 96].

    As of a head: FER2013's faces fill their squares.
    """
    wide = cv2.copyMakeBorder(face, *[BORDER] * 4, cv2.BORDER_REFLECT_101)
    soft = cv2.GaussianBlur(wide, (0, 0), 4)
    inner = np.zeros(wide.shape, np.float32)
    inner[BORDER:-BORDER, BORDER:-BORDER] = 1
    inner = np.maximum(inner, cv2.GaussianBlur(inner, (0, 0), 2))
    return np.round(inner * wide + (1 - inner) * soft).astype(np.uint8)


def background(number: int, *, seed: int) -> np.ndarray:
    """A picture without a face, uint8 [480, 640, 3]: a function of `seed` and `number`."""
    return _background(np.random.default_rng([seed, number]))


def _background(draw: np.random.Generator) -> np.ndarray:
    """A part of a photo at a random scale, a flat colour or a gradient: uint8 [480, 640, 3]."""
    kind = int(draw.integers(0, len(PHOTOS) + 2))
    if kind == len(PHOTOS):
        return np.full((HEIGHT, WIDTH, 3), draw.integers(0, 256, 3), np.uint8)
    if kind > len(PHOTOS):
        ends = draw.integers(0, 256, (2, 1, 3))
        share = np.linspace(0, 1, WIDTH)[:, None]
        row = (1 - share) * ends[0] + share * ends[1]
        return np.repeat(row[None].astype(np.uint8), HEIGHT, axis=0)
    photo = _photo(PHOTOS[kind])
    fit = max(WIDTH / photo.shape[1], HEIGHT / photo.shape[0])
    scale = fit * float(draw.uniform(1, 2))
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    top = int(draw.integers(0, photo.shape[0] - HEIGHT + 1))
    left = int(draw.integers(0, photo.shape[1] - WIDTH + 1))
    return photo[top : top + HEIGHT, left : left + WIDTH].copy()


@cache
def _photo(name: str) -> np.ndarray:
    from skimage import data

    photo = getattr(data, name)()
    return cv2.cvtColor(photo, cv2.COLOR_GRAY2RGB) if photo.ndim == 2 else photo[..., :3]
