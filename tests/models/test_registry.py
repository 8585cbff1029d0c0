"""`mit_b0_fusion` and ResNet18 in detail, and what `create_model` refuses."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from fer_tf import FerError, create_model
from fer_tf.models.registry import NETWORKS
from fer_tf.models.resnet import residual_stages
from fer_tf.models.sizes import fitting_size

SIZES = [(96, 128), (48, 48), (17, 33)]


def draw(height, width, count=2, seed=0):
    pixels = np.random.default_rng(seed).uniform(0, 255, (count, height, width, 3))
    return pixels.astype(np.float32)


def short(*size, **more):
    """`mit_b0_fusion` with one block a stage."""
    return create_model("mit_b0_fusion", input_shape=(*size, 3), depths=(1, 1, 1, 1), **more)


@pytest.fixture(scope="module")
def any_size():
    return short(None, None, seed=0)


@pytest.fixture(scope="module")
def unknown(any_size):
    """The same as a graph that was made while shapes were unknown."""
    tf = pytest.importorskip("tensorflow")
    signature = [tf.TensorSpec((None, None, None, 3))]
    return tf.function(lambda x: any_size(x), input_signature=signature)


@pytest.mark.parametrize("size", SIZES)
def test_one_set_of_weights_runs_at_any_size(any_size, unknown, size):
    """Shapes unknown when the graph is made, known ones, and an eager call: the same answer."""
    images = draw(*size)
    fixed = short(*size)
    fixed.set_weights(any_size.get_weights())
    expected = np.asarray(fixed(images))
    assert expected.shape == (2, 7)
    assert np.isfinite(expected).all() and expected.std() > 1e-3
    np.testing.assert_allclose(any_size(images), expected, atol=1e-5)
    np.testing.assert_allclose(unknown(images), expected, atol=1e-5)
    for stage, stride in enumerate((4, 8, 16, 32), start=1):
        strided = tuple(-(-side // stride) for side in size)
        assert fixed.get_layer(f"stage{stage}_norm").output.shape[1:3] == strided


def test_an_answer_does_not_depend_on_the_rest_of_the_batch(any_size):
    images = draw(64, 64, count=3)
    alone = [np.asarray(any_size(images[i : i + 1]))[0] for i in range(3)]
    np.testing.assert_allclose(any_size(images), alone, atol=1e-5)


def test_a_rectangle_is_not_its_transpose(any_size):
    """A network that mixed up rows and columns would not be seen at square sizes."""
    images = draw(64, 96)
    turned = np.asarray(any_size(images.transpose(0, 2, 1, 3)))
    assert np.abs(np.asarray(any_size(images)) - turned).max() > 1e-3


def test_the_seed_decides_the_dropped_paths():
    weights = short(48, 48).get_weights()
    answers = []
    for seed in (1, 1, 2):
        model = short(48, 48, drop_path=0.5, seed=seed)
        for weight, value in zip(model.weights, weights, strict=True):
            weight.assign(value)
        answers.append(np.asarray(model(draw(48, 48, count=8), training=True)))
    np.testing.assert_array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])


def test_drop_path_rises_linearly_to_its_rate():
    model = create_model("mit_b0_fusion", input_shape=(64, 64, 3), drop_path=0.35)
    blocks = [layer for layer in model.layers if "_block" in layer.name]
    np.testing.assert_allclose([b.drop_path_rate for b in blocks], np.arange(8) * 0.05)


def test_reshapes_are_static_but_for_the_batch():
    """The exporters' rule: a shape computed in the graph makes ONNX wrong at batch 3."""
    tf = pytest.importorskip("tensorflow")
    model = short(64, 64)
    function = tf.function(lambda x: model(x, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((None, 64, 64, 3))).graph
    shapes = [op.inputs[1].op.type for op in graph.get_operations() if op.type == "Reshape"]
    assert shapes and set(shapes) == {"Const"}


@pytest.mark.parametrize("size", [(48, 48), (49, 37), (36, 62)])
def test_a_residual_network_halves_at_each_stage(size):
    model = create_model("resnet18", input_shape=(*size, 3))
    height, width = size[0] // 2, size[1] // 2
    for stage, stride in enumerate((1, 2, 4, 8), start=1):
        block = model.get_layer(f"stage{stage}_block2_relu2")
        assert block.output.shape[1:3] == (-(-height // stride), -(-width // stride))


def test_a_residual_block_adds_what_went_in_at_the_same_places():
    """With stride 2 too: even sizes padded on one side only would shift the two by a pixel."""
    images = keras.Input((12, 12, 4))
    maps = residual_stages(images, widths=(4, 4), depths=(1, 1))
    block = keras.Model(maps[0], maps[1])
    for layer in block.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape, np.float32)
            middle = kernel.shape[0] // 2
            kernel[middle, middle] = np.eye(4)
            layer.kernel.assign(kernel)
    x = np.random.default_rng(0).uniform(0, 1, (1, 6, 6, 4)).astype(np.float32)
    np.testing.assert_allclose(block(x), 2 * x[:, ::2, ::2], rtol=1e-2)


def test_another_number_of_classes_and_other_arguments():
    model = create_model("mit_b0_fusion", classes=3, input_shape=(32, 32, 3), depths=(1, 1, 1, 1))
    assert model.output_shape == (None, 3)
    assert model.count_params() < NETWORKS["mit_b0_fusion"].parameters


def test_faces_of_which_poolings_leave_nothing_are_refused():
    network = create_model("nano", input_shape=(None, None, 3))
    assert fitting_size(network, (16, 30), "nano") == (16, 30)
    with pytest.raises(FerError, match="nano: can't take faces of 8x30 pixels: Computed output"):
        fitting_size(network, (8, 30), "nano")


def test_arguments_of_the_head_are_overridden_too():
    model = create_model("nano", input_shape=(32, 32, 3), dropout=0.7, widths=(8, 8, 8, 8))
    assert model.get_layer("dropout").rate == 0.7


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("mit_b0_fusoin", {}, "unknown model 'mit_b0_fusoin', did you mean 'mit_b0_fusion'?"),
        ("inception", {}, "unknown model 'inception': expected one of mit_b0_fusion"),
        ("alexnet", {"input_shape": (48, 70, 1)}, "alexnet can't be built: needs 63x63 pixels"),
        ("resnet18", {"depths": (2, 2)}, "resnet18 can't be built: widths and depths must be as"),
        ("mit_b0_fusion", {"drop_pth": 0.1}, "no argument 'drop_pth', did you mean 'drop_path'?"),
        ("mit_b0_fusion", {"zzz": 1}, "mit_b0_fusion has no argument 'zzz': expected one of"),
        ("mit_b0_fusion", {"classes": 1}, "classes must be at least 2, got 1"),
        ("mit_b0_fusion", {"input_shape": (64, 64)}, "(height, width, channels), got (64, 64)"),
        ("mit_b0_fusion", {"input_shape": (0, 64, 3)}, "got (0, 64, 3)"),
        ("mit_b0_fusion", {"input_shape": (64, 64, None)}, "got (64, 64, None)"),
        ("mit_b0_fusion", {"images": None}, "mit_b0_fusion has no argument 'images'"),
        ("mit_b0_fusion", {"heads": (3, 2, 5, 8)}, "32 channels do not divide by 3 heads"),
        ("mit_b0_fusion", {"depths": (2, 2)}, "must be as long, got [4, 2, 4, 4]"),
        ("mit_b0_fusion", {"drop_path": 1.5}, "drop_path must be in [0, 1), got 1.5"),
        ("mit_b0_fusion", {"dtype": "float17"}, "float17"),
        ("nano", {"input_shape": (48, 48, 1), "weights": "shipped"}, "don't fit this nano: "),
        ("nano", {"input_shape": (8, 8, 3)}, "nano can't be built: "),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(name, arguments, sentence):
    with pytest.raises(FerError, match=re.escape(sentence)) as refusal:
        create_model(name, **{"input_shape": (64, 64, 3), **arguments})
    assert "\n" not in str(refusal.value)
    assert "Exception encountered when calling" not in str(refusal.value)
