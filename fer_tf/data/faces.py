"""The value that every reader returns and every pipeline takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fer_tf.data.mapped import Images, MappedImages
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS, Task

SPLITS = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names for what is trained on, what choices are made on, and what is only measured."""

WORDS = {"training": "Training", "validation": "PublicTest", "test": "PrivateTest"}
"""Other words for the splits."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces with their labels.

    Attributes:
        images: uint8 [n, h, w], grey, 0 is black; or [n, h, w, 3], RGB; those of
            a data set above the memory's measure stay in a file (`fer_tf.data.mapped`).
        labels: uint8 [n], index into `task.labels`.
        split: uint8 [n], index into `SPLITS`.
        votes: uint8 [n, 10], FERPlus votes in the order of `fer_tf.tasks.FERPLUS`, or None.
        task: names the classes and the values.
        values: float32 [n, k], the k of `task.values`, each in [-1, 1], NaN where a face has none;
            or None, for a task without values.
    """

    images: Images
    labels: np.ndarray
    split: np.ndarray
    votes: np.ndarray | None = None
    task: Task = TASKS["fer2013"]
    values: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> Faces:
        """The faces at `rows`: indices or a boolean mask, [n]."""
        names = ("labels", "split", "votes", "values")
        arrays = {name: getattr(self, name) for name in names}
        taken = {name: each[rows] for name, each in arrays.items() if each is not None}
        images = self.images
        images = images.take(rows) if isinstance(images, MappedImages) else images[rows]
        return replace(self, images=images, **taken)

    def of(self, split: str) -> Faces:
        """The faces of one split: "Training", "PublicTest" or "PrivateTest", or one of `WORDS`.

        Raises:
            FerError: `split` is not the name of a split, or it has no faces here.
        """
        split = WORDS.get(split, split)
        if split not in SPLITS:
            known = ", ".join((*SPLITS, *WORDS))
            raise FerError(f"unknown split {split!r}: expected one of {known}")
        rows = self.split == SPLITS.index(split)
        if not rows.any():
            present = ", ".join(name for i, name in enumerate(SPLITS) if (self.split == i).any())
            raise FerError(f"the data has no {split} rows, only {present or 'none at all'}")
        return self.take(rows)
