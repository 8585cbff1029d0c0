"""What is dropped, of whom, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf.layers.drop_path import DropPath
from fer_tf.layers.dropping import AttentionDropping, UnscaledDropout
from fer_tf.layers.encoder_block import SelfAttention

ALL = [AttentionDropping, DropPath, UnscaledDropout]


@pytest.mark.parametrize(("axis", "shape"), [(-1, (400, 3, 3, 4)), (1, (400, 4, 5, 2))])
def test_an_example_loses_one_whole_attention_or_none(axis, shape):
    """Maps, as of MAD, and heads, as of MSAD; each as likely, and what is left is not scaled."""
    layer = AttentionDropping(0.6, axis=axis, seed=0)
    kept = np.moveaxis(np.asarray(layer(np.ones(shape, np.float32), training=True)), axis, -1)
    kept = kept.reshape(400, -1, 4)
    assert np.isin(kept, (0, 1)).all()
    np.testing.assert_array_equal(kept, kept[:, :1] + np.zeros_like(kept))
    lost = 4 - kept[:, 0].sum(axis=-1)
    assert set(lost) == {0, 1}
    assert abs(lost.mean() - 0.6) < 0.1
    assert np.abs((1 - kept[:, 0]).sum(axis=0) / lost.sum() - 0.25).max() < 0.1


def test_at_rate_1_every_example_loses_one():
    layer = AttentionDropping(1.0, seed=1)
    kept = np.asarray(layer(np.ones((50, 3), np.float32), training=True))
    np.testing.assert_array_equal(kept.sum(axis=1), 2)


def test_a_dropped_head_adds_nothing():
    """One of two heads is left out: what the output adds is the other one's part alone."""
    layer = SelfAttention(heads=2, drop_head=1.0, seed=2)
    x = np.random.default_rng(0).normal(size=(30, 4, 8)).astype(np.float32)
    layer(x)
    kernel = np.asarray(layer.output_kernel)
    parts = []
    for head in (0, 1):
        half = kernel.copy()
        half[4 * head : 4 * head + 4] = 0
        layer.output_kernel.assign(half)
        parts.append(np.asarray(layer(x)))
    layer.output_kernel.assign(kernel)
    dropped = np.asarray(layer(x, training=True))
    which = [
        [np.allclose(dropped[i], part[i], rtol=1e-4, atol=1e-5) for part in parts]
        for i in range(30)
    ]
    assert all(sum(pair) == 1 for pair in which)
    assert {pair.index(True) for pair in which} == {0, 1}


def test_unscaled_dropout_leaves_the_others_as_they_are():
    kept = np.asarray(
        UnscaledDropout(0.6, seed=3)(np.full((50, 100), 7.0, np.float32), training=True)
    )
    assert set(np.unique(kept)) == {0.0, 7.0}
    assert abs((kept == 0).mean() - 0.6) < 0.03


@pytest.mark.parametrize("make", ALL)
def test_outside_the_training_and_at_rate_0_nothing_is_dropped(make):
    x = np.ones((20, 3, 4), np.float32)
    np.testing.assert_array_equal(make(0.9)(x), x)
    np.testing.assert_array_equal(make(0.0)(x, training=True), x)


@pytest.mark.parametrize("make", ALL)
def test_the_state_is_a_variable_with_which_the_draws_go_on(make):
    x = np.ones((20, 3, 4), np.float32)
    layer = make(0.5, seed=7)
    layer(x, training=True)
    state = [np.asarray(variable) for variable in layer.variables]
    following = layer(x, training=True)
    again = make(0.5, seed=1)
    for variable, value in zip(again.variables, state, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(again(x, training=True), following)


@pytest.mark.parametrize(
    ("make", "rate"),
    [(AttentionDropping, 1.5), (UnscaledDropout, 1.0), (DropPath, 1.0), (DropPath, -0.1)],
)
def test_rates_that_are_none_are_refused(make, rate):
    with pytest.raises(ValueError, match=f"rate must be in .*, got {rate}"):
        make(rate)
