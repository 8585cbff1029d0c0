"""Whether a map marks what the network looks at: deletion and insertion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fer_tf.explanations.occlusion import blurred

STEPS = 16
"""Steps of a curve: 144 of 2,304 pixels each."""

RESAMPLES = 2000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Curves:
    """Probability of the explained class as a face's pixels go or come, most salient first.

    Attributes:
        deletion: float32 [n, STEPS + 1], from the whole face to the featureless one.
        insertion: float32 [n, STEPS + 1], from the featureless face to the whole one.
    """

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> np.ndarray:
        """Area under each deletion curve, [n] in [0, 1]: less is better."""
        return area(self.deletion)

    @property
    def insertion_area(self) -> np.ndarray:
        """Area under each insertion curve, [n] in [0, 1]: more is better."""
        return area(self.insertion)


def curves(
    predict: Callable[[np.ndarray], np.ndarray],
    faces: np.ndarray,
    target: np.ndarray,
    maps: np.ndarray,
    *,
    removed: np.ndarray | None = None,
    seed: int = 0,
) -> Curves:
    """Deletion and insertion (Petsiuk et al., RISE, BMVC 2018, section 4.2).

    Both begin or end with the same featureless face (there: black, or the blurred image): black
    pixels strewn over a face are an input like none the network has seen.

    Args:
        predict: uint8 faces [n, h, w] to probabilities [n, classes].
        faces: uint8 [n, h, w], grey.
        target: int [n], the explained classes.
        maps: float32 [n, h, w]; pixels of equal value come in a random order.
        removed: uint8 [n, h, w], what shows where a pixel is removed; None for `blurred` faces.
        seed: of that order.
    """
    ranks = salience_ranks(maps, seed=seed)
    empty = blurred(faces) if removed is None else removed
    rows = np.arange(len(faces))
    pixels = faces[0].size
    deletion: list[np.ndarray] = []
    insertion: list[np.ndarray] = []
    for step in range(STEPS + 1):
        chosen = ranks < round(step * pixels / STEPS)
        for probabilities, inside, outside in ((deletion, empty, faces), (insertion, faces, empty)):
            probabilities.append(predict(np.where(chosen, inside, outside))[rows, target])
    return Curves(np.stack(deletion, axis=1), np.stack(insertion, axis=1))


def salience_ranks(maps: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """int [n, h, w]: 0 for the most salient pixel of each map; equal values in a random order."""
    flat = maps.reshape(len(maps), -1)
    shuffled = np.random.default_rng(seed).permuted(
        np.broadcast_to(np.arange(flat.shape[1]), flat.shape), axis=1
    )
    order = np.lexsort((shuffled, -flat), axis=1)
    return np.argsort(order, axis=1).reshape(maps.shape)


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves [..., steps + 1] over shares 0 to 1, by trapezia; of shape [...]."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1), axis=-1)


def paired_interval(difference: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of paired differences [n] and its 95 % bootstrap interval over the pairs."""
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), (0.025, 0.975))
    return float(difference.mean()), float(low), float(high)
