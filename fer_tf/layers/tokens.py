"""From a map to a row of tokens, and what tells tokens apart."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.initializers import DenseNormal


@keras.saving.register_keras_serializable("fer_tf")
class Tokens(keras.layers.Layer):
    """The places of a map, row after row: [n, h, w, c] to [n, h * w, c]."""

    def call(self, inputs):
        _, height, width, channels = ops.shape(inputs)
        return ops.reshape(inputs, (-1, height * width, channels))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, None if None in (height, width) else height * width, channels)


@keras.saving.register_keras_serializable("fer_tf")
class ClassToken(keras.layers.Layer):
    """A learned token in front of the others, and a learned position added to each.

    [n, tokens, c] to [n, 1 + tokens, c] (Dosovitskiy et al., ICLR 2021, section 3.1). The number of
    tokens is part of the weights.
    """

    def build(self, input_shape):
        _, tokens, channels = input_shape
        if tokens is None:
            raise ValueError(f"{self.name}: learned positions need a known number of tokens")
        self.token = self.add_weight(
            shape=(1, 1, channels), initializer=DenseNormal(), name="token"
        )
        self.positions = self.add_weight(
            shape=(1, 1 + tokens, channels), initializer=DenseNormal(), name="positions"
        )
        self.built = True

    def call(self, inputs):
        # Not broadcast to the batch, whose size is not known to the exporters.
        first = ops.zeros_like(inputs[:, :1]) + ops.cast(self.token, inputs.dtype)
        x = ops.concatenate([first, inputs], axis=1)
        return x + ops.cast(self.positions, inputs.dtype)

    def compute_output_shape(self, input_shape):
        batch, tokens, channels = input_shape
        return (batch, 1 + tokens, channels)


@keras.saving.register_keras_serializable("fer_tf")
class FirstToken(keras.layers.Layer):
    """The first of the tokens: [n, tokens, c] to [n, c]."""

    def call(self, inputs):
        return inputs[:, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])
