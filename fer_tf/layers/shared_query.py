"""Self-attention whose queries are its keys."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.pointwise import Projection


@keras.saving.register_keras_serializable("fer_tf")
class SharedQueryAttention(keras.layers.Layer):
    """x + softmax(q q') v over tokens, [n, tokens, c] to same; q and v are linear in x.

    After the attention of Zhang et al., ICML 2019 ("Self-Attention Generative Adversarial
    Networks", section 3), with one projection for queries and keys and without its scale.

    Args:
        dim: channels of the queries.
    """

    def __init__(self, dim: int, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def build(self, input_shape):
        channels = input_shape[-1]
        self.query, self.value = (
            Projection(units, dtype=self.dtype_policy, name=name)
            for units, name in ((self.dim, "query"), (channels, "value"))
        )
        for layer in (self.query, self.value):
            layer.build(input_shape)
        self.built = True

    def call(self, inputs):
        query = self.query(inputs)
        scores = ops.matmul(query, ops.transpose(query, (0, 2, 1)))
        # One token has weight 1 whatever it is; Keras warns of such a softmax.
        weights = ops.exp(scores - scores) if scores.shape[-1] == 1 else ops.softmax(scores)
        return inputs + ops.matmul(weights, self.value(inputs))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}
