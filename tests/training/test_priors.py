"""The shift of the logits to the class shares of the labels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.trained.inference import softmax
from fer_tf.training.priors import FACES, add_shift, fit_shift, spread

CLASSES = 3


def drawn(seed: int, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with just the probabilities that they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, CLASSES)).astype(np.float32)
    below = softmax(logits).cumsum(axis=1) < rng.random((count, 1))
    return logits, np.minimum(below.sum(axis=1), CLASSES - 1).astype(np.uint8)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 99),
    known=st.lists(st.floats(-1.5, 1.5), min_size=CLASSES, max_size=CLASSES),
    sharpness=st.floats(0.5, 3.0),
)
def test_a_known_shift_is_undone_whatever_the_temperature(seed, known, sharpness):
    logits, labels = drawn(seed)
    shift = np.array(known, np.float32)
    found = fit_shift((logits + shift) * np.float32(sharpness), labels)
    expected = -(shift - shift.mean()) * sharpness
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.12 * sharpness)


def test_what_is_fitted_stays():
    logits, labels = drawn(0)
    shift = fit_shift(logits + np.array([1, 0, -1], np.float32), labels)
    again = fit_shift(logits + np.array([1, 0, -1], np.float32) + shift, labels)
    np.testing.assert_allclose(again, 0, atol=1e-2)


def test_a_class_without_a_face_is_not_shifted_without_end():
    logits, labels = drawn(0, 500)
    assert np.isfinite(fit_shift(logits, np.minimum(labels, 1))).all()


def test_the_shift_goes_into_the_bias():
    images = keras.Input((4,))
    model = keras.Model(images, keras.layers.Dense(CLASSES, name="logits")(images))
    x = np.ones((2, 4), np.float32)
    before = np.array(model(x))
    add_shift(model, np.array([1, 2, 3], np.float32))
    np.testing.assert_allclose(model(x) - before, [[1, 2, 3]] * 2, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 5, FACES, FACES + 1, 10 * FACES])
def test_the_faces_are_spread_over_all(count):
    rows = spread(count)
    assert len(np.unique(rows)) == len(rows) == min(count, FACES)
    assert rows[0] == 0 and rows[-1] == count - 1
