"""The value that every reader returns and every pipeline takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fer_tf.errors import FerError

SPLITS = ("Training", "PublicTest", "PrivateTest")


@dataclass(frozen=True, eq=False)
class Faces:
    """Grey faces with their labels.

    Attributes:
        images: uint8 [n, h, w], grey, 0 is black.
        labels: uint8 [n], index into `fer_tf.tasks.FER2013`.
        split: uint8 [n], index into `SPLITS`.
        votes: uint8 [n, 10], FERPlus votes in the order of `fer_tf.tasks.FERPLUS`, or None.
    """

    images: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    votes: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> Faces:
        """The faces at `rows`: indices or a boolean mask, [n]."""
        votes = None if self.votes is None else self.votes[rows]
        return replace(
            self,
            images=self.images[rows],
            labels=self.labels[rows],
            split=self.split[rows],
            votes=votes,
        )

    def of(self, split: str) -> Faces:
        """The faces of one split: "Training", "PublicTest" or "PrivateTest".

        Raises:
            FerError: `split` is not the name of a split, or it has no faces here.
        """
        if split not in SPLITS:
            raise FerError(f"unknown split {split!r}: expected one of {', '.join(SPLITS)}")
        rows = self.split == SPLITS.index(split)
        if not rows.any():
            present = ", ".join(name for i, name in enumerate(SPLITS) if (self.split == i).any())
            raise FerError(f"the data has no {split} rows, only {present or 'none at all'}")
        return self.take(rows)
