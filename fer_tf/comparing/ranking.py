"""Which rows come first, which did not learn, and which nothing beats."""

from __future__ import annotations

from collections.abc import Sequence

from fer_tf.comparing.table import ComparedRow

NO_IMPROVEMENT = "no improvement"
RULE = (
    f'"{NO_IMPROVEMENT}": the 95 % interval of the accuracy contains the share of the commonest '
    "class, or lies below it"
)
"""What a network that did not learn is told by: always answering the commonest class does as well.
"""


def no_improvement(row: ComparedRow) -> bool:
    """Whether a row's accuracy is no better than the commonest class, by `RULE`."""
    return row.accuracy_low is not None and row.prior is not None and row.accuracy_low <= row.prior


def ranked(rows: Sequence[ComparedRow]) -> list[ComparedRow]:
    """The rows with an accuracy, best first, equal ones in their order."""
    known = [row for row in rows if row.accuracy is not None]
    return sorted(known, key=lambda row: -(row.accuracy or 0.0))


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats, by their costs from low to high.

    A point is beaten by another that costs no more and scores no less, and is not the same in both.

    Args:
        points: (cost, score) of each.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    front: list[int] = []
    for i in order:
        if not front or points[i][1] > points[front[-1]][1] or points[i] == points[front[-1]]:
            front.append(i)
    return front
