"""What is in a data set, counted before anyone trains on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.mapped import PIECE
from fer_tf.report.equal_pictures import Equal, Found, equal_pictures
from fer_tf.tasks import FERPLUS


@dataclass(frozen=True, eq=False)
class DatasetSummary:
    """Counts of a data set; rows are numbered from 1, as the reader's messages number them.

    Attributes:
        labels: names of the k classes.
        counts: int [3, k], faces by split and class.
        equal: what is said of blank and of equal pictures.
        vote_counts: int [3, 10], rows by split and the vote's first winner; None without votes.
        vote_agreement: share of rows whose label got the most votes, a tie counted as such;
            None without votes.
    """

    labels: tuple[str, ...]
    counts: np.ndarray
    equal: Equal
    vote_counts: np.ndarray | None
    vote_agreement: float | None

    def findings(self) -> list[tuple[str, str, str]]:
        """Name, number and explanation of each finding, as people read them."""
        equal = self.equal
        rows = [
            ("Blank pictures", len(equal.blank), _some_rows(equal.blank)),
            (
                "Duplicate pictures",
                equal.copies,
                f"rows that repeat another, in {len(equal.groups):,} groups of equal pictures",
            ),
            ("Groups across splits", len(equal.across), "equal pictures in more than one split"),
            (
                "Groups whose labels disagree",
                len(equal.disagreeing),
                "equal pictures with more than one label",
            ),
        ]
        for split, leaked in zip(SPLITS[1:], equal.leaked[1:].tolist(), strict=True):
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
    """Count what `faces` holds, piece by piece, in memory that does not grow with them."""
    counts = np.zeros((len(SPLITS), len(faces.task.labels)), int)
    vote_counts = np.zeros((len(SPLITS), len(FERPLUS)), int)
    agreeing = 0
    for start in range(0, len(faces), PIECE):
        rows = slice(start, start + PIECE)
        split, labels = faces.split[rows], faces.labels[rows]
        np.add.at(counts, (split, labels), 1)
        if faces.votes is not None:
            np.add.at(vote_counts, (split, faces.votes[rows].argmax(axis=1)), 1)
            agreeing += _agreeing(faces, labels, faces.votes[rows])
    return DatasetSummary(
        labels=faces.task.labels,
        counts=counts,
        equal=equal_pictures(faces),
        vote_counts=None if faces.votes is None else vote_counts,
        vote_agreement=None if faces.votes is None else agreeing / len(faces),
    )


def _agreeing(faces: Faces, labels: np.ndarray, votes: np.ndarray) -> int:
    """How many labels have the most votes."""
    found = [faces.task.index(name) for name in FERPLUS]
    columns = [
        found.index(label) if label in found else -1 for label in range(len(faces.task.labels))
    ]
    column = np.array(columns)[labels]
    most = votes[np.arange(len(votes)), column] == votes.max(axis=1)
    return int((most & (column >= 0)).sum())


def _some_rows(rows: Found, most: int = 8) -> str:
    if not rows:
        return "none"
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return f"row {', '.join(map(str, rows.first[:most]))}{more}: one grey throughout"
