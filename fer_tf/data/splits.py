"""Rows divided into Training, PublicTest and PrivateTest, for data that brings no validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.errors import FerError

SEED = 0
"""Of the division: always the same, so that trainings with different seeds can be compared."""


def parse_shares(text: str) -> tuple[float, ...]:
    """The shares that "80:20" or "80:10:10" stands for; they need not sum to 100.

    Raises:
        FerError: not two or three positive numbers.
    """
    try:
        shares = tuple(float(part) for part in text.split(":"))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or not all(0 < share < 1e9 for share in shares):
        raise FerError(
            f"--split {text!r}: expected shares like 80:20 (training and validation) or 80:10:10 "
            "(and test)"
        )
    return shares


def divide(faces: Faces, text: str, source: str, say: Callable[[str], None]) -> Faces:
    """Divide the training rows, each class by the same shares.

    Which rows go where depends on the labels' order and on `SEED` alone.

    Args:
        faces: without validation rows; test rows stay what they are.
        text: shares as `parse_shares` reads them; three only where there are no test rows.
        source: what messages call the data.
        say: is told the numbers.

    Raises:
        FerError: malformed shares, or the data has rows of a split that the shares ask for.
    """
    shares = parse_shares(text)
    for index in range(1, len(shares)):
        rows = int((faces.split == index).sum())
        if rows:
            raise FerError(
                f"--split {text}: {source} has {rows:,} {SPLITS[index]} rows of its own, expected "
                "shares of the splits that it lacks"
            )
    split = faces.split.copy()
    ends = np.cumsum(shares) / sum(shares)
    for label in range(len(faces.task.labels)):
        members = np.flatnonzero((split == 0) & (faces.labels == label))
        members = np.random.default_rng([SEED, label]).permutation(members)
        bounds = np.rint(ends * len(members)).astype(int)
        for index, part in enumerate(np.split(members, bounds[:-1])):
            split[part] = index
    counts = zip(SPLITS, np.bincount(split, minlength=len(SPLITS)), strict=True)
    numbers = ", ".join(f"{count:,} {name}" for name, count in counts if count)
    say(f"{source}: divided {text} within each class, seed {SEED}: {numbers}")
    return replace(faces, split=split)
