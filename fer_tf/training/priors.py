"""Class shares of the labels, put into a network that learnt from other targets."""

from __future__ import annotations

import keras
import numpy as np

from fer_tf.trained.inference import softmax

FACES = 4096
"""Training faces that the shift is fitted to: enough for seven numbers, and quick."""


def fit_shift(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The constant for each class that, added to the logits, makes them fit the labels best.

    Annotators' votes and teachers' answers have other class shares than FER2013's own labels
    (almost twice as many neutral faces), so that a network trained on them prefers the wrong ones:
    the prior-probability shift of Saerens et al. (2002), here fitted by maximum likelihood,
    together with a temperature that is thrown away.

    Args:
        logits: float32 [n, classes].
        labels: uint8 [n].

    Returns:
        float32 [classes], mean 0.
    """
    from scipy.optimize import minimize

    rows, classes = np.arange(len(labels)), logits.shape[1]
    wide = logits.astype(np.float64)

    def loss(values):
        scores = wide * values[-1] + values[:-1]
        probabilities = softmax(scores)
        likelihood = np.log(np.maximum(probabilities[rows, labels], 1e-300)).mean()
        errors = probabilities
        errors[rows, labels] -= 1.0
        slope = np.append(errors.mean(axis=0), (errors * wide).sum(axis=1).mean())
        # A class that no label names would else be shifted to minus infinity.
        slope[:-1] += 2e-4 * values[:-1]
        return -likelihood + 1e-4 * (values[:-1] ** 2).sum(), slope

    start = np.append(np.zeros(classes), 1.0)
    bounds = [(None, None)] * classes + [(1e-3, 1e3)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    shift = found[:-1] / found[-1]
    return (shift - shift.mean()).astype(np.float32)


def add_shift(model: keras.Model, shift: np.ndarray) -> None:
    """Add `shift`, float32 [classes], to the bias of the layer "logits"."""
    bias = model.get_layer("logits").bias
    bias.assign(bias + shift)


def spread(count: int) -> np.ndarray:
    """Indices of up to `FACES` of `count` faces, evenly spread: int64, ascending."""
    return np.linspace(0, count - 1, min(count, FACES)).astype(np.int64)
