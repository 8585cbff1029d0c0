"""Maps to another grid by a fixed matrix along each axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class AlignedUpsampling(keras.layers.Layer):
    """Bilinear up-sampling that maps corners onto corners: PyTorch's `align_corners=True`.

    Called on [map, like], [n, h, w, c] and [n, H, W, d]; returns the map on the grid of the second,
    [n, H, W, c]. Output pixel i lies at i * (h - 1) / (H - 1), between its two neighbours.
    """

    def call(self, inputs):
        x, like = inputs
        return _on_grid(x, ops.shape(like)[1:3], _interpolation)

    def compute_output_shape(self, input_shape):
        (batch, _, _, channels), like = input_shape
        return (batch, *like[1:3], channels)


@keras.saving.register_keras_serializable("fer_tf")
class AdaptivePooling(keras.layers.Layer):
    """Average pooling to a grid of a given size, whatever the map's: [n, h, w, c] to [n, H, W, c].

    As PyTorch's `AdaptiveAvgPool2d`: output pixel i is the mean of the input's pixels from
    floor(i * h / H) to ceil((i + 1) * h / H), so that windows overlap where sides don't divide.

    Args:
        size: (height, width) of the result.
    """

    def __init__(self, size: tuple[int, int], **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        return _on_grid(inputs, self.size, _windows)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[3])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _on_grid(x, size: tuple[Any, Any], matrix: Callable):
    """A map [n, h, w, c] on a grid of (height, width), each side an int or a tensor.

    The products have at most the batch as an unknown side, which the exporters need.
    """
    _, rows, columns, channels = ops.shape(x)
    height, width = size
    x = ops.reshape(x, (-1, rows, columns * channels))
    x = ops.matmul(ops.cast(matrix(rows, height), x.dtype), x)
    x = ops.reshape(x, (-1, columns, channels))
    x = ops.matmul(ops.cast(matrix(columns, width), x.dtype), x)
    return ops.reshape(x, (-1, height, width, channels))


def _interpolation(size, wanted):
    """Weight of each input pixel in each output pixel: float32 [wanted, size]."""
    steps = ops.cast(ops.maximum(wanted - 1, 1), "float32")
    places = ops.arange(wanted, dtype="float32") * ops.cast(size - 1, "float32") / steps
    return ops.relu(1.0 - ops.abs(places[:, None] - ops.arange(size, dtype="float32")))


def _windows(size, wanted):
    """The same for means over windows."""
    sides, place = ops.cast(size, "float32"), ops.arange(wanted, dtype="float32")
    first, end = ops.floor(place * sides / wanted), ops.ceil((place + 1.0) * sides / wanted)
    pixels = ops.arange(size, dtype="float32")
    inside = ops.logical_and(pixels >= first[:, None], pixels < end[:, None])
    return ops.cast(inside, "float32") / (end - first)[:, None]
