"""From feature maps to a task's answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras

from fer_tf.layers.adaptive_pooling import AdaptiveAveragePooling
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


def pytorch_uniform() -> keras.initializers.Initializer:
    """How PyTorch begins a dense layer: uniform, with variance 1 / (3 inputs).

    Behind three dense layers begun as Keras does (Glorot) or with He's variance, the first logits
    are so large that the sources' learning rates leave a network at the class prior.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def dense_head(
    maps: list,
    *,
    classes: int,
    values: int = 0,
    grid: int,
    dropouts: Sequence[float],
    width: int = 4096,
    dropout: float | None = None,
    dtype: str | None = None,
):
    """Average the last map over a grid, and classify its cells with hidden layers, as AlexNet does.

    Krizhevsky et al., NeurIPS 2012, "ImageNet Classification with Deep Convolutional Neural
    Networks", section 3.5; the grid is torchvision's.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i], h_i and w_i known; the last one is used.
        classes: number of classes.
        values: number of continuous values.
        grid: cells a side.
        dropouts: before each dense layer, the share of its inputs that a training step leaves
            out; all but the last dense layer are hidden ones, with ReLU.
        width: of the hidden layers.
        dropout: in place of each of `dropouts` that is not 0.
        dtype: Keras dtype policy of all but the last layers, which are float32.

    Returns:
        As `answers`.
    """
    if dropout is not None:
        dropouts = [dropout if rate else 0.0 for rate in dropouts]
    x = AdaptiveAveragePooling(grid, dtype=dtype, name="grid")(maps[-1])
    x = keras.layers.Flatten(dtype=dtype, name="cells")(x)
    for i, rate in enumerate(dropouts[:-1], start=1):
        x = keras.layers.Dropout(rate, dtype=dtype, name=f"hidden{i}_dropout")(x)
        x = keras.layers.Dense(
            width, kernel_initializer=pytorch_uniform(), dtype=dtype, name=f"hidden{i}"
        )(x)
        last = i == len(dropouts) - 1
        policy, name = ("float32", "features") if last else (dtype, f"hidden{i}_relu")
        x = keras.layers.ReLU(dtype=policy, name=name)(x)
    x = keras.layers.Dropout(dropouts[-1], dtype="float32", name="dropout")(x)
    return answers(x, classes, values, kernel_initializer=pytorch_uniform())


def separate_head(
    maps: list,
    *,
    classes: int,
    values: int = 0,
    width: int,
    activation: str,
    dropout: float,
    dtype: str | None = None,
):
    """Average the last map over its places; each answer has a hidden layer of its own.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i]; the last one is used.
        classes: number of classes.
        values: number of continuous values.
        width: of the hidden layers.
        activation: of the hidden layers.
        dropout: share of the hidden features that a training step leaves out.
        dtype: not used: what is left of the network here is float32.

    Returns:
        As `answers`.
    """
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps[-1])

    def hidden(name: str):
        dense = keras.layers.Dense(width, activation=activation, dtype="float32", name=name)
        return keras.layers.Dropout(dropout, dtype="float32", name=f"{name}_dropout")(
            dense(features)
        )

    for_values = hidden("values_hidden") if values else None
    return answers(hidden("logits_hidden"), classes, values, for_values=for_values)


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


def answers(features, classes: int, values: int, *, for_values=None, **keywords: Any):
    """Classify features, and estimate values where there are any.

    Args:
        features: KerasTensor, float32 [n, d].
        classes: number of classes.
        values: number of continuous values.
        for_values: KerasTensor, float32 [n, d'], what the values are estimated from, where that is
            not `features`.
        keywords: of both dense layers.

    Returns:
        Logits, float32 [n, classes]; with values {"logits": these, "values": float32 [n, values]
        in [-1, 1], by tanh}.
    """
    dense = partial(keras.layers.Dense, dtype="float32", **keywords)
    logits = dense(classes, name="logits")(features)
    if not values:
        return logits
    if for_values is None:
        for_values = features
    return {"logits": logits, "values": dense(values, activation="tanh", name="values")(for_values)}


def joined(network: keras.Model) -> keras.Model:
    """The network with one output, float32 [n, classes + values]; itself, where it has one."""
    if not isinstance(network.output, dict):
        return network
    parts = [network.output[name] for name in ("logits", "values")]
    row = keras.layers.Concatenate(dtype="float32", name="answers")(parts)
    return keras.Model(network.input, row, name=network.name)
