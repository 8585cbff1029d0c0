"""Optimisers and schedules from a recipe."""

from __future__ import annotations

import math

import keras
from keras import ops

from fer_tf.recipes.schema import Recipe


class RawWeights(keras.optimizers.Optimizer):
    """Mixed into an optimiser: `fit` does not put the averaged weights over the trained ones.

    Keras does so at the end of every `fit`, and each of our epochs is one.
    """

    def finalize_variable_values(self, var_list):
        """Keep the weights as they are."""

    def overwrite_with_average(self, var_list):
        """Set the variables to their exponential moving averages."""
        super().finalize_variable_values(var_list)


class L2(keras.optimizers.Optimizer):
    """Mixed into an optimiser: weight decay added to the gradient, as PyTorch's SGD and Adam do.

    Keras' own `weight_decay` is decoupled from the gradient, so momentum does
    not accumulate it: not what the published recipes did. Clipping, where
    there is any, sees the sum of the two.
    """

    l2 = 0.0

    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables or self._trainable_variables
        decayed = [
            None if grad is None else grad + self.l2 * ops.cast(variable, grad.dtype)
            for grad, variable in zip(grads, variables, strict=True)
        ]
        return super().apply(decayed, trainable_variables)


class SGD(RawWeights, L2, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with L2 in the gradient."""


class Adam(RawWeights, L2, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with L2 in the gradient."""


class AdamW(RawWeights, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`: decoupled weight decay (Loshchilov and Hutter, 2019)."""


def build_optimizer(recipe: Recipe, network: keras.Model, rate, steps: int = 1 << 30):
    """The recipe's optimiser, built for the network's weights.

    Args:
        recipe: optimizer, momentum, weight_decay, clip_norm, ema.
        network: what it will train.
        rate: what `learning_rate` returns.
        steps: of an epoch. The average of a short run reaches back over a tenth of it at most, or
            it would be mostly the random weights at the start.
    """
    shared = {
        "learning_rate": rate,
        "global_clipnorm": recipe.clip_norm,
        "use_ema": recipe.ema > 0,
        "ema_momentum": max(0.0, min(recipe.ema, 1 - 10 / (recipe.epochs * steps))),
    }
    variables = network.trainable_variables
    if recipe.optimizer == "adamw":
        optimizer = AdamW(weight_decay=recipe.weight_decay, **shared)
        optimizer.exclude_from_weight_decay([v for v in variables if len(v.shape) == 1])
    elif recipe.optimizer == "sgd":
        optimizer = SGD(momentum=recipe.momentum, **shared)
        optimizer.l2 = recipe.weight_decay
    else:
        optimizer = Adam(**shared)
        optimizer.l2 = recipe.weight_decay
    optimizer.build(variables)
    return optimizer


def learning_rate(recipe: Recipe, steps_per_epoch: int):
    """A number, or a Keras schedule over the steps of the whole run."""
    if recipe.schedule == "plateau" or recipe.minutes is not None:
        return recipe.learning_rate
    if recipe.restart:
        return Restarts(recipe, steps_per_epoch)
    return _warmup_cosine(recipe, recipe.learning_rate, recipe.epochs, steps_per_epoch)


def clock_rate(recipe: Recipe, share: float) -> float:
    """Learning rate when a share of `Recipe.minutes` is over: a rise in a twentieth, a cosine."""
    if share < 0.05:
        return recipe.learning_rate * max(share, 0.005) / 0.05
    low, high = recipe.min_learning_rate, recipe.learning_rate
    return low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * (share - 0.05) / 0.95))


class Restarts(keras.optimizers.schedules.LearningRateSchedule):
    """A warm-up and a cosine for each stage, from a peak that `Recipe.restart` multiplies."""

    def __init__(self, recipe: Recipe, steps_per_epoch: int):
        self._parts = []
        start, peak = 0, recipe.learning_rate
        for _, epochs in recipe.stages:
            self._parts.append((start, _warmup_cosine(recipe, peak, epochs, steps_per_epoch)))
            start += epochs * steps_per_epoch
            peak *= recipe.restart

    def __call__(self, step):
        """Learning rate after `step` steps of the run."""
        step = ops.cast(step, "float32")
        rate = 0.0
        for start, part in self._parts:
            rate = ops.where(step >= start, part(ops.maximum(step - start, 0.0)), rate)
        return rate


def _warmup_cosine(recipe: Recipe, peak: float, epochs: int, steps_per_epoch: int):
    """From 0 to the peak in `warmup_epochs`, and down in the rest of `epochs`."""
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    floor = recipe.min_learning_rate if recipe.schedule == "cosine" else peak
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak,
        decay_steps=max(epochs * steps_per_epoch - warmup, 1),
        alpha=floor / peak if peak else 0.0,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )
