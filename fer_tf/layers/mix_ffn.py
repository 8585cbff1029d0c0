"""The feed-forward network that knows where it is."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.pointwise import SQRT_HALF, Projection, affine, gelu, scaled_gelu


@keras.saving.register_keras_serializable("fer_tf")
class MixFFN(keras.layers.Layer):
    """Mix-FFN of SegFormer (Xie et al., 2021, section 3.1, equation 3), [n, h, w, c] to same.

    Dense, depthwise 3x3 convolution, exact GELU, Dense. The zero padding of
    the convolution is what tells positions apart: it replaces positional
    embeddings, so that any input size works.

    Args:
        ratio: width of the hidden map over c.
    """

    def __init__(
        self,
        *,
        ratio: int = 4,
        dense_initializer="glorot_uniform",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.ratio = ratio
        self.dense_initializer = keras.initializers.get(dense_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        hidden = (None, None, None, channels * self.ratio)
        dense = {"kernel_initializer": self.dense_initializer, "dtype": self.dtype_policy}
        self.expand = Projection(hidden[-1], name="expand", **dense)
        self.expand.build((None, None, None, channels))
        self.depthwise = keras.layers.DepthwiseConv2D(
            3,
            padding="same",
            depthwise_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="depthwise",
        )
        self.depthwise.build(hidden)
        self.contract = Projection(channels, name="contract", **dense)
        self.contract.build(hidden)
        self.built = True

    def call(self, inputs, training=False):
        hidden = self.expand(inputs)
        if not training:
            return self.contract(gelu(self.depthwise(hidden)))
        kernel, bias = (w * SQRT_HALF for w in (self.depthwise.kernel, self.depthwise.bias))
        hidden = ops.add(ops.depthwise_conv(hidden, kernel, padding="same"), bias)
        return affine(scaled_gelu(hidden), self.contract.kernel * SQRT_HALF, self.contract.bias)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "dense_initializer": keras.initializers.serialize(self.dense_initializer),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
