"""Self-attention whose keys and values come from a coarser map."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.normalization import LayerNormalization
from fer_tf.layers.pointwise import Projection, affine


@keras.saving.register_keras_serializable("fer_tf")
class EfficientAttention(keras.layers.Layer):
    """Efficient self-attention of SegFormer (Xie et al., 2021, section 3.1), [n, h, w, c] to same.

    Queries come from every position; keys and values from the map shrunk by a
    convolution whose kernel and stride are `reduction`, then a LayerNorm. The
    cost falls from (hw)^2 to (hw)^2 / reduction^2.

    Args:
        heads: number of heads; divides c.
        reduction: spatial-reduction ratio; 1 leaves the map as it is. Rows and
            columns beyond the last whole window do not become keys, as in SegFormer.
        epsilon: of the LayerNorm after the reduction; 1e-5 in SegFormer.
    """

    def __init__(
        self,
        *,
        heads: int,
        reduction: int = 1,
        epsilon: float = 1e-5,
        dense_initializer="glorot_uniform",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.reduction = reduction
        self.epsilon = epsilon
        self.dense_initializer = keras.initializers.get(dense_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.heads:
            raise ValueError(
                f"{self.name}: {channels} channels do not divide by {self.heads} heads"
            )

        def dense(units, name):
            layer = Projection(
                units,
                kernel_initializer=self.dense_initializer,
                dtype=self.dtype_policy,
                name=name,
            )
            layer.build((None, None, None, channels))
            return layer

        self.query = dense(channels, "query")
        self.key_value = dense(2 * channels, "key_value")
        self.output_projection = dense(channels, "output")
        if self.reduction > 1:
            self.shrink = keras.layers.Conv2D(
                channels,
                self.reduction,
                strides=self.reduction,
                kernel_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name="shrink",
            )
            self.shrink.build((None, None, None, channels))
            self.shrink_norm = LayerNormalization(
                epsilon=self.epsilon, dtype=self.dtype_policy, name="shrink_norm"
            )
            self.shrink_norm.build((None, None, None, channels))
        self.built = True

    def call(self, inputs):
        _, height, width, channels = ops.shape(inputs)
        depth = channels // self.heads
        # The scale of the scores is in the weights of the query, the smallest of the tensors.
        scale = depth**-0.5
        query = affine(inputs, self.query.kernel * scale, self.query.bias * scale)
        query = ops.reshape(query, (-1, height * width, self.heads, depth))
        coarse = inputs
        if self.reduction > 1:
            coarse = self.shrink_norm(self.shrink(self._whole_windows(inputs, height, width)))
        _, rows, columns, _ = ops.shape(coarse)
        # Not slices, whose gradients are padded with zeros and added.
        key, value = ops.split(self.key_value(coarse), 2, axis=-1)
        key = ops.reshape(key, (-1, rows * columns, self.heads, depth))
        value = ops.reshape(value, (-1, rows * columns, self.heads, depth))
        scores = ops.matmul(ops.transpose(query, (0, 2, 1, 3)), ops.transpose(key, (0, 2, 3, 1)))
        # One key, as at 48 pixels, has weight 1 whatever the query; Keras warns of such a softmax.
        weights = ops.exp(scores - scores) if scores.shape[-1] == 1 else ops.softmax(scores)
        mixed = ops.matmul(weights, ops.transpose(value, (0, 2, 1, 3)))
        mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, height, width, channels))
        return self.output_projection(mixed)

    def _whole_windows(self, inputs, height, width):
        """Pad a map that is smaller than one window, which only faces below 32 pixels give."""
        below, right = (self._missing(side) for side in (height, width))
        if isinstance(below, int) and isinstance(right, int) and not (below or right):
            return inputs
        return ops.pad(inputs, ((0, 0), (0, below), (0, right), (0, 0)))

    def _missing(self, side):
        """Rows or columns that one window lacks; a tensor where the side is one."""
        if isinstance(side, int):
            return max(self.reduction - side, 0)
        return ops.maximum(self.reduction - side, 0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "reduction": self.reduction,
            "epsilon": self.epsilon,
            "dense_initializer": keras.initializers.serialize(self.dense_initializer),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
