"""What light, lenses and files do to a picture: pure functions of a batch of faces.

Written with keras.ops, as `fer_tf.data.augment`, which draws their strengths in training.
"""

from __future__ import annotations

import math

import numpy as np
from keras import ops

from fer_tf.data import hashed


def spoil_light(images, *, gain, gamma, haze):
    """255 (x / 255)^gamma, dimmed by `gain`, under a grey veil, rounded as a camera does.

    Args:
        images: float32 [n, h, w, c] in [0, 255].
        gain: float32 [n] in (0, 1]: 1/8 is an eighth of the light.
        gamma: float32 [n], above 0; 1 for none.
        haze: float32 [n] in [0, 1]: share of the veil, of level 200; 0 for none.
    """
    gain, gamma, haze = (per_image(v) for v in (gain, gamma, haze))
    # Not 0, whose power has no gradient.
    x = 255.0 * ops.power(ops.maximum(images, 1e-3) / 255.0, gamma) * gain
    return ops.round(x * (1.0 - haze) + 200.0 * haze * gain)


def stretch_levels(images, *, chosen):
    """Stretch the chosen pictures' levels to 0 to 255, each channel by itself.

    Args:
        images: float32 [n, h, w, c]; a channel of one level stays as it is.
        chosen: bool [n].
    """
    low = ops.min(images, axis=(1, 2), keepdims=True)
    span = ops.max(images, axis=(1, 2), keepdims=True) - low
    stretched = (images - low) * (255.0 / ops.where(span > 0, span, 255.0))
    return ops.where(ops.logical_and(per_image(chosen), span > 0), stretched, images)


def add_noise(images, *, width, seeds):
    """Add Gaussian noise, to each channel its own, and clip to [0, 255].

    Args:
        images: float32 [n, h, w, c].
        width: standard deviation in levels.
        seeds: float32 [n] in [0, 1), which decide the noise (`fer_tf.data.hashed`).
    """
    noise = hashed.normal(seeds, math.prod(images.shape[1:]))
    return ops.clip(images + width * ops.reshape(noise, (-1, *images.shape[1:])), 0.0, 255.0)


def blur(images, *, width):
    """Blur by a Gaussian; beyond the border the nearest pixels weigh more instead.

    Args:
        images: float32 [n, h, w, c].
        width: float32 [n], standard deviation in pixels; 0 for none.
    """
    x, width = _grey(images, width)
    rows, columns = (_gaussian(width, side) for side in x.shape[1:3])
    blurred = ops.matmul(ops.matmul(rows, x), ops.transpose(columns, (0, 2, 1)))
    return _coloured(blurred, images.shape[-1])


def _gaussian(width, side: int):
    """Float32 [n, side, side]: row i holds the weights of the pixels around pixel i; sum 1."""
    at = ops.arange(side, dtype="float32")
    squared = ops.square(at[:, None] - at[None, :])[None]
    scale = 0.5 / ops.square(ops.maximum(width, 0.1))
    weights = ops.exp(-squared * scale[:, None, None])
    return weights / ops.sum(weights, axis=-1, keepdims=True)


def jpeg(images, *, quality):
    """The levels that are left of a picture in a JPEG file (ITU-T T.81, annex A.3, K.1).

    Args:
        images: float32 [n, h, w, c] in [0, 255], each channel by itself. Rows and columns beyond
            the last whole block of 8 stay as they are.
        quality: float32 [n], 1 to 100, as libjpeg counts.
    """
    x, quality = _grey(images, quality)
    h, w = (side // 8 * 8 for side in images.shape[1:3])
    scale = ops.where(quality < 50.0, 5000.0 / quality, 200.0 - 2.0 * quality) / 100.0
    steps = ops.clip(
        ops.round(ops.reshape(scale, (-1, 1, 1, 1, 1)) * _JPEG_LUMINANCE[:, None]), 1.0, 255.0
    )
    blocks = ops.reshape(x[:, :h, :w] - 128.0, (-1, h // 8, 8, w // 8, 8))
    spectrum = ops.einsum("ui,naibj,vj->naubv", _DCT, blocks, _DCT)
    spectrum = ops.round(spectrum / steps) * steps
    blocks = ops.einsum("ui,naubv,vj->naibj", _DCT, spectrum, _DCT)
    levels = ops.clip(ops.round(ops.reshape(blocks, (-1, h, w)) + 128.0), 0.0, 255.0)
    whole = _coloured(levels, images.shape[-1])
    if (h, w) == tuple(images.shape[1:3]):
        return whole
    top = ops.concatenate([whole, images[:, :h, w:]], axis=2)
    return ops.concatenate([top, images[:, h:]], axis=1)


_DCT = np.array(
    [[math.cos((2 * i + 1) * u * math.pi / 16) for i in range(8)] for u in range(8)], np.float32
) * np.array([[math.sqrt(1 / 8)]] + [[0.5]] * 7, np.float32)
"""The orthonormal cosine transform of eight numbers."""

_JPEG_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""Table K.1: the steps of the cosines at quality 50, by vertical and horizontal frequency."""


def _grey(images, strengths):
    """[n, h, w, c] and [n] as [n * c, h, w] and [n * c]: each channel a picture of its own."""
    channels = images.shape[-1]
    if channels == 1:
        return images[..., 0], strengths
    planes = ops.reshape(ops.transpose(images, (0, 3, 1, 2)), (-1, *images.shape[1:3]))
    return planes, ops.repeat(strengths, channels)


def _coloured(planes, channels: int):
    """[n * c, h, w] as [n, h, w, c]."""
    if channels == 1:
        return planes[..., None]
    return ops.transpose(ops.reshape(planes, (-1, channels, *planes.shape[1:])), (0, 2, 3, 1))


def per_image(values):
    """[n] to [n, 1, 1, 1], to go with images."""
    return ops.reshape(values, (-1, 1, 1, 1))
