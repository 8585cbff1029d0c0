"""The rule of "no improvement", the order of a ranking, and the Pareto front."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.comparing.ranking import no_improvement, pareto_front, ranked
from fer_tf.comparing.table import ComparedRow


def row(accuracy, low=None, prior=0.25):
    return ComparedRow("networks", "nano", accuracy=accuracy, accuracy_low=low, prior=prior)


@pytest.mark.parametrize(
    ("low", "expected"), [(0.2, True), (0.25, True), (0.2501, False), (0.1, True), (None, False)]
)
def test_no_improvement_is_an_interval_that_holds_the_commonest_class_or_lies_below(low, expected):
    assert no_improvement(row(0.26, low)) is expected


def test_a_ranking_is_by_accuracy_and_leaves_out_what_failed():
    rows = [row(0.3), row(None), row(0.5), row(0.3, low=0.2)]
    assert ranked(rows) == [rows[2], rows[0], rows[3]]


points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


def beats(one, other):
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(points)
def test_the_front_is_what_no_other_beats(points):
    front = pareto_front(points)
    assert set(front) == {
        i for i, point in enumerate(points) if not any(beats(other, point) for other in points)
    }
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)
