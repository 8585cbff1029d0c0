"""RandAugment: two random changes of a picture, one after the other, all of one strength.

Cubuk, Zoph, Shlens, Le, "RandAugment: Practical automated data augmentation with a reduced search
space", 2020, section 3; the ranges are those of torchvision's function of that name. Levels are
changed here; what moves becomes a part of the one warp of `fer_tf.data.augment`, so that what the
first change moves out of the picture the second can bring back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops

from fer_tf.data import geometry, hashed
from fer_tf.data.corruptions import per_image, stretch_levels

COUNT = 2
"""Changes of a picture."""


def drawn(seeds) -> tuple[Any, Any]:
    """The changes of each picture.

    Args:
        seeds: float32 [n] in [0, 1), as of `hashed.uniform`.

    Returns:
        int32 [n, COUNT], places in `CHANGES`, and float32 [n, COUNT], their signs, 1 or -1.
    """
    numbers = hashed.uniform(seeds, 2 * COUNT)
    kinds = ops.cast(ops.floor(numbers[:, :COUNT] * len(CHANGES)), "int32")
    return kinds, ops.where(numbers[:, COUNT:] < 0.5, -1.0, 1.0)


def change_levels(images, kinds, signs, strength: float):
    """Make those changes that are of levels, rounded to whole ones.

    Args:
        images: float32 [n, h, w, c], c = 1 or 3.
        kinds, signs: as `drawn` returns them.
        strength: 0 to 10.
    """
    for i in range(COUNT):
        before = images
        for name, change in LEVELS.items():
            chosen = per_image(kinds[:, i] == CHANGES.index(name))
            made = ops.round(change(before, strength / 10, per_image(signs[:, i])))
            images = ops.where(chosen, made, images)
    return images


def of_changes(matrices, kinds, signs, strength: float, source: tuple[int, int]):
    """The maps to pictures that are moved as `kinds` says, on to those that are not.

    Args:
        matrices: float32 [n, 6], as of `geometry`.
        kinds, signs: as `drawn` returns them.
        strength: 0 to 10.
        source: (h, w) of the pictures.

    Returns:
        float32 [n, 6].
    """
    h, w = source

    def amount(name, i, most):
        chosen = ops.cast(kinds[:, i] == CHANGES.index(name), "float32")
        return ops.reshape(chosen * signs[:, i] * (most * strength / 10), (-1, 1))

    for i in reversed(range(COUNT)):
        angle = amount("rotate", i, math.radians(30.0))
        shear_x, shear_y = (amount(f"shear_{axis}", i, 0.3) for axis in "xy")
        shift_x = amount("translate_x", i, 150 / 331 * w)
        shift_y = amount("translate_y", i, 150 / 331 * h)
        # About the centre for a turn, about the upper left corner for a shear; see `positions`.
        cosine, sine = ops.cos(angle), ops.sin(angle)
        middle_x, middle_y = (w - 1) / 2, (h - 1) / 2
        start_x = middle_x - cosine * middle_x + sine * middle_y + shear_x / 2 + shift_x
        start_y = middle_y - sine * middle_x - cosine * middle_y + shear_y / 2 + shift_y
        x, y = matrices[:, :3], matrices[:, 3:]
        matrices = ops.concatenate(
            [
                cosine * x + (shear_x - sine) * y + geometry.constant(start_x),
                (shear_y + sine) * x + cosine * y + geometry.constant(start_y),
            ],
            axis=1,
        )
    return matrices


def equalize(images):
    """Pillow's: each channel's levels, as often in each part of 0 to 255 as whole steps allow."""
    count, h, w, channels = ops.shape(images)
    levels = ops.cast(ops.transpose(images, (0, 3, 1, 2)), "int32")
    levels = ops.reshape(levels, (count * channels, h * w))
    rows = ops.reshape(ops.arange(count * channels, dtype="int32"), (-1, 1))
    ones = ops.ones_like(ops.reshape(levels, (-1,)))
    places = ops.reshape(rows * 256 + levels, (-1,))
    histogram = ops.segment_sum(ones, places, num_segments=count * channels * 256)
    histogram = ops.reshape(histogram, (count * channels, 256))
    lightest = ops.max(levels, axis=1, keepdims=True)
    step = (h * w - ops.take_along_axis(histogram, lightest, axis=1)) // 255
    below = ops.cumsum(histogram, axis=1) - histogram
    whole = ops.maximum(step, 1)
    table = ops.minimum((whole // 2 + below) // whole, 255)
    made = ops.where(step > 0, ops.take_along_axis(table, levels, axis=1), levels)
    made = ops.reshape(ops.cast(made, "float32"), (count, channels, h, w))
    return ops.transpose(made, (0, 2, 3, 1))


def smooth(images):
    """Pillow's filter SMOOTH: the mean of a pixel, five times, and its neighbours, but at edges."""
    means = ops.average_pool(images, 3, strides=1, padding="valid")
    change = (9.0 * means + 4.0 * images[:, 1:-1, 1:-1]) / 13.0 - images[:, 1:-1, 1:-1]
    return images + ops.pad(change, [(0, 0), (1, 1), (1, 1), (0, 0)])


def grey(images):
    """Luma (ITU-R BT.601), [n, h, w, 1]."""
    if images.shape[-1] == 1:
        return images
    return ops.dot(images, ops.convert_to_tensor([[0.299], [0.587], [0.114]], "float32"))


def _solarize(images, share: float):
    return ops.where(images >= 255.0 * (1.0 - share), 255.0 - images, images)


def _posterize(images, share: float):
    step = 2.0 ** round(4 * share)
    return ops.floor(images / step) * step


def _blend(other, images, share: float, sign):
    """From another picture through this one and beyond, by 0.9 at the most either way."""
    return ops.clip(other + (images - other) * (1.0 + 0.9 * share * sign), 0.0, 255.0)


LEVELS = {
    "auto_contrast": lambda x, share, sign: stretch_levels(x, chosen=np.array([True])),
    "equalize": lambda x, share, sign: equalize(x),
    "solarize": lambda x, share, sign: _solarize(x, share),
    "posterize": lambda x, share, sign: _posterize(x, share),
    "color": lambda x, share, sign: _blend(grey(x), x, share, sign),
    "contrast": lambda x, share, sign: _blend(
        ops.round(ops.mean(grey(x), axis=(1, 2, 3), keepdims=True)), x, share, sign
    ),
    "brightness": lambda x, share, sign: _blend(0.0, x, share, sign),
    "sharpness": lambda x, share, sign: _blend(smooth(x), x, share, sign),
}
"""By name, the changes of levels: (images, strength from 0 to 1, signs [n, 1, 1, 1]) to images."""

CHANGES = (
    "identity",
    *LEVELS,
    *("rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
)
"""All fourteen."""
