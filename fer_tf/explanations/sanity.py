"""Whether a map depends on what the network has learnt: randomised weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import keras
import numpy as np

GROUPS = ("logits", "fusion", "stage4", "stage3", "stage2", "stage1")
"""What is randomised, from the answer down: prefixes of layer names."""

HEAD_LIMIT = 0.95
"""A mean rank correlation above it after the logits' layer is random: blind to the class."""

WHOLE_LIMIT = 0.5
"""One above it after all layers are random: the picture's edges, not the network's reasons."""


def cascading(model: keras.Model, *, seed: int = 0) -> Iterator[tuple[str, keras.Model]]:
    """Networks whose first group, first two groups, ... are random (Adebayo et al., 2018, 3.1).

    Yields:
        Name of the last group that became random, and the network; the last one is all random.
    """
    for count in range(1, len(GROUPS) + 1):
        yield GROUPS[count - 1], randomised(model, GROUPS[:count], seed=seed)


def independent(model: keras.Model, *, seed: int = 0) -> Iterator[tuple[str, keras.Model]]:
    """Networks of which one group alone is random (the same, section 3.2), and its name."""
    for group in GROUPS:
        yield group, randomised(model, [group], seed=seed)


def randomised(model: keras.Model, groups: Collection[str], *, seed: int = 0) -> keras.Model:
    """A copy of a network in which the values of each weight of some layers are shuffled.

    Shuffled where the paper draws from the initialiser: the spread of the weights stays the
    trained one, so that the answers neither vanish nor explode.

    Args:
        model: functional; it is left as it is.
        groups: prefixes of the names of the layers.
        seed: of the order; a weight's does not depend on which others are shuffled.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for number, layer in enumerate(copy.layers):
        if layer.name.startswith(tuple(groups)):
            generator = np.random.default_rng([seed, number])
            layer.set_weights(
                [generator.permuted(w.ravel()).reshape(w.shape) for w in layer.get_weights()]
            )
    return copy


def rank_correlation(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Spearman's correlation of pairs of maps [n, h, w], [n] in [-1, 1].

    0 where a map is the same everywhere: then it ranks nothing.
    """
    from scipy.stats import rankdata

    ranks = [rankdata(m.reshape(len(m), -1), axis=1) for m in (maps, others)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.zeros(len(maps)), where=size > 0)


def passes(head: float, whole: float) -> bool:
    """The verdict over a method.

    Args:
        head: mean rank correlation of its maps with those after the logits' layer is random.
        whole: the same after all layers are random.
    """
    return head <= HEAD_LIMIT and whole <= WHOLE_LIMIT
