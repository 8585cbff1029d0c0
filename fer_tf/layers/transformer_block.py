"""One block of the encoder."""

from __future__ import annotations

import keras

from fer_tf.layers.attention import EfficientAttention
from fer_tf.layers.drop_path import DropPath
from fer_tf.layers.mix_ffn import MixFFN
from fer_tf.layers.normalization import LayerNormalization


@keras.saving.register_keras_serializable("fer_tf")
class TransformerBlock(keras.layers.Layer):
    """Pre-norm block of MiT (Xie et al., 2021, figure 2), [n, h, w, c] to same.

    x + DropPath(EfficientAttention(LayerNorm(x))), then the same with MixFFN.

    Args:
        heads: attention heads.
        reduction: spatial-reduction ratio of the attention.
        ratio: width of the Mix-FFN's hidden map over c.
        drop_path: probability that an example skips each branch.
        epsilon: of the two LayerNorms; 1e-6 in SegFormer.
        seed: of the drop path.
    """

    def __init__(
        self,
        *,
        heads: int,
        reduction: int,
        ratio: int = 4,
        drop_path: float = 0.0,
        epsilon: float = 1e-6,
        dense_initializer="glorot_uniform",
        kernel_initializer="glorot_uniform",
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.reduction = reduction
        self.ratio = ratio
        self.drop_path_rate = drop_path
        self.epsilon = epsilon
        self.dense_initializer = keras.initializers.get(dense_initializer)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        dtype = self.dtype_policy
        initializers = {
            "dense_initializer": self.dense_initializer,
            "kernel_initializer": self.kernel_initializer,
        }
        norm = {"epsilon": epsilon, "dtype": dtype}
        self.attention_norm = LayerNormalization(name="attention_norm", **norm)
        self.attention = EfficientAttention(
            heads=heads, reduction=reduction, dtype=dtype, name="attention", **initializers
        )
        self.ffn_norm = LayerNormalization(name="ffn_norm", **norm)
        self.ffn = MixFFN(ratio=ratio, dtype=dtype, name="ffn", **initializers)
        self.drop_path = DropPath(drop_path, seed=seed, dtype=dtype, name="drop_path")

    def build(self, input_shape):
        for layer in (self.attention_norm, self.attention, self.ffn_norm, self.ffn):
            layer.build(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        x = inputs + self.drop_path(self.attention(self.attention_norm(inputs)), training=training)
        ffn = self.ffn(self.ffn_norm(x), training=training)
        return x + self.drop_path(ffn, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "heads": self.heads,
            "reduction": self.reduction,
            "ratio": self.ratio,
            "drop_path": self.drop_path_rate,
            "epsilon": self.epsilon,
            "dense_initializer": keras.initializers.serialize(self.dense_initializer),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
