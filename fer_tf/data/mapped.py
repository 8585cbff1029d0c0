"""Images that stay in files and are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

PIECE = 1024
"""Images that are looked at together by what goes through all of them: at 112x112 RGB, 39 MB."""


class MappedImages:
    """Some rows of an array that stays in files, in any order; an index or a slice gives a copy.

    Args:
        array: uint8 [count, h, w] or [count, h, w, 3]: an np.memmap, or what is indexed like one by
            a number or by int [n] (`fer_tf.data.records.Records`).
        rows: int64 [n], which of its rows these are; None for all.
    """

    def __init__(self, array: Any, rows: np.ndarray | None = None):
        self._array = array
        self._rows = rows
        self.shape = (len(array) if rows is None else len(rows), *array.shape[1:])
        self.dtype = array.dtype
        self.ndim = array.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        rows = self._at(index)
        # Of a memory map one row is a view, and several are a copy already.
        return np.array(self._array[rows], copy=True if np.ndim(rows) == 0 else None)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of them, in memory."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def take(self, rows: np.ndarray) -> MappedImages:
        """Those at `rows`, indices or a mask, without reading any."""
        return MappedImages(self._array, self._at(rows))

    def _at(self, index: Any) -> Any:
        """The array's rows at an index: a number or int [n]."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(len(self)))
        elif isinstance(index, np.ndarray) and index.dtype.kind == "b":
            index = np.flatnonzero(index)
        return index if self._rows is None else self._rows[index]


Images = np.ndarray | MappedImages


def pieces(images: Images) -> Iterator[np.ndarray]:
    """The images in order, `PIECE` at a time: uint8 [n, h, w] or [n, h, w, 3]."""
    for start in range(0, len(images), PIECE):
        yield images[start : start + PIECE]
