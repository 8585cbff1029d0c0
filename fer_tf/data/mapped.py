"""Images that stay in a file and are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

PIECE = 1024
"""Images that are looked at together by what goes through all of them: at 112x112 RGB, 39 MB."""


class MappedImages:
    """Some rows of a memory-mapped array, in any order; an index or a slice gives a copy.

    Args:
        array: uint8 [count, h, w] or [count, h, w, 3], an np.memmap.
        rows: int64 [n], which of its rows these are; None for all.
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray | None = None):
        self._array = array
        self._rows = np.arange(len(array)) if rows is None else rows
        self.shape = (len(self._rows), *array.shape[1:])
        self.dtype = array.dtype
        self.ndim = array.ndim

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(self._array[self._rows[index]])

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of them, in memory."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def take(self, rows: np.ndarray) -> MappedImages:
        """Those at `rows`, indices or a mask, without reading any."""
        return MappedImages(self._array, self._rows[rows])


Images = np.ndarray | MappedImages


def pieces(images: Images) -> Iterator[np.ndarray]:
    """The images in order, `PIECE` at a time: uint8 [n, h, w] or [n, h, w, 3]."""
    for start in range(0, len(images), PIECE):
        yield images[start : start + PIECE]
