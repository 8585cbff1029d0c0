"""Up-sampling by a fixed matrix along each axis."""

from __future__ import annotations

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
        _, rows, columns, channels = ops.shape(x)
        height, width = ops.shape(like)[1:3]
        # Of each product's sides at most the batch is unknown, which the exporters need.
        x = ops.reshape(x, (-1, rows, columns * channels))
        x = ops.matmul(ops.cast(_weights(rows, height), x.dtype), x)
        x = ops.reshape(x, (-1, columns, channels))
        x = ops.matmul(ops.cast(_weights(columns, width), x.dtype), x)
        return ops.reshape(x, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        (batch, _, _, channels), like = input_shape
        return (batch, *like[1:3], channels)


def _weights(size, wanted):
    """Weight of each input pixel in each output pixel: float32 [wanted, size]."""
    steps = ops.cast(ops.maximum(wanted - 1, 1), "float32")
    places = ops.arange(wanted, dtype="float32") * ops.cast(size - 1, "float32") / steps
    return ops.relu(1.0 - ops.abs(places[:, None] - ops.arange(size, dtype="float32")))
