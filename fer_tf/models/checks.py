"""Whether a network's answers can be believed; NumPy alone, for those that run without Keras."""

from __future__ import annotations

import numpy as np

from fer_tf.errors import FerError

ROUNDING = 0.05
"""How far the sum of probabilities may be from 1: int8 rounds each of seven by 1/512 at most."""


BEYOND = 1.05
"""How far from 0 a value in [-1, 1] may be: int8 rounds it."""


def check_finite(answers: np.ndarray, name: object) -> None:
    """Refuse what a network answers whose weights or arithmetic are broken.

    Args:
        answers: float [n, classes].
        name: the network's file, or what else the sentence is to name.

    Raises:
        FerError: NaN or infinity is among them.
    """
    if not np.isfinite(answers).all():
        raise FerError(f"{name}: the network answers NaN or infinity: expected finite numbers")


def check_values(values: np.ndarray, name: object) -> None:
    """Refuse values, such as valence, that are out of [-1, 1] by more than rounding.

    Args:
        values: float [n, k].
        name: as of `check_finite`.

    Raises:
        FerError: NaN or infinity is among them, or a number further from 0 than `BEYOND`.
    """
    check_finite(values, name)
    farthest = np.abs(values).max(initial=0.0)
    if farthest > BEYOND:
        raise FerError(f"{name}: answers a value {farthest:.3g} from 0: expected them in [-1, 1]")


def check_probabilities(answers: np.ndarray, name: object) -> None:
    """Refuse a file that returns something else than probabilities, such as logits.

    Args:
        answers: float [n, classes], n at least 1.
        name: as of `check_finite`.

    Raises:
        FerError: a number is below 0, or a row's sum is further from 1 than `ROUNDING`.
    """
    if not are_probabilities(answers, ROUNDING):
        row = ", ".join(f"{value:.3g}" for value in answers[0])
        raise FerError(f"{name}: answers {row}: expected probabilities, whose sum is 1")


def are_probabilities(answers: np.ndarray, rounding: float = 1e-3) -> bool:
    """Whether none is below 0, and each row's sum no further from 1 than `rounding`."""
    sums = answers.sum(axis=1, dtype=np.float64)
    return bool(answers.min() >= 0 and np.abs(sums - 1).max() <= rounding)
