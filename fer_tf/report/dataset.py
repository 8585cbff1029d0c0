"""What is in a data set, counted before anyone trains on it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.tasks import FERPLUS


@dataclass(frozen=True, eq=False)
class DatasetSummary:
    """Counts of a data set; rows are numbered from 1, as the reader's messages number them.

    Attributes:
        labels: names of the k classes.
        counts: int [3, k], faces by split and class.
        blank: rows whose pixels are all of one grey.
        groups: rows that share one picture to the last pixel, for each picture that more than
            one row has; blank pictures are left out.
        across: those of `groups` that lie in more than one split.
        disagreeing: those of `groups` that have more than one label.
        leaked: int [3], rows of each split whose picture Training has too; 0 for Training.
        vote_counts: int [3, 10], rows by split and the vote's first winner; None without votes.
        vote_agreement: share of rows whose label got the most votes, a tie counted as such;
            None without votes.
    """

    labels: tuple[str, ...]
    counts: np.ndarray
    blank: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    across: tuple[tuple[int, ...], ...]
    disagreeing: tuple[tuple[int, ...], ...]
    leaked: np.ndarray
    vote_counts: np.ndarray | None
    vote_agreement: float | None

    @property
    def copies(self) -> int:
        """Rows that could go without any picture being lost."""
        return sum(len(group) - 1 for group in self.groups)

    def findings(self) -> list[tuple[str, str, str]]:
        """Name, number and explanation of each finding, as people read them."""
        rows = [
            ("Blank pictures", len(self.blank), _some_rows(self.blank)),
            (
                "Duplicate pictures",
                self.copies,
                f"rows that repeat another, in {len(self.groups):,} groups of equal pictures",
            ),
            ("Groups across splits", len(self.across), "equal pictures in more than one split"),
            (
                "Groups whose labels disagree",
                len(self.disagreeing),
                "equal pictures with more than one label",
            ),
        ]
        for split, leaked in zip(SPLITS[1:], self.leaked[1:].tolist(), strict=True):
            total = int(self.counts[SPLITS.index(split)].sum())
            if total:
                share = f"{leaked / total:.1%} of its rows"
                rows.append((f"{split} pictures also in Training", leaked, share))
        found = [(name, f"{number:,}", text) for name, number, text in rows]
        if self.vote_agreement is not None:
            share = f"{self.vote_agreement:.1%}"
            found.append(("Label has the most votes", share, "of the rows, ties included"))
        return found


def summarise(faces: Faces) -> DatasetSummary:
    """Count what `faces` holds. Takes half a second for the whole of FER2013."""
    blanks: list[int] = []
    same: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, image in enumerate(faces.images):
        if image.min() == image.max():
            blanks.append(row)
        else:
            same[blake2b(image.tobytes(), digest_size=16).digest()].append(row)
    groups = [np.array(rows) for rows in same.values() if len(rows) > 1]

    leaked = np.zeros(len(SPLITS), int)
    for rows in groups:
        splits = faces.split[rows]
        if (splits == 0).any():
            leaked += np.bincount(splits[splits > 0], minlength=len(SPLITS))
    return DatasetSummary(
        labels=faces.task.labels,
        counts=_by_split(faces.split, faces.labels, len(faces.task.labels)),
        blank=_numbers(np.array(blanks, int)),
        groups=tuple(_numbers(rows) for rows in groups),
        across=tuple(_numbers(rows) for rows in groups if np.ptp(faces.split[rows])),
        disagreeing=tuple(_numbers(rows) for rows in groups if np.ptp(faces.labels[rows])),
        leaked=leaked,
        vote_counts=None
        if faces.votes is None
        else _by_split(faces.split, faces.votes.argmax(axis=1), len(FERPLUS)),
        vote_agreement=None if faces.votes is None else _agreement(faces, faces.votes),
    )


def _numbers(rows: np.ndarray) -> tuple[int, ...]:
    return tuple((rows + 1).tolist())


def _by_split(split: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    counts = np.zeros((len(SPLITS), count), int)
    np.add.at(counts, (split, classes), 1)
    return counts


def _agreement(faces: Faces, votes: np.ndarray) -> float:
    found = [faces.task.index(name) for name in FERPLUS]
    columns = [
        found.index(label) if label in found else -1 for label in range(len(faces.task.labels))
    ]
    column = np.array(columns)[faces.labels]
    most = votes[np.arange(len(faces)), column] == votes.max(axis=1)
    return float((most & (column >= 0)).mean())


def _some_rows(rows: tuple[int, ...], most: int = 8) -> str:
    if not rows:
        return "none"
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return f"row {', '.join(map(str, rows[:most]))}{more}: one grey throughout"
