"""Pictures with one face of FER2013 each, whose place is known: what detectors are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from fer_tf.vision.results import Box

WIDTH, HEIGHT = 640, 480
SIZES = (48, 72, 96, 160, 280)
"""Sides of the pasted squares, in pixels."""
PHOTOS = ("brick", "chelsea", "coffee", "coins", "grass", "gravel", "moon", "page", "rocket")
"""Pictures of scikit-image's wheel in which there is nobody."""


@dataclass(frozen=True)
class Scene:
    """A picture and its face.

    Attributes:
        image: uint8 RGB [480, 640, 3].
        square: where the face is.
        size: the square's side.
        feathered: whether its edge fades into the background.
    """

    image: np.ndarray
    square: Box
    size: int
    feathered: bool


def scene(face: np.ndarray, number: int, size: int, *, seed: int) -> Scene:
    """A face, uint8 [48, 48], enlarged to `size` and pasted: a function of `seed` and `number`.

    Every other face's edge is feathered, over an eighth of its side outside the face.
    """
    draw = np.random.default_rng([seed, number, size])
    image = _background(draw)
    left = int(draw.integers(0, WIDTH - size + 1))
    top = int(draw.integers(0, HEIGHT - size + 1))
    feathered = bool(number % 2)
    large = cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    spread = size // 8 if feathered else 0
    padded = cv2.copyMakeBorder(image, *[spread] * 4, cv2.BORDER_REPLICATE)
    part = padded[top : top + size + 2 * spread, left : left + size + 2 * spread]
    face_there = cv2.copyMakeBorder(large, *[spread] * 4, cv2.BORDER_REPLICATE)
    mask = np.zeros((size + 2 * spread,) * 2, np.float32)
    mask[spread : spread + size, spread : spread + size] = 1
    if spread:
        distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
        mask = np.clip(1 - distance / spread, 0, 1)
    mixed = mask[..., None] * face_there[..., None] + (1 - mask[..., None]) * part
    part[...] = np.round(mixed).astype(np.uint8)
    image = padded[spread : spread + HEIGHT, spread : spread + WIDTH]
    return Scene(np.ascontiguousarray(image), Box(left, top, size, size), size, feathered)


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


@cache
def photos() -> dict[str, np.ndarray]:
    """Freely licensed photos of one person each: uint8 RGB."""
    import matplotlib
    from skimage import data

    hopper = matplotlib.get_data_path() + "/sample_data/grace_hopper.jpg"
    return {
        "astronaut": data.astronaut(),
        "grace_hopper": cv2.cvtColor(cv2.imread(hopper), cv2.COLOR_BGR2RGB),
    }


def headed_scene(face: np.ndarray, number: int, size: int, *, seed: int) -> Scene:
    """As `scene`, but half a side around the face is as of a head.

    FER2013's faces have nothing around them: their border is mirrored outward, blurred the more
    the farther it is, and fades into the background.
    """
    draw = np.random.default_rng([seed, number, size])
    image = _background(draw)
    around = size // 2
    left = int(draw.integers(0, WIDTH - size + 1))
    top = int(draw.integers(0, HEIGHT - size + 1))
    large = cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(large, *[around] * 4, cv2.BORDER_REFLECT_101)
    outside = np.ones(wide.shape, np.uint8)
    outside[around:-around, around:-around] = 0
    far = np.clip(cv2.distanceTransform(outside, cv2.DIST_L2, 5) / around, 0, 1)
    for share in (0.1, 0.3, 0.6):
        soft = cv2.GaussianBlur(wide, (0, 0), share * size / 6)
        wide = np.where(far > share * 0.7, soft, wide)
    padded = cv2.copyMakeBorder(image, *[around] * 4, cv2.BORDER_REPLICATE)
    part = padded[top : top + size + 2 * around, left : left + size + 2 * around]
    mask = np.clip(2 * (1 - far), 0, 1)[..., None]
    part[...] = np.round(mask * wide[..., None] + (1 - mask) * part).astype(np.uint8)
    image = padded[around : around + HEIGHT, around : around + WIDTH]
    return Scene(np.ascontiguousarray(image), Box(left, top, size, size), size, True)
