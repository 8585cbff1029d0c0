"""The building blocks: what each computes, and that each survives its configuration."""

from __future__ import annotations

import inspect
import math

import keras
import numpy as np
import pytest
from keras import ops

import fer_tf.models.registry  # noqa: F401  (imports, and so registers, every layer)
from fer_tf.layers.adaptive_pooling import AdaptiveAveragePooling
from fer_tf.layers.attention import EfficientAttention
from fer_tf.layers.combining import (
    AttendedFeatures,
    ChannelStatistics,
    LargestAttention,
    PairwiseSoftmax,
    SkipConnection,
)
from fer_tf.layers.drop_path import DropPath
from fer_tf.layers.dropping import AttentionDropping, UnscaledDropout
from fer_tf.layers.encoder_block import EncoderBlock, SelfAttention
from fer_tf.layers.fusion import StageFusion
from fer_tf.layers.initializers import DenseNormal, FanOutNormal
from fer_tf.layers.mix_ffn import MixFFN
from fer_tf.layers.normalization import LayerNormalization
from fer_tf.layers.patch_embedding import OverlapPatchEmbedding
from fer_tf.layers.pointwise import Projection
from fer_tf.layers.shared_query import SharedQueryAttention
from fer_tf.layers.tokens import ClassToken, FirstToken, Tokens
from fer_tf.layers.transformer_block import TransformerBlock
from fer_tf.layers.upsampling import AlignedUpsampling

MAP = (2, 6, 5, 8)
TOKENS = (2, 7, 8)

LAYERS = {
    "AdaptiveAveragePooling": (lambda: AdaptiveAveragePooling(4), MAP),
    "EfficientAttention": (lambda: EfficientAttention(heads=2, reduction=2, epsilon=1e-3), MAP),
    "DropPath": (lambda: DropPath(0.3, seed=4), MAP),
    "StageFusion": (
        lambda: StageFusion(kernel_initializer=FanOutNormal(seed=1)),
        [(2, 8, 8, 4), (2, 4, 4, 6), (2, 2, 2, 8)],
    ),
    "MixFFN": (lambda: MixFFN(ratio=3, dense_initializer=DenseNormal(seed=1)), MAP),
    "LayerNormalization": (lambda: LayerNormalization(epsilon=1e-2), MAP),
    "OverlapPatchEmbedding": (
        lambda: OverlapPatchEmbedding(12, patch_size=5, stride=3, epsilon=1e-3),
        MAP,
    ),
    "Projection": (lambda: Projection(12, kernel_initializer=DenseNormal()), MAP),
    "AlignedUpsampling": (AlignedUpsampling, [(2, 3, 4, 8), MAP]),
    "AttendedFeatures": (AttendedFeatures, [(2, 8), (2, 8)]),
    "AttentionDropping": (lambda: AttentionDropping(0.5, axis=1, seed=4), MAP),
    "ChannelStatistics": (ChannelStatistics, MAP),
    "ClassToken": (ClassToken, TOKENS),
    "EncoderBlock": (
        lambda: EncoderBlock(heads=2, hidden=6, pre_norm=False, qkv_bias=False, drop_head=0.3),
        TOKENS,
    ),
    "FirstToken": (FirstToken, TOKENS),
    "LargestAttention": (LargestAttention, MAP),
    "PairwiseSoftmax": (PairwiseSoftmax, (2, 8)),
    "SelfAttention": (lambda: SelfAttention(heads=4, dropout=0.1, drop_head=0.2, seed=1), TOKENS),
    "SharedQueryAttention": (lambda: SharedQueryAttention(3), TOKENS),
    "SkipConnection": (SkipConnection, [MAP, (2, 5, 5, 3)]),
    "Tokens": (Tokens, MAP),
    "UnscaledDropout": (lambda: UnscaledDropout(0.6, seed=2), MAP),
    "TransformerBlock": (
        lambda: TransformerBlock(heads=4, reduction=2, ratio=2, drop_path=0.2, epsilon=1e-3),
        MAP,
    ),
}


def draw(shape, seed=0):
    if isinstance(shape, list):
        return [draw(one, seed + i) for i, one in enumerate(shape)]
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def randomize(layer, seed=1):
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))


def test_every_layer_and_initializer_of_ours_is_in_this_file():
    registered = keras.saving.get_custom_objects().items()
    ours = {
        name for name, item in registered if name.startswith("fer_tf>") and inspect.isclass(item)
    }
    tested = {*LAYERS, "DenseNormal", "FanOutNormal"}
    assert ours == {f"fer_tf>{name}" for name in tested}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_rebuilt_from_its_configuration_computes_the_same(name):
    make, shape = LAYERS[name]
    layer, inputs = make(), draw(shape)
    outputs = layer(inputs)
    randomize(layer)
    outputs = layer(inputs)
    twin = type(layer).from_config(layer.get_config())
    twin(inputs)
    assert twin.get_config() == layer.get_config()
    assert [w.path for w in twin.weights] == [w.path for w in layer.weights]
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(inputs), outputs)
    assert tuple(outputs.shape) == tuple(layer.compute_output_shape(shape))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_a_network_is_built_with_all_that_it_holds(name):
    """Else Keras on JAX runs the whole network op by op before each prediction."""
    make, shape = LAYERS[name]
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [keras.Input(each[1:]) for each in shapes]
    layer = make()
    layer(inputs if isinstance(shape, list) else inputs[0])
    assert all(each.built for each in layer._flatten_layers())


