"""Temperature scaling: probabilities that mean what they say.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2:
one number, chosen on validation data, divides the logits. It changes how sure an answer is, never
which class it names. NumPy alone, as those who use a network apply it without Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_tf.errors import FerError

LOWEST, HIGHEST = 0.1, 10.0
"""Temperatures outside say that the network or the labels are broken, not how sure it is."""

BELIEVED = 1e-3, 1e3
"""Temperatures that a file may hold: dividing by still smaller ones overflows."""

TINY = 1e-12
"""Stands for a probability of 0, whose logarithm is infinite."""


PRIOR = 0.25
"""Standard deviation of a temperature's logarithm, as expected before any face is seen: some dozens
of faces, all of which are recognised, would else make a network as sure as can be."""


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that is most probable, given the labels.

    Args:
        probabilities: float [n, classes], each row's sum 1, n at least 1.
        labels: integer [n].

    Returns:
        In [`LOWEST`, `HIGHEST`]: below 1 where the network is too cautious, above where it is too
        sure.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        calibrated = apply_temperature(probabilities, float(np.exp(log_temperature)))
        likelihood = float(np.log(np.maximum(calibrated[rows, labels], TINY)).sum())
        return log_temperature**2 / (2 * PRIOR**2) - likelihood

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Calibrated probabilities: the softmax of the logits over the temperature.

    Args:
        probabilities: float [n, classes], each row's sum 1; their logarithms are logits.
        temperature: above 0.

    Returns:
        float32 [n, classes], each row's sum 1.
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), TINY)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)


def checked_temperature(found: Any, place: object) -> float:
    """The temperature that a model's file holds, read as a number.

    Args:
        found: a number, or a text of one.
        place: what the sentence is to name.

    Raises:
        FerError: it is no number in `BELIEVED`.
    """
    try:
        temperature = float(found)
    except (TypeError, ValueError, OverflowError):
        temperature = 0.0
    if not BELIEVED[0] <= temperature <= BELIEVED[1]:
        raise FerError(
            f"{place}: a temperature of {str(found)[:80]!r} in its metadata: expected a number "
            f"from {BELIEVED[0]:g} to {BELIEVED[1]:g}"
        )
    return temperature
