"""From an image, or a feature map, to a map of overlapping patches."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.normalization import LayerNormalization


@keras.saving.register_keras_serializable("fer_tf")
class OverlapPatchEmbedding(keras.layers.Layer):
    """Overlapping patch embedding: a strided convolution and a LayerNorm.

    [n, h, w, c] -> [n, ceil(h / stride), ceil(w / stride), channels] for the kernels of SegFormer
    (Xie et al., 2021, section 3.1): padding is patch_size // 2 on every side, which is not
    Keras' "same", whose padding depends on the input size and leans to the bottom right.

    Args:
        channels: output channels.
        patch_size: side of the kernel, odd.
        stride: step of the kernel.
        epsilon: of the LayerNorm; 1e-5 in SegFormer.
    """

    def __init__(
        self,
        channels: int,
        *,
        patch_size: int,
        stride: int,
        epsilon: float = 1e-5,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.channels = channels
        self.patch_size = patch_size
        self.stride = stride
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.projection = keras.layers.Conv2D(
            channels,
            patch_size,
            strides=stride,
            padding="valid",
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="projection",
        )
        self.norm = LayerNormalization(epsilon=epsilon, dtype=self.dtype_policy, name="norm")

    def build(self, input_shape):
        self.projection.build((None, None, None, input_shape[-1]))
        self.norm.build((None, None, None, self.channels))
        self.built = True

    def call(self, inputs):
        pad = self.patch_size // 2
        x = ops.pad(inputs, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        return self.norm(self.projection(x))

    def compute_output_shape(self, input_shape):
        margin = 2 * (self.patch_size // 2) - self.patch_size
        height, width = (
            None if side is None else (side + margin) // self.stride + 1
            for side in input_shape[1:3]
        )
        return (input_shape[0], height, width, self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "patch_size": self.patch_size,
            "stride": self.stride,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