def test_mix_ffn_computes_in_training_what_it_does_afterwards():
    """Value, and gradient of the input and of every weight; see `scaled_gelu`."""
    tf = pytest.importorskip("tensorflow")
    layer, inputs = MixFFN(ratio=4), tf.constant(draw(MAP))
    layer.build(MAP)
    randomize(layer)
    answers = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
        weights = [w.value for w in layer.trainable_weights]
        answers.append([outputs, *tape.gradient(outputs, [inputs, *weights])])
    for trained, plain in zip(*answers, strict=True):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(trained / scale, plain / scale, atol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-2])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_layer_norm_is_that_of_keras(epsilon, dtype):
    ours, theirs = (
        cls(epsilon=epsilon, dtype=dtype)
        for cls in (LayerNormalization, keras.layers.LayerNormalization)
    )
    inputs = 3 * draw((2, 7, 5, 16)) + 5
    for layer in (ours, theirs):
        layer.build(inputs.shape)
        randomize(layer)
    result, expected = ours(inputs), theirs(inputs)
    assert result.dtype == expected.dtype
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    # Two bfloat16 roundings of nearly the same number may be neighbours.
    tolerance = 2e-6 if dtype == "float32" else 2**-7
    np.testing.assert_allclose(
        np.asarray(result, np.float32), np.asarray(expected, np.float32), rtol=tolerance, atol=1e-5
    )


def test_the_gradient_of_layer_norm_is_the_automatic_one():
    tf = pytest.importorskip("tensorflow")
    inputs, upstream = tf.constant(2 * draw((3, 5, 4, 16)) + 1), tf.constant(draw((3, 5, 4, 16), 9))
    gradients = []
    for cls in (LayerNormalization, keras.layers.LayerNormalization):
        layer = cls(epsilon=1e-6)
        layer.build(inputs.shape)
        randomize(layer)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        weights = [w.value for w in layer.weights]
        gradients.append(tape.gradient(outputs, [inputs, *weights], upstream))
    for ours, automatic in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, automatic, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("arguments", [{"axis": 1}, {"center": False}, {"scale": False}])
def test_layer_norm_refuses_what_its_gradient_does_not_know(arguments):
    with pytest.raises(ValueError, match="last axis"):
        LayerNormalization(**arguments).build(MAP)


def test_projection_is_dense():
    inputs = draw((2, 3, 4, 8))
    dense, ours = keras.layers.Dense(5), Projection(5)
    for layer in (dense, ours):
        layer.build(inputs.shape)
        randomize(layer)
    np.testing.assert_allclose(ours(inputs), dense(inputs), rtol=1e-5, atol=1e-5)


def test_attention_is_softmax_of_the_scaled_products():
    """By hand, one head at a time, against the layer with two heads and a reduction of 2."""
    layer = EfficientAttention(heads=2, reduction=2)
    inputs = draw((1, 4, 5, 6))
    layer(inputs)
    randomize(layer)
    query = inputs.reshape(20, 6) @ layer.query.kernel + layer.query.bias
    coarse = layer.shrink_norm(layer.shrink(inputs[:, :, :4]))
    both = np.asarray(coarse).reshape(4, 6) @ layer.key_value.kernel + layer.key_value.bias
    query, both = np.asarray(query), np.asarray(both)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = query[:, head] @ both[:, :6][:, head].T / math.sqrt(3)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(powers / powers.sum(axis=1, keepdims=True) @ both[:, 6:][:, head])
    projection = layer.output_projection
    expected = np.concatenate(heads, axis=1) @ projection.kernel + projection.bias
    result = np.asarray(layer(inputs)).reshape(20, 6)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


def test_attention_wants_channels_that_divide_by_the_heads():
    with pytest.raises(ValueError, match="8 channels do not divide by 3 heads"):
        EfficientAttention(heads=3).build(MAP)


@pytest.mark.parametrize("size", [8, 9, 11])
@pytest.mark.parametrize(("patch", "stride"), [(7, 4), (3, 2)])
def test_patches_are_padded_as_in_segformer(size, patch, stride):
    """patch // 2 zeros on all sides, by summing each window with a kernel of ones."""
    layer = OverlapPatchEmbedding(1, patch_size=patch, stride=stride)
    image = draw((1, size, size + 3, 1))
    layer.build(image.shape)
    layer.projection.kernel.assign(np.ones((patch, patch, 1, 1)))
    seen = []
    layer.norm.call = lambda x: seen.append(np.asarray(x)) or x
    layer(image)
    pad = patch // 2
    around = np.pad(image[0, :, :, 0], pad)
    expected = [
        [
            around[top : top + patch, left : left + patch].sum()
            for left in range(0, around.shape[1] - patch + 1, stride)
        ]
        for top in range(0, around.shape[0] - patch + 1, stride)
    ]
    np.testing.assert_allclose(seen[0][0, :, :, 0], expected, rtol=1e-4, atol=1e-4)
    assert seen[0].shape[1:3] == (math.ceil(size / stride), math.ceil((size + 3) / stride))


