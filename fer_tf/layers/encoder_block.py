"""One block of a transformer's encoder over tokens."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.dropping import AttentionDropping
from fer_tf.layers.normalization import LayerNormalization
from fer_tf.layers.pointwise import affine, gelu


@keras.saving.register_keras_serializable("fer_tf")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention (Vaswani et al., 2017, section 3.2), [n, tokens, c] to same.

    Args:
        heads: number of heads; divides c.
        bias: whether queries, keys and values have one; the output always has.
        dropout: share of the attention weights that a training step leaves out.
        drop_head: probability that an example loses one head (`AttentionDropping`).
        kernel_initializer: of both projections.
        seed: of what is dropped.
    """

    def __init__(
        self,
        *,
        heads: int,
        bias: bool = True,
        dropout: float = 0.0,
        drop_head: float = 0.0,
        kernel_initializer="glorot_uniform",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.bias = bias
        self.dropout_rate = dropout
        self.drop_head_rate = drop_head
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.dropout = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self.drop_head = AttentionDropping(
            drop_head, axis=1, seed=_next(seed, 1), dtype=self.dtype_policy
        )

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.heads:
            raise ValueError(
                f"{self.name}: {channels} channels do not divide by {self.heads} heads"
            )

        def weight(name, shape, initializer):
            return self.add_weight(shape=shape, initializer=initializer, name=name)

        self.qkv = weight("qkv", (channels, 3 * channels), self.kernel_initializer)
        self.qkv_bias = weight("qkv_bias", (3 * channels,), "zeros") if self.bias else None
        self.output_kernel = weight("output", (channels, channels), self.kernel_initializer)
        self.output_bias = weight("output_bias", (channels,), "zeros")
        self.built = True

    def call(self, inputs, training=False):
        _, tokens, channels = ops.shape(inputs)
        depth = channels // self.heads
        query, key, value = (
            ops.transpose(ops.reshape(x, (-1, tokens, self.heads, depth)), (0, 2, 1, 3))
            for x in ops.split(affine(inputs, self.qkv, self.qkv_bias), 3, axis=-1)
        )
        scores = ops.matmul(query * depth**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        weights = self.dropout(ops.softmax(scores), training=training)
        mixed = self.drop_head(ops.matmul(weights, value), training=training)
        mixed = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, tokens, channels))
        return affine(mixed, self.output_kernel, self.output_bias)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "bias": self.bias,
            "dropout": self.dropout_rate,
            "drop_head": self.drop_head_rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("fer_tf")
class EncoderBlock(keras.layers.Layer):
    """Self-attention, then two dense layers, each added to its input: [n, tokens, c] to same.

    Either the pre-norm block of ViT, x + f(norm(x)) with GELU (Dosovitskiy et al., ICLR 2021,
    equations 2 and 3), or the post-norm one of the first transformer, norm(x + f(x)) with ReLU
    (Vaswani et al., 2017, section 3.1), which is what PyTorch's `TransformerEncoderLayer` is
    unless it is told otherwise.

    Args:
        heads: attention heads.
        hidden: units of the first dense layer.
        pre_norm: which of the two.
        qkv_bias: whether queries, keys and values have a bias.
        dropout: rate in the attention, between the dense layers and before each addition.
        drop_head: as of `SelfAttention`.
        epsilon: of the two norms.
        kernel_initializer: of all kernels.
        seed: of what is dropped.
    """

    def __init__(
        self,
        *,
        heads: int,
        hidden: int,
        pre_norm: bool = True,
        qkv_bias: bool = True,
        dropout: float = 0.0,
        drop_head: float = 0.0,
        epsilon: float = 1e-6,
        kernel_initializer="glorot_uniform",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.hidden = hidden
        self.pre_norm = pre_norm
        self.qkv_bias = qkv_bias
        self.dropout_rate = dropout
        self.drop_head = drop_head
        self.epsilon = epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        policy = {"dtype": self.dtype_policy}
        self.attention_norm = LayerNormalization(epsilon=epsilon, name="attention_norm", **policy)
        self.attention = SelfAttention(
            heads=heads,
            bias=qkv_bias,
            dropout=dropout,
            drop_head=drop_head,
            kernel_initializer=self.kernel_initializer,
            seed=seed,
            name="attention",
            **policy,
        )
        self.dense_norm = LayerNormalization(epsilon=epsilon, name="dense_norm", **policy)
        self.dropout = keras.layers.Dropout(dropout, seed=_next(seed, 2), **policy)

    def build(self, input_shape):
        for layer in (self.attention_norm, self.attention, self.dense_norm):
            layer.build(input_shape)
        channels = input_shape[-1]
        self.expand, self.contract = (
            self.add_weight(shape=shape, initializer=self.kernel_initializer, name=name)
            for name, shape in (
                ("expand", (channels, self.hidden)),
                ("contract", (self.hidden, channels)),
            )
        )
        self.expand_bias, self.contract_bias = (
            self.add_weight(shape=(units,), initializer="zeros", name=name)
            for name, units in (("expand_bias", self.hidden), ("contract_bias", channels))
        )
        self.built = True

    def call(self, inputs, training=False):
        def attend(x):
            return self.dropout(self.attention(x, training=training), training=training)

        def dense(x):
            x = affine(x, self.expand, self.expand_bias)
            x = self.dropout(gelu(x) if self.pre_norm else ops.relu(x), training=training)
            x = affine(x, self.contract, self.contract_bias)
            return self.dropout(x, training=training)

        if self.pre_norm:
            x = inputs + attend(self.attention_norm(inputs))
            return x + dense(self.dense_norm(x))
        x = self.attention_norm(inputs + attend(inputs))
        return self.dense_norm(x + dense(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "hidden": self.hidden,
            "pre_norm": self.pre_norm,
            "qkv_bias": self.qkv_bias,
            "dropout": self.dropout_rate,
            "drop_head": self.drop_head,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }


def _next(seed: int | None, step: int) -> int | None:
    """Another seed: two layers with one seed would draw alike."""
    return None if seed is None else seed + step
