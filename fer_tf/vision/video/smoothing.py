"""Answers averaged over time, whatever the frame rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer_tf.vision.results import Face

TIME_CONSTANT_S = 0.5
"""After so many seconds a change of expression is shown to 63 %. Expressions last 0.5 to 4 s
(Matsumoto and Hwang, Motivation and Emotion 35, 2011), so one is seen, a frame's slip is not."""


class Smoother:
    """Exponential average in continuous time: the weight of a new answer is 1 - exp(-dt / tau).

    It averages probabilities and not logits. Their mean is a distribution again without further
    work, and an answer moves it by no more than its weight; of logits, one frame that is wrong
    and certain would outweigh many that are right.

    Args:
        time_constant_s: tau, in seconds; 0 gives each answer as it is.
    """

    def __init__(self, time_constant_s: float = TIME_CONSTANT_S):
        self._tau = time_constant_s
        self._time = -math.inf
        self._mean: np.ndarray | None = None

    def at(self, time: float, probabilities: Sequence[float] | np.ndarray) -> np.ndarray:
        """The average at `time`.

        Args:
            time: seconds, not before the last call's.
            probabilities: float [k], whose sum is 1; other numbers may follow.

        Returns:
            float64 [k], whose sum is 1, and the average of what follows.
        """
        new = np.asarray(probabilities, np.float64)
        if self._mean is None or self._tau <= 0:
            self._mean = new
        else:
            weight = -math.expm1(-(time - self._time) / self._tau)
            self._mean = self._mean + weight * (new - self._mean)
        self._time = time
        return self._mean

    def smooth(self, time: float, face: Face) -> Face:
        """The face with the average of its probabilities and of its values at `time`."""
        mean = self.at(time, (*face.probabilities, *face.values)).tolist()
        classes = len(face.probabilities)
        return replace(face, probabilities=tuple(mean[:classes]), values=tuple(mean[classes:]))