def test_fusion_is_the_papers_formula():
    """out = f * last + last, f the projection of the pooled maps, where the sides divide."""
    layer = StageFusion()
    maps = draw([(2, 8, 8, 3), (2, 4, 4, 5), (2, 2, 2, 4)])
    layer(maps)
    randomize(layer)
    pooled = [
        x.reshape(2, 2, side // 2, 2, side // 2, -1).max(axis=(2, 4))
        for x, side in zip(maps, (8, 4, 2), strict=True)
    ]
    kernel = np.asarray(layer.project.kernel)[0, 0]
    fused = np.concatenate(pooled, axis=-1) @ kernel + np.asarray(layer.project.bias)
    np.testing.assert_allclose(layer(maps), fused * maps[-1] + maps[-1], rtol=1e-5, atol=1e-5)


def test_drop_path_drops_whole_examples_and_keeps_the_expectation():
    ones = np.ones((4000, 2, 3), np.float32)
    result = np.asarray(DropPath(0.25, seed=0)(ones, training=True))
    assert set(np.unique(result.round(5))) == {0.0, np.float32(1 / 0.75).round(5)}
    assert (result == result[:, :1, :1]).all()
    # Four standard deviations of the mean of 4,000 Bernoulli draws of 0.75, over 0.75.
    assert abs(result.mean() - 1) < 4 * math.sqrt(0.25 * 0.75 / 4000) / 0.75


def test_drop_path_is_a_function_of_its_seed_and_its_state():
    ones = np.ones((64, 1), np.float32)
    first, second = DropPath(0.5, seed=3), DropPath(0.5, seed=3)
    drawn = [np.asarray(first(ones, training=True)) for _ in range(3)]
    np.testing.assert_array_equal(drawn[0], second(ones, training=True))
    assert not np.array_equal(drawn[0], drawn[1])
    for own, other in zip(second.variables, first.variables, strict=True):
        own.assign(other)
    np.testing.assert_array_equal(second(ones, training=True), first(ones, training=True))
    assert not np.array_equal(drawn[0], DropPath(0.5, seed=4)(ones, training=True))


def test_dropping_every_branch_leaves_the_block_the_identity():
    block = TransformerBlock(heads=2, reduction=1, drop_path=1 - 1e-7)
    inputs = draw(MAP)
    np.testing.assert_array_equal(block(inputs, training=True), inputs)
    assert not np.array_equal(block(inputs, training=False), inputs)


@pytest.mark.parametrize(
    ("shape", "fan_out"), [((3, 3, 64, 128), 9 * 128), ((3, 3, 512, 1), 9), ((7, 7, 16, 32), 1568)]
)
def test_fan_out_normal_has_hes_deviation(shape, fan_out):
    drawn = np.asarray(FanOutNormal(seed=0)(shape))
    expected = math.sqrt(2 / fan_out)
    # Five standard errors of a deviation estimated from n normal numbers.
    assert abs(drawn.std() / expected - 1) < 5 / math.sqrt(2 * drawn.size)
    assert abs(drawn.mean()) < 5 * expected / math.sqrt(drawn.size)


def test_dense_normal_is_truncated_at_two_deviations():
    drawn = np.asarray(DenseNormal(seed=0)((300, 300)))
    assert np.abs(drawn).max() <= 0.04 + 1e-7
    # The truncated distribution has 0.88 of the deviation it is named by.
    assert abs(drawn.std() / (0.8796 * 0.02) - 1) < 0.02


@pytest.mark.parametrize("cls", [DenseNormal, FanOutNormal])
def test_layers_that_share_an_initializer_get_different_weights(cls):
    shared = cls()
    first, second = (np.asarray(shared((3, 3, 8, 8))) for _ in range(2))
    assert not np.array_equal(first, second)
    block = TransformerBlock(
        heads=2, reduction=1, dense_initializer=DenseNormal(), kernel_initializer=FanOutNormal()
    )
    block.build(MAP)
    assert not np.array_equal(
        block.attention.query.kernel, block.attention.output_projection.kernel
    )


def test_an_initializer_with_a_seed_is_a_function_of_it():
    drawn = [np.asarray(FanOutNormal(seed=seed)((3, 3, 4, 4))) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_map_smaller_than_a_window_is_padded():
    layer = EfficientAttention(heads=2, reduction=4)
    inputs = draw((1, 3, 6, 8))
    layer(inputs)
    randomize(layer)
    padded = np.pad(inputs, ((0, 0), (0, 1), (0, 0), (0, 0)))
    keys = layer.shrink(padded[:, :, :4])
    value = layer.key_value(layer.shrink_norm(keys))[..., 8:]
    expected = layer.output_projection(ops.broadcast_to(value, inputs.shape))
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-4)
