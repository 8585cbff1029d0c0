"""Geometry: what the one warp of `fer_tf.data.augment` is told, and what no affine map can do.

Pure functions in keras.ops. Matrices are those of `augment.warp_matrices`: float32 [n, 6], the
maps from output to input pixels.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops

TRIES = 10
"""A random crop that doesn't fit into the picture is drawn so many times at most."""

CROP = 40 / 48
"""Side of each of the ten crops over the face's: 40 of 48 pixels (Khaireddin and Chen, 2021)."""

CROPS = 10
"""The four corners and the centre, and the mirror image of each."""

STRIPS = 5
"""Columns and rows of the grid that `distort` bends."""


def random_crop(
    numbers, source: tuple[int, int], *, area: tuple[float, float], aspect: tuple[float, float]
):
    """A random part of each picture, as torchvision's RandomResizedCrop draws it.

    Its area is uniform and its aspect log-uniform; its sides are rounded to whole pixels, and it
    is drawn anew while it is larger than the picture. If none of `TRIES` fits, it is the largest
    central one whose aspect lies in the range.

    Args:
        numbers: float32 [n, 2 * TRIES + 2] in [0, 1): areas, aspects, and the place.
        source: (h, w) of the pictures.
        area: lowest and highest share of the picture's area.
        aspect: lowest and highest width over height.

    Returns:
        (left, top, width, height), each float32 [n], whole pixels.
    """
    h, w = source
    areas = h * w * (area[0] + (area[1] - area[0]) * numbers[:, :TRIES])
    low, high = math.log(aspect[0]), math.log(aspect[1])
    aspects = ops.exp(low + (high - low) * numbers[:, TRIES : 2 * TRIES])
    widths, heights = ops.round(ops.sqrt(areas * aspects)), ops.round(ops.sqrt(areas / aspects))
    fits = (widths > 0) & (widths <= w) & (heights > 0) & (heights <= h)
    first = ops.argmax(ops.cast(fits, "int32"), axis=1)[:, None]
    found = ops.any(fits, axis=1)
    central_h = min(h, max(1, round(w / aspect[0])))
    central_w = min(w, max(1, round(h * aspect[1])))

    def side(sides, central):
        return ops.where(found, ops.take_along_axis(sides, first, axis=1)[:, 0], float(central))

    def start(number, room, central):
        return ops.where(found, ops.floor(number * (room + 1.0)), float(central))

    width, height = side(widths, central_w), side(heights, central_h)
    left = start(numbers[:, -2], w - width, (w - central_w) // 2)
    top = start(numbers[:, -1], h - height, (h - central_h) // 2)
    return left, top, width, height


def of_crop(matrices, crop, source: tuple[int, int]):
    """The maps to pictures of size `source` that are each a part of one, `random_crop`'s, enlarged.

    Args:
        matrices: float32 [n, 6], of the enlarged part.
        crop: (left, top, width, height), each float32 [n], pixels.
        source: (h, w).

    Returns:
        float32 [n, 6].
    """
    left, top, width, height = (each[:, None] for each in crop)
    across, down = width / source[1], height / source[0]
    # From index to pixel edge, and back: half a pixel of either size.
    x = matrices[:, :3] * across + constant(left - 0.5 + 0.5 * across)
    y = matrices[:, 3:] * down + constant(top - 0.5 + 0.5 * down)
    return ops.concatenate([x, y], axis=1)


def constant(values):
    """[n, 1] as the last column of [n, 3], after zeros."""
    return values * np.array([[0.0, 0.0, 1.0]], np.float32)


def of_ten_crops(matrices, size: tuple[int, int]):
    """The maps of the ten crops of a picture whose own map is known.

    Args:
        matrices: float32 [n, 6], of the whole picture, whose sides are those of `size` / `CROP`.
        size: (height, width) of a crop.

    Returns:
        float32 [10 n, 6]: of each picture top left, top right, bottom left, bottom right, centre,
        and the mirror image of each.
    """
    height, width = size
    far_x, far_y = width / CROP - width, height / CROP - height
    places = [(0, 0), (far_x, 0), (0, far_y), (far_x, far_y), (far_x / 2, far_y / 2)]
    x, y = np.array(places * 2, np.float32).T
    mirror = np.repeat(np.array([1, -1], np.float32), 5)
    x = x + (width - 1) * (mirror < 0)
    # Not [:, i, None]: TensorFlow's graph optimiser loses the new axis where `matrices` is a stack.
    a, b, c, d, e, f = (ops.reshape(matrices[:, i], (-1, 1)) for i in range(6))
    same = np.ones(CROPS, np.float32)
    maps = [a * mirror, b * same, a * x + b * y + c, d * mirror, e * same, d * x + e * y + f]
    return ops.reshape(ops.stack(maps, axis=-1), (-1, 6))


def positions(matrices, size: tuple[int, int]):
    """Where each output pixel's centre lies in the input: x and y, each float32 [n, h, w]."""
    a, b, c, d, e, f = (ops.reshape(matrices[:, i], (-1, 1, 1)) for i in range(6))
    x = ops.arange(size[1], dtype="float32")[None, None, :]
    y = ops.arange(size[0], dtype="float32")[None, :, None]
    return a * x + b * y + c, d * x + e * y + f


def inside(matrices, size: tuple[int, int], part):
    """1 where an output pixel's centre lies in a part of the input, else 0.

    Args:
        matrices: float32 [n, 6].
        size: (height, width) of the output.
        part: (left, top, width, height) in pixels, each a number or float32 [n].

    Returns:
        float32 [n, height, width, 1].
    """
    x, y = positions(matrices, size)
    left, top, width, height = (ops.reshape(each, (-1, 1, 1)) for each in part)
    across = (x >= left - 0.5) & (x < left + width - 0.5)
    down = (y >= top - 0.5) & (y < top + height - 0.5)
    return ops.cast(across & down, "float32")[..., None]


def mirrored(position, length: int):
    """A position in a picture that is mirrored about its outermost pixels, as one in the picture.

    Args:
        position: float32, any; -1 is where 1 is.
        length: of the picture's side, which is answered from 0 to length - 1.
    """
    last = length - 1.0
    if not last:
        return ops.zeros_like(position)
    return last - ops.abs(ops.mod(position, 2.0 * last) - last)


def distort(images, *, columns, rows):
    """Stretch and squeeze the columns and the rows of a grid over each picture.

    Albumentations' GridDistortion with `normalized`, so that the picture stays filled to its edges;
    there the strips' widths are rounded down to whole pixels.

    Args:
        images: float32 [n, h, w, c].
        columns, rows: float32 [n, STRIPS], above 0: the strips' sizes in the picture before, in
            proportion. Each becomes one of `STRIPS` equal ones.

    Returns:
        float32 [n, h, w, c], interpolated bilinearly.
    """
    h, w, channels = images.shape[1:]
    x = ops.reshape(images, (-1, h, w * channels))
    x = ops.reshape(ops.matmul(_bent(rows, h), x), (-1, h, w, channels))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, w, h * channels))
    x = ops.reshape(ops.matmul(_bent(columns, w), x), (-1, w, h, channels))
    return ops.transpose(x, (0, 2, 1, 3))


def _bent(strips, side: int):
    """Float32 [n, side, side]: row i holds the weights of the pixels that become pixel i."""
    at = (np.arange(side, dtype=np.float32) + 0.5) / side
    strips = strips / ops.sum(strips, axis=1, keepdims=True)
    # How much of each strip lies before a pixel. Summed one by one: a matrix product of positions
    # would be rounded too coarsely on some accelerators.
    before = [strips[:, i, None] * np.clip(STRIPS * at - i, 0.0, 1.0) for i in range(STRIPS)]
    position = ops.clip(sum(before) * side - 0.5, 0.0, side - 1.0)
    pixels = np.arange(side, dtype=np.float32)
    return ops.maximum(1.0 - ops.abs(position[:, :, None] - pixels), 0.0)
