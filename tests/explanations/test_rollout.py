"""Attention computed again is the layer's own, and shares stay whole on their way back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from fer_tf.explanations.rollout import (
    attention_rollout,
    attention_weights,
    excess_rollout,
    key_windows,
    patch_footprints,
)
from fer_tf.layers.attention import EfficientAttention
from fer_tf.layers.patch_embedding import OverlapPatchEmbedding

sides = st.integers(1, 20)


@pytest.mark.parametrize(
    ("height", "width", "reduction"), [(8, 8, 4), (7, 10, 2), (4, 4, 1), (8, 8, 8), (3, 5, 8)]
)
def test_the_weights_are_those_that_the_layer_mixes_with(height, width, reduction):
    keras.utils.set_random_seed(1)
    layer = EfficientAttention(heads=2, reduction=reduction)
    x = keras.random.normal((2, height, width, 8))
    expected = layer(x)
    weights = attention_weights(layer, x)
    np.testing.assert_allclose(ops.sum(weights, axis=-1), 1, atol=1e-5)
    assert weights.shape[-1] == len(key_windows(height, width, reduction))

    coarse = x
    if reduction > 1:
        below, right = max(reduction - height, 0), max(reduction - width, 0)
        padded = ops.pad(x, ((0, 0), (0, below), (0, right), (0, 0)))
        coarse = layer.shrink_norm(layer.shrink(padded))
    _, value = ops.split(layer.key_value(coarse), 2, axis=-1)
    value = ops.transpose(ops.reshape(value, (2, -1, 2, 4)), (0, 2, 1, 3))
    mixed = ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), x.shape)
    np.testing.assert_allclose(layer.output_projection(mixed), expected, atol=1e-5)


@given(height=sides, width=sides, reduction=st.sampled_from([1, 2, 4, 8]))
def test_keys_cover_whole_windows_and_their_rows_sum_to_1(height, width, reduction):
    spread = key_windows(height, width, reduction)
    np.testing.assert_allclose(spread.sum(axis=1), 1, rtol=1e-5)
    assert spread.shape[1] == height * width
    # No cell belongs to two windows.
    assert (spread > 0).sum(axis=0).max() == 1


@settings(max_examples=15)
@given(height=sides, width=sides, kernel=st.sampled_from([(7, 4), (3, 2)]))
def test_footprints_are_the_cells_that_move_a_patch(height, width, kernel):
    patch_size, stride = kernel
    footprints = patch_footprints(height, width, patch_size, stride)
    np.testing.assert_allclose(footprints.sum(axis=1), 1, rtol=1e-5)
    layer = OverlapPatchEmbedding(
        1, patch_size=patch_size, stride=stride, kernel_initializer="ones"
    )
    layer.build((None, height, width, 1))
    cells = np.eye(height * width, dtype=np.float32).reshape(-1, height, width, 1)
    pad = patch_size // 2
    padded = np.pad(cells, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    moved = ops.convert_to_numpy(layer.projection(padded)).reshape(height * width, -1).T
    np.testing.assert_array_equal(footprints > 0, moved > 0)


@pytest.mark.parametrize("size", [(64, 64), (33, 70)])
def test_a_rollout_is_shares_of_one_at_any_size(network, faces, size):
    maps = attention_rollout(network, faces, size)
    assert maps.shape == (len(faces), *size)
    assert maps.min() >= 0
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, rtol=1e-4)


def test_a_rollout_follows_the_attention(network, faces):
    a, b = attention_rollout(network, faces[:2], (64, 64))
    assert np.abs(a - b).max() > 1e-6


def test_nothing_exceeds_even_attention_where_all_weights_are_even(network, faces):
    even = keras.models.clone_model(network)
    even.set_weights(network.get_weights())
    for weight in even.trainable_variables:
        if "query" in weight.path:
            weight.assign(weight * 0)
    np.testing.assert_allclose(excess_rollout(even, faces, (64, 64)), 0, atol=1e-4)
    assert np.abs(excess_rollout(network, faces, (64, 64))).max() > 1e-3
