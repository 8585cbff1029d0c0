"""From the maps of several stages to one map."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class StageFusion(keras.layers.Layer):
    """Fusion block of Safavi et al. (IEEE BSN 2023, section II): all stages' maps to one.

    The earlier maps are max-pooled to the grid of the last one, all are
    concatenated and projected by a 1x1 convolution with bias to the channels
    of the last map; the result is multiplied by the last map, which is then
    added: out = f * last + last.

    Called on a list of maps [n, h_i, w_i, c_i], finest first; returns a map of
    the shape of the last. The paper pools with kernel and stride 8, 4, 2: the
    same as here where sides divide. Elsewhere the last windows are cut off by
    the border, so that the grids agree for every input size.
    """

    def __init__(self, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        self.project = keras.layers.Conv2D(
            input_shape[-1][-1],
            1,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="project",
        )
        self.project.build((None, None, None, sum(shape[-1] for shape in input_shape)))
        self.built = True

    def call(self, inputs):
        earlier, last = inputs[:-1], inputs[-1]
        # Each stage halves the grid: 8, 4, 2 for four of them.
        strides = [2**i for i in range(len(earlier), 0, -1)]
        pooled = [
            ops.max_pool(x, stride, stride, padding="same")
            for x, stride in zip(earlier, strides, strict=True)
        ]
        fused = self.project(ops.concatenate([*pooled, last], axis=-1))
        return fused * last + last

    def compute_output_shape(self, input_shape):
        return input_shape[-1]

    def get_config(self):
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": initializer}
