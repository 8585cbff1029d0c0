"""Scores of continuous values, against their definitions and libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer_tf.errors import FerError
from fer_tf.report.value_figures import circumplex_figure, residuals_figure
from fer_tf.report.value_scores import Values, score_values

UNIT = st.floats(-1, 1, width=32)


def one(true, estimated):
    columns = (np.asarray(each, np.float32)[:, None] for each in (true, estimated))
    return score_values(Values(["valence"], *columns), bootstrap=20)[0]


@given(arrays(np.float32, (2, 30), elements=UNIT))
def test_scores_are_those_of_their_definitions(rows):
    true, estimated = rows.astype(np.float64)
    score = one(*rows)
    error = estimated - true
    assert score.rmse.value == pytest.approx(np.sqrt((error**2).mean()), abs=1e-6)
    assert score.mae.value == pytest.approx(np.abs(error).mean(), abs=1e-9)
    assert score.sagr.value == (np.sign(true) == np.sign(estimated)).mean()
    if min(true.std(), estimated.std()) > 1e-3:
        r = np.corrcoef(true, estimated)[0, 1]
        assert score.pearson.value == pytest.approx(r, abs=1e-6)
        spread = true.var() + estimated.var() + error.mean() ** 2
        ccc = 2 * r * true.std() * estimated.std() / spread
        assert score.ccc.value == pytest.approx(ccc, abs=1e-6)
    for estimate in (score.rmse, score.pearson, score.ccc, score.sagr):
        assert estimate.low <= estimate.value <= estimate.high


def test_a_constant_answer_has_no_correlation():
    score = one([-0.5, 0.25, 0.5], [0.1, 0.1, 0.1])
    assert score.pearson.value == score.ccc.value == 0
    assert one([0.5, -0.5, 0.25], [0.5, -0.5, 0.25]).ccc.value == 1


def test_faces_without_a_value_are_left_out():
    some = one([0.5, np.nan, -0.5, 0.1], [0.4, 1, -0.5, 0])
    assert some.rows == 3
    assert some.mae.value == one([0.5, -0.5, 0.1], [0.4, -0.5, 0]).mae.value
    with pytest.raises(FerError, match="1 of the faces have a valence"):
        one([0.5, np.nan], [0.4, 1])
    with pytest.raises(FerError, match="NaN or infinite"):
        one([0.5, 0.1], [0.4, np.nan])


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(FerError, match="as many rows, and columns valence, arousal"):
        Values(("valence", "arousal"), np.zeros((3, 2)), np.zeros((3, 1)))


@pytest.mark.parametrize("names", [("valence",), ("valence", "arousal")])
def test_pictures_show_every_class_that_has_values(names):
    rng = np.random.default_rng(0)
    true = rng.uniform(-1, 1, (60, len(names)))
    true[:5] = np.nan
    values = Values(names, true, np.clip(true + 0.1, -1, 1))
    labels = np.arange(60) % 3
    figure = circumplex_figure(values, labels, ("a", "b", "c"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    points = sum(len(each.get_offsets()) for each in figure.axes[0].collections)
    assert points == 55
    assert len(residuals_figure(values).axes) == len(names)


def test_values_that_no_face_has_both_of_are_drawn():
    true = np.array([[0.1, np.nan], [np.nan, 0.5], [0.2, np.nan], [np.nan, -1]])
    values = Values(("valence", "arousal"), true, np.zeros((4, 2)))
    assert not circumplex_figure(values, np.zeros(4, int), ("a", "b")).legends
    assert len(residuals_figure(values).axes) == 2
