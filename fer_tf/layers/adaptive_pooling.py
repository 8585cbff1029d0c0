"""Averages over a fixed grid of a map, whatever the map's size."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class AdaptiveAveragePooling(keras.layers.Layer):
    """Average a map over a grid: float [n, h, w, c] to [n, grid, grid, c], as PyTorch does.

    Of a side of h places, cell i averages those from floor(i * h / grid) to
    ceil((i + 1) * h / grid): cells overlap where h is no multiple of the grid, and repeat places
    where h is smaller, which Keras' own function refuses at h = 1. The slices' bounds are numbers
    of the graph, so that every converter takes it.

    Args:
        grid: cells a side.

    Raises:
        ValueError: when built, for a height or width that is not known.
    """

    def __init__(self, grid: int, **keywords):
        super().__init__(**keywords)
        self.grid = grid

    def build(self, input_shape):
        if None in input_shape[1:3]:
            raise ValueError(f"{self.name}: needs the height and width of its map known")

    def call(self, inputs):
        return self._along(self._along(inputs, 1), 2)

    def _along(self, x, axis: int):
        side = x.shape[axis]
        if side == self.grid:
            return x
        bounds = [
            (i * side // self.grid, -(-(i + 1) * side // self.grid)) for i in range(self.grid)
        ]
        slices = [x[:, a:b] if axis == 1 else x[:, :, a:b] for a, b in bounds]
        means = [ops.mean(each, axis=axis, keepdims=True) for each in slices]
        return ops.concatenate(means, axis=axis)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.grid, self.grid, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "grid": self.grid}
