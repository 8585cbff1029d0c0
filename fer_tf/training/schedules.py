"""How the learning rate, and with one-cycle the momentum, moves over a run."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from fer_tf.recipes.schema import Recipe

MOMENTA = (0.95, 0.85, 0.95)
"""One-cycle's momentum at the start, at the peak of the learning rate, and at the end."""


def learning_rate(recipe: Recipe, steps_per_epoch: int):
    """A number, or a Keras schedule over the steps of the whole run.

    With `Recipe.schedule_every` "epoch" the rate is that of the epoch's begin, as of a PyTorch
    scheduler that is stepped once an epoch.
    """
    if recipe.schedule == "plateau" or recipe.minutes is not None:
        return recipe.learning_rate
    if recipe.schedule_every == "epoch":
        return EveryEpoch(_schedule(recipe, 1), steps_per_epoch)
    return _schedule(recipe, steps_per_epoch)


def momentum(recipe: Recipe, steps_per_epoch: int):
    """SGD's momentum or Adam's beta_1: a number, or one-cycle's schedule."""
    if recipe.schedule != "one_cycle":
        return recipe.momentum if recipe.optimizer in ("sgd", "nesterov") else 0.9
    if recipe.schedule_every == "epoch":
        return EveryEpoch(OneCycle(*MOMENTA, recipe.epochs), steps_per_epoch)
    return OneCycle(*MOMENTA, recipe.epochs * steps_per_epoch)


def clock_rate(recipe: Recipe, share: float) -> float:
    """Learning rate when a share of `Recipe.minutes` is over: a rise in a twentieth, a cosine."""
    if share < 0.05:
        return recipe.learning_rate * max(share, 0.005) / 0.05
    low, high = recipe.min_learning_rate, recipe.learning_rate
    return low + (high - low) * 0.5 * (1.0 + math.cos(math.pi * (share - 0.05) / 0.95))


class EveryEpoch(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule over epochs as one over steps, which moves when an epoch begins."""

    def __init__(self, by_epoch: keras.optimizers.schedules.LearningRateSchedule, steps: int):
        self._by_epoch, self._steps = by_epoch, steps

    def __call__(self, step):
        """The value after `step` steps of the run."""
        return self._by_epoch(ops.floor_divide(ops.cast(step, "int32"), self._steps))


class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate times `step_factor` from each of `step_epochs` on.

    `torch.optim.lr_scheduler.MultiStepLR`, and StepLR, whose epochs are multiples of one number.
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int):
        self._peak, self._factor = recipe.learning_rate, recipe.step_factor
        self._steps = [epoch * steps_per_epoch for epoch in recipe.step_epochs]

    def __call__(self, step):
        """Learning rate after `step` steps of the run."""
        step = ops.cast(step, "int32")
        rate = ops.convert_to_tensor(self._peak, "float32")
        for start in self._steps:
            rate = ops.where(step >= start, rate * self._factor, rate)
        return rate


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine from one value to another in 30 % of the steps, and one to a third in the rest.

    `torch.optim.lr_scheduler.OneCycleLR` with its defaults (Smith and Topin, 2019,
    "Super-convergence", without their third phase).

    Args:
        first: at the first step.
        middle: at the last step of the first 30 %.
        last: at the last step.
        steps: of the whole run.
    """

    def __init__(self, first: float, middle: float, last: float, steps: int):
        self._values = first, middle, last
        self._rise, self._end = 0.3 * steps - 1, steps - 1

    def __call__(self, step):
        """The value after `step` steps of the run."""
        step = ops.minimum(ops.cast(step, "float32"), float(self._end))
        first, middle, last = self._values
        # A run of few steps has no first part but its first step.
        rising = _half_cosine(first, middle, step / max(self._rise, 1.0))
        share = (step - self._rise) / max(self._end - self._rise, 1.0)
        return ops.where(step <= self._rise, rising, _half_cosine(middle, last, share))


class WarmRestarts(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine of `cycle_epochs`, and again, each `cycle_factor` times as long as the one before.

    `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts` (Loshchilov and Hutter, 2017, "SGDR").
    """

    def __init__(self, recipe: Recipe, steps_per_epoch: int):
        self._low, self._high = recipe.min_learning_rate, recipe.learning_rate
        starts, lengths = [0], [recipe.cycle_epochs * steps_per_epoch]
        while starts[-1] + lengths[-1] < recipe.epochs * steps_per_epoch:
            starts.append(starts[-1] + lengths[-1])
            lengths.append(lengths[-1] * recipe.cycle_factor)
        self._starts, self._lengths = np.array(starts, "int32"), np.array(lengths, "float32")

    def __call__(self, step):
        """Learning rate after `step` steps of the run."""
        step = ops.cast(step, "int32")
        cycle = ops.sum(ops.cast(step >= self._starts, "int32")) - 1
        done = ops.cast(step - ops.take(self._starts, cycle), "float32")
        return _half_cosine(self._high, self._low, done / ops.take(self._lengths, cycle))


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


def _schedule(recipe: Recipe, steps_per_epoch: int):
    """Over the steps of the run, of which an epoch has so many."""
    peak = recipe.learning_rate
    if recipe.schedule == "step":
        return Steps(recipe, steps_per_epoch)
    if recipe.schedule == "warm_restarts":
        return WarmRestarts(recipe, steps_per_epoch)
    if recipe.schedule == "one_cycle":
        return OneCycle(peak / 25, peak, peak / 25e4, recipe.epochs * steps_per_epoch)
    if recipe.restart:
        return Restarts(recipe, steps_per_epoch)
    return _warmup_cosine(recipe, peak, recipe.epochs, steps_per_epoch)


def _half_cosine(start: float, end: float, share):
    """From `start` to `end` as a share of the way goes from 0 to 1."""
    return end + (start - end) * 0.5 * (1.0 + ops.cos(math.pi * share))


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
