"""Temperature scaling: finds the temperature that the labels were drawn with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fer_tf.runtimes.calibration import apply_temperature, fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_behind_the_labels_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 7))
    true = apply_temperature(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 1.0)
    labels = (true.cumsum(1) < rng.random((len(true), 1))).sum(1).clip(0, 6)
    # A network that is too sure by this factor.
    sure = apply_temperature(true, 1 / temperature)
    assert fit_temperature(sure, labels) == pytest.approx(temperature, rel=0.05)


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(np.float64, (3, 7), elements=st.floats(0, 1)),
    st.floats(0.1, 10),
)
def test_the_order_stays_and_the_sum_is_one(raw: np.ndarray, temperature: float) -> None:
    probabilities = (raw + 1e-3) / (raw + 1e-3).sum(axis=1, keepdims=True)
    calibrated = apply_temperature(probabilities, temperature)
    assert calibrated.dtype == np.float32
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-5)
    order = np.argsort(probabilities, axis=1)
    assert (np.diff(np.take_along_axis(calibrated, order, axis=1), axis=1) >= -1e-7).all()


def test_certain_answers_stay_finite() -> None:
    calibrated = apply_temperature(np.eye(7), 10.0)
    assert np.isfinite(calibrated).all() and (calibrated.argmax(axis=1) == np.arange(7)).all()


def test_a_few_faces_that_are_all_right_make_nothing_certain() -> None:
    probabilities = np.full((30, 3), 0.2)
    labels = np.arange(30) % 3
    probabilities[np.arange(30), labels] = 0.6
    few = fit_temperature(probabilities, labels)
    many = fit_temperature(np.tile(probabilities, (100, 1)), np.tile(labels, 100))
    assert 0.4 < few < 0.8 and many < 0.25
