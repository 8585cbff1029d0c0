"""From feature maps to logits."""

from __future__ import annotations

import keras

from fer_tf.layers.fusion import StageFusion
from fer_tf.layers.initializers import DenseNormal, FanOutNormal


def fusion_head(maps: list, *, classes: int, dtype: str | None = None):
    """Fuse the maps of all stages, pool, and classify (Safavi et al., IEEE BSN 2023).

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i], finest first.
        classes: number of classes.
        dtype: Keras dtype policy of all but the last layer, which is float32.

    Returns:
        Logits, float32 [n, classes].
    """
    x = StageFusion(kernel_initializer=FanOutNormal(), dtype=dtype, name="fusion")(maps)
    x = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return keras.layers.Dense(
        classes,
        kernel_initializer=DenseNormal(),
        dtype="float32",
        name="logits",
    )(x)


def pooled_head(maps: list, *, classes: int, dropout: float = 0.2, dtype: str | None = None):
    """Average the last map over its places, drop out, and classify.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i]; the last one is used.
        classes: number of classes.
        dropout: share of the features that a training step leaves out.
        dtype: not used: what is left of the network here is float32.

    Returns:
        Logits, float32 [n, classes].
    """
    x = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps[-1])
    x = keras.layers.Dropout(dropout, dtype="float32", name="dropout")(x)
    return keras.layers.Dense(classes, dtype="float32", name="logits")(x)
