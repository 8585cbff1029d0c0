"""Curves of a network that is known, ranks, areas, intervals, and the sanity check."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer_tf.explanations import sanity
from fer_tf.explanations.faithfulness import (
    STEPS,
    area,
    curves,
    paired_interval,
    salience_ranks,
)
from fer_tf.explanations.occlusion import blurred

PATCH = (slice(8, 20), slice(24, 36))


def striped() -> np.ndarray:
    return np.tile(np.array([0, 255], np.uint8), (2, 48, 24))


def of_the_patch(images: np.ndarray) -> np.ndarray:
    """Probability of class 1: how much of the patch still has its stripes."""
    contrast = images[:, PATCH[0], PATCH[1]].std(axis=(1, 2)) / 127.5
    return np.stack([1 - contrast, contrast], axis=1).astype(np.float32)


def test_a_map_of_what_counts_is_better_than_any_other():
    faces, target = striped(), np.array([1, 1])
    right = np.zeros(faces.shape, np.float32)
    right[:, PATCH[0], PATCH[1]] = 1
    noise = np.random.default_rng(0).random(faces.shape, np.float32)
    best, random, worst = (
        curves(of_the_patch, faces, target, m) for m in (right, noise, 1 - right)
    )
    for less, more in ((best, random), (random, worst)):
        assert np.all(less.deletion_area < more.deletion_area)
        assert np.all(less.insertion_area > more.insertion_area)
    # 144 pixels are the patch: one step.
    assert np.all(best.insertion[:, 1:] > 0.99)


def test_curves_begin_and_end_with_the_whole_and_the_blurred_face():
    faces, target = striped(), np.array([1, 0])
    found = curves(of_the_patch, faces, target, np.zeros(faces.shape, np.float32))
    whole, none = (of_the_patch(x)[[0, 1], target] for x in (faces, blurred(faces)))
    assert found.deletion.shape == found.insertion.shape == (2, STEPS + 1)
    np.testing.assert_array_equal(found.deletion[:, 0], whole)
    np.testing.assert_array_equal(found.deletion[:, -1], none)
    np.testing.assert_array_equal(found.insertion[:, 0], none)
    np.testing.assert_array_equal(found.insertion[:, -1], whole)


@given(arrays(np.float32, (2, 5, 4), elements=st.sampled_from([0, 0.25, 1])))
def test_ranks_are_a_permutation_from_the_most_salient_on(maps):
    ranks = salience_ranks(maps)
    for values, order in zip(maps.reshape(2, -1), ranks.reshape(2, -1), strict=True):
        assert sorted(order) == list(range(20))
        assert np.all(np.diff(values[np.argsort(order)]) <= 0)


def test_equal_pixels_come_in_a_random_order():
    ranks = salience_ranks(np.zeros((1, 48, 48), np.float32))
    assert abs(ranks[:, :24].mean() - ranks[:, 24:].mean()) < 100


def test_areas_and_intervals():
    assert area(np.linspace(0, 1, 11)) == pytest.approx(0.5)
    assert area(np.ones((3, 5))).tolist() == [1, 1, 1]
    mean, low, high = paired_interval(np.array([0.1, 0.3] * 50))
    assert low < mean < high
    assert mean == pytest.approx(0.2)
    assert high - low == pytest.approx(4 * 0.01, rel=0.15)


def test_randomised_layers_are_others_and_all_else_is_the_same(network):
    copy = sanity.randomised(network, ["fusion", "stage4"], seed=0)
    shuffled = set()
    for ours, theirs in zip(network.layers, copy.layers, strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(np.sort(a, axis=None), np.sort(b, axis=None))
            if not np.array_equal(a, b):
                shuffled.add(ours.name)
    assert shuffled == {"fusion", "stage4_embedding", "stage4_block1"}


def test_the_groups_are_every_layer_with_weights(network):
    named = [layer.name for layer in network.layers if layer.get_weights()]
    assert all(name.startswith(sanity.GROUPS) for name in named)
    assert len(sanity.GROUPS) == 6


def test_the_cascade_and_single_groups_begin_with_the_logits(network):
    kernels = [network.get_layer(name).get_weights()[0] for name in ("logits", "fusion")]
    for networks in (sanity.cascading(network), sanity.independent(network)):
        name, first = next(networks)
        found = [first.get_layer(name).get_weights()[0] for name in ("logits", "fusion")]
        same = [np.array_equal(*pair) for pair in zip(kernels, found, strict=True)]
        assert (name, same) == ("logits", [False, True])


def test_rank_correlation():
    maps = np.random.default_rng(0).random((4, 6, 6))
    flat = np.zeros_like(maps)
    np.testing.assert_allclose(sanity.rank_correlation(maps, maps**3), 1)
    np.testing.assert_allclose(sanity.rank_correlation(maps, 1 - maps), -1)
    np.testing.assert_array_equal(sanity.rank_correlation(maps, flat), 0)


@pytest.mark.parametrize(
    ("head", "whole", "verdict"), [(0.6, 0.2, True), (1.0, 0.2, False), (0.6, 0.7, False)]
)
def test_verdicts(head, whole, verdict):
    assert sanity.passes(head, whole) is verdict
