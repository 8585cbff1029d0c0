"""Layers over tokens, and what brings maps to them, against NumPy."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from arithmetic import dense, draw, layer_norm, randomize, relu, softmax, upsampled

from fer_tf.layers.combining import AttendedFeatures, PairwiseSoftmax, SkipConnection
from fer_tf.layers.encoder_block import EncoderBlock
from fer_tf.layers.shared_query import SharedQueryAttention
from fer_tf.layers.tokens import ClassToken, FirstToken, Tokens
from fer_tf.layers.upsampling import AlignedUpsampling


@pytest.mark.parametrize(
    ("sides", "wanted"), [((3, 4), (7, 5)), ((7, 7), (14, 14)), ((1, 2), (3, 4)), ((4, 5), (4, 5))]
)
def test_up_sampling_keeps_the_corners_and_is_linear_between(sides, wanted):
    x, like = draw(2, *sides, 3), draw(2, *wanted, 1)
    result = np.asarray(AlignedUpsampling()([x, like]))
    np.testing.assert_allclose(result, upsampled(x, *wanted), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result[:, 0, -1], x[:, 0, -1], rtol=1e-5, atol=1e-6)


def test_up_sampling_does_not_need_to_know_the_sides():
    tf = pytest.importorskip("tensorflow")
    layer, x, like = AlignedUpsampling(), draw(2, 3, 4, 5), draw(2, 6, 7, 1)
    unknown = tf.TensorSpec((None, None, None, 5)), tf.TensorSpec((None, None, None, 1))
    function = tf.function(lambda a, b: layer([a, b]), input_signature=unknown)
    np.testing.assert_allclose(function(x, like), layer([x, like]), rtol=1e-6, atol=1e-6)


def test_tokens_are_the_places_row_after_row():
    x = draw(2, 3, 4, 5)
    np.testing.assert_array_equal(Tokens()(x), x.reshape(2, 12, 5))


def test_the_class_token_comes_first_and_each_token_has_its_position():
    layer, x = ClassToken(), draw(2, 6, 4)
    result = np.asarray(layer(x))
    token, positions = layer.get_weights()
    expected = np.concatenate([np.broadcast_to(token, (2, 1, 4)), x], axis=1) + positions
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    np.testing.assert_array_equal(FirstToken()(result), result[:, 0])


def test_learned_positions_need_a_number_of_tokens():
    with pytest.raises(ValueError, match="need a known number of tokens"):
        ClassToken().build((None, None, 4))


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_encoder_block_is_that_of_its_paper(pre_norm, bias):
    layer = EncoderBlock(heads=2, hidden=12, pre_norm=pre_norm, qkv_bias=bias, epsilon=1e-3)
    layer.build((None, 5, 8))
    randomize(layer)
    attention, x = layer.attention, draw(3, 5, 8)

    def attend(x):
        rows = x @ np.asarray(attention.qkv)
        rows = rows + np.asarray(attention.qkv_bias) if bias else rows
        query, key, value = np.split(rows, 3, axis=-1)
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            scores = query[..., head] @ key[..., head].transpose(0, 2, 1) / 2.0
            heads.append(softmax(scores) @ value[..., head])
        mixed = np.concatenate(heads, axis=-1) @ np.asarray(attention.output_kernel)
        return mixed + np.asarray(attention.output_bias)

    def gelu(x):
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    def feed(x):
        hidden = x @ np.asarray(layer.expand) + np.asarray(layer.expand_bias)
        hidden = gelu(hidden) if pre_norm else relu(hidden)
        return hidden @ np.asarray(layer.contract) + np.asarray(layer.contract_bias)

    if pre_norm:
        y = x + attend(layer_norm(x, layer.attention_norm))
        expected = y + feed(layer_norm(y, layer.dense_norm))
    else:
        y = layer_norm(x + attend(x), layer.attention_norm)
        expected = layer_norm(y + feed(y), layer.dense_norm)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)


def test_heads_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="8 channels do not divide by 3 heads"):
        EncoderBlock(heads=3, hidden=4).build((None, 5, 8))


@pytest.mark.parametrize("tokens", [1, 4])
def test_queries_that_are_keys(tokens):
    layer, x = SharedQueryAttention(3), draw(2, tokens, 6)
    layer.build(x.shape)
    randomize(layer)
    query = dense(x, layer.query)
    expected = x + softmax(query @ query.transpose(0, 2, 1)) @ dense(x, layer.value)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    if tokens == 1:
        np.testing.assert_allclose(layer(x), x + dense(x, layer.value), rtol=1e-4, atol=1e-5)


def test_of_each_pair_the_second_number_is_kept():
    x = draw(3, 8)
    expected = softmax(x.reshape(3, 4, 2))[:, :, 1]
    np.testing.assert_allclose(PairwiseSoftmax()(x), expected, rtol=1e-5)


def test_attended_features_are_the_features():
    features, attention = draw(2, 5), draw(2, 5, seed=1)
    np.testing.assert_array_equal(AttendedFeatures()([features, attention]), features)


def test_a_skip_connection_leaves_out_what_is_too_much():
    up, skip = draw(2, 4, 6, 3), draw(2, 3, 5, 2)
    expected = np.concatenate([up[:, :3, :5], skip], axis=-1)
    np.testing.assert_array_equal(SkipConnection()([up, skip]), expected)


def test_half_precision_stays_half():
    layer = EncoderBlock(heads=2, hidden=6, dtype="mixed_bfloat16")
    tokens = ClassToken(dtype="mixed_bfloat16")(draw(2, 5, 8))
    assert keras.backend.standardize_dtype(layer(tokens).dtype) == "bfloat16"
    assert {weight.dtype for weight in layer.trainable_weights} == {"float32"}
