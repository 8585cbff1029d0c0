"""Weights and pictures drawn from a counter, alike in NumPy here and for PyTorch in its script.

Each array is drawn from its own Philox counter (Salmon et al., 2011) by its index, and from
uniform numbers alone, which NumPy promises to keep.
"""

from __future__ import annotations

import math

import numpy as np


def drawn_weight(index: int, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a network's weights, float32.

    Args:
        index: of the array in PyTorch's `state_dict`, without `num_batches_tracked`.
        kind: "kernel", [out, in, ...], of a deviation that keeps the scale behind a ReLU; "bias" or
            "mean", in [-0.1, 0.1]; "gamma" or "variance", in [0.5, 1.5].
        shape: PyTorch's.
    """
    reach = math.sqrt(6 / math.prod(shape[1:])) if kind == "kernel" else 0.1
    low, high = (0.5, 1.5) if kind in ("gamma", "variance") else (-reach, reach)
    array = _uniform(index, shape)
    array *= high - low
    array += low
    return array


def drawn_pictures(size: tuple[int, int], channels: int, seed: int = 0) -> np.ndarray:
    """Two pictures of coloured tiles with noise, float32 [2, *size, channels] in [0, 255].

    Of noise alone a network's averages would be alike, whatever its first layers do.
    """
    tiles = _uniform((1 << 32) + 2 * seed, (2, 4, 4, channels)) ** 2
    rows, columns = (np.arange(side) * 4 // side for side in size)
    noise = _uniform((1 << 32) + 2 * seed + 1, (2, *size, channels))
    return 255 * (0.75 * tiles[:, rows][:, :, columns] + 0.25 * noise)


def _uniform(index: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=index)).random(shape, dtype=np.float32)
