"""A score with its interval: what a bootstrap over rows tells of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TAILS = (0.025, 0.975)
"""Quantiles of the resamples between which a 95 % interval lies."""


@dataclass(frozen=True)
class Estimate:
    """A score and its 95 % bootstrap interval over rows, in the score's own unit."""

    value: float
    low: float
    high: float


def interval(value: float, samples: np.ndarray) -> Estimate:
    """The 95 % percentile interval of a bootstrap, widened to hold `value` where it does not.

    Args:
        value: the score of the data.
        samples: float [resamples], the score of each resample.
    """
    low, high = np.quantile(samples, TAILS)
    return Estimate(value, min(float(low), value), max(float(high), value))
