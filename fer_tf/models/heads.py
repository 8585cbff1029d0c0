"""From feature maps to a task's answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from fer_tf.layers.fusion import StageFusion
from fer_tf.layers.initializers import DenseNormal, FanOutNormal


def fusion_head(maps: list, *, classes: int, values: int = 0, dtype: str | None = None):
    """Fuse the maps of all stages, pool, and classify (Safavi et al., IEEE BSN 2023).

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i], finest first.
        classes: number of classes.
        values: number of continuous values.
        dtype: Keras dtype policy of all but the last layers, which are float32.

    Returns:
        As `answers`.
    """
    x = StageFusion(kernel_initializer=FanOutNormal(), dtype=dtype, name="fusion")(maps)
    x = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return answers(x, classes, values, kernel_initializer=DenseNormal())


def pooled_head(
    maps: list, *, classes: int, values: int = 0, dropout: float = 0.2, dtype: str | None = None
):
    """Average the last map over its places, drop out, and classify.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i]; the last one is used.
        classes: number of classes.
        values: number of continuous values.
        dropout: share of the features that a training step leaves out.
        dtype: not used: what is left of the network here is float32.

    Returns:
        As `answers`.
    """
    x = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps[-1])
    x = keras.layers.Dropout(dropout, dtype="float32", name="dropout")(x)
    return answers(x, classes, values)


def mean_token_head(tokens: list, *, classes: int, values: int = 0, dtype: str | None = None):
    """Classify the mean of the tokens.

    Args:
        tokens: one KerasTensor [n, tokens, d].
        classes: number of classes.
        values: number of continuous values.
        dtype: not used: what is left of the network here is float32.

    Returns:
        As `answers`.
    """
    mean = keras.layers.GlobalAveragePooling1D(dtype="float32", name="features")(tokens[-1])
    return answers(mean, classes, values, kernel_initializer=DenseNormal())


def answers(features, classes: int, values: int, **keywords: Any):
    """Classify features, and estimate values where there are any.

    Args:
        features: KerasTensor, float32 [n, d].
        classes: number of classes.
        values: number of continuous values.
        keywords: of both dense layers.

    Returns:
        Logits, float32 [n, classes]; with values {"logits": these, "values": float32 [n, values]
        in [-1, 1], by tanh}.
    """
    dense = partial(keras.layers.Dense, dtype="float32", **keywords)
    logits = dense(classes, name="logits")(features)
    if not values:
        return logits
    return {"logits": logits, "values": dense(values, activation="tanh", name="values")(features)}


def joined(network: keras.Model) -> keras.Model:
    """The network with one output, float32 [n, classes + values]; itself, where it has one."""
    if not isinstance(network.output, dict):
        return network
    parts = [network.output[name] for name in ("logits", "values")]
    row = keras.layers.Concatenate(dtype="float32", name="answers")(parts)
    return keras.Model(network.input, row, name=network.name)
