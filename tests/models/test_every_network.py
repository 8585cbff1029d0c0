"""Every network of the registry is what its row says, trains, is saved and is exported."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_weights import drawn_pictures
from registered import LARGE, networks, one_a_family, with_onnx

from fer_tf import create_model
from fer_tf.benchmarking.multiply_adds import multiply_adds, network_multiply_adds
from fer_tf.models.registry import NETWORKS
from fer_tf.models.saving import load_model, save_model, task_of
from fer_tf.training.centre_loss import fitted
from fer_tf.training.losses import TaskLoss

SMALL = (64, 64)
"""(height, width) in pixels, for networks of any size: at 32 attention has a single key."""

SHALLOW = {
    "mit_b0_fusion": {"depths": (1, 1, 1, 1)},
    "resnet18_narrow": {"depths": (2, 1, 1, 1)},
    "resnet18": {"depths": (2, 1, 1, 1)},
    "cnn_transformer": {"blocks": 1},
    "dacl_lite": {"depths": (2, 1, 1, 1)},
    "efficientnet_b0_gray": {"depth": 0.3},
    "efficientnet_b0_va": {"depth": 0.3},
    "efficientnet_b3": {"depth": 0.3},
}
"""Arguments with which a network has fewer blocks, of each kind one; with --slow it has all."""

WITHOUT_EFFECT = {"dacl_lite": {"attention/query/kernel", "attention/query/bias"}}
"""Paths of weights on which no answer depends: as published, and as the family says."""


@pytest.fixture(scope="module")
def create(pytestconfig):
    """As `create_model` for colour at a small size, shallow but with --slow."""

    def make(name: str, **more) -> keras.Model:
        shallow = {} if pytestconfig.getoption("--slow") else SHALLOW.get(name, {})
        return create_model(name, input_shape=(*size_of(name), 3), **shallow, **more)

    return make


@pytest.fixture(scope="module")
def built(create):
    """A function from a network's name to the network for colour at a small size.

    A large one is built anew each time: all together would fill the memory.
    """
    kept: dict[str, keras.Model] = {}

    def build(name: str) -> keras.Model:
        if name in kept:
            return kept[name]
        keras.utils.set_random_seed(0)
        network = spread(create(name))
        if NETWORKS[name].parameters <= LARGE:
            kept[name] = network
        return network

    return build


def size_of(name: str) -> tuple[int, int]:
    row = NETWORKS[name]
    return SMALL if row.any_size else row.input_shape[:2]


def pictures(name: str, count: int = 2) -> np.ndarray:
    """Whole numbers in [0, 255], float32 [count, h, w, 3]; grey, where the task's faces are."""
    channels = NETWORKS[name].task.face[2]
    drawn = [drawn_pictures(size_of(name), channels, seed) for seed in range((count + 1) // 2)]
    return np.round(np.concatenate(drawn)[:count]).repeat(3 // channels, axis=-1)


def answers_of(network: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    answers = network(images, training=False)
    answers = answers if isinstance(answers, dict) else {"logits": answers}
    return {name: np.asarray(each) for name, each in answers.items()}


def spread(network: keras.Model) -> keras.Model:
    """The same, its last layers changed so that pictures get answers that differ by about 1."""
    for name, found in answers_of(network, pictures(network.name)).items():
        layer = network.get_layer(name)
        kernel, bias = layer.get_weights()
        scale = 1 / np.abs(found[0] - found[1]).max()
        layer.set_weights([kernel * scale, bias - found.mean(axis=0) * scale])
    return network


@pytest.mark.parametrize("name", networks())
def test_the_published_network_is_what_its_row_says(name):
    """As many weights and multiply-adds, for its input and its task."""
    row = NETWORKS[name]
    network = create_model(name)
    assert (network.name, network.input_shape) == (name, (None, *row.input_shape))
    widths = {key: each.shape for key, each in outputs(network).items()}
    values = {"values": (None, len(row.task.values))} if row.task.values else {}
    assert widths == {"logits": (None, len(row.task.labels)), **values}
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == row.parameters
    assert row.source
    count = network_multiply_adds(network, row.input_shape[:2])
    assert count == pytest.approx(row.multiply_adds, rel=0.01)


def outputs(network: keras.Model) -> dict:
    return network.output if isinstance(network.output, dict) else {"logits": network.output}


@pytest.mark.parametrize("name", networks())
def test_every_weight_of_a_network_gets_a_gradient(name, built):
    network = built(name)
    for weight in network.trainable_weights:
        # Scales that begin at 0 keep the gradient from what is before them.
        if weight.path.endswith("gamma") and not np.any(weight):
            weight.assign(np.ones(weight.shape))
    left = without_gradient(network, name, training=False)
    if left:
        # Where the largest of several counts, one may never be it until others are dropped.
        left &= without_gradient(network, name, training=True)
    assert left == WITHOUT_EFFECT.get(name, set())


def without_gradient(network: keras.Model, name: str, *, training: bool) -> set[str]:
    """Paths of weights on which the loss of the training does not depend, for eight pictures."""
    tf = pytest.importorskip("tensorflow")
    images, task = pictures(name, 8), NETWORKS[name].task
    targets = np.eye(len(task.labels), dtype=np.float32)[np.arange(8) % 7]
    targets = np.concatenate([targets, np.full((8, len(task.values)), 0.5, np.float32)], axis=1)
    model, loss = fitted(network, TaskLoss(task), centre_loss=NETWORKS[name].centre_loss, seed=0)
    with tf.GradientTape() as tape:
        rows = model(images, training=training)
        total = tf.reduce_mean(loss(targets, rows))
    assert rows.shape[0] == 8 and rows.dtype == "float32" and np.isfinite(rows).all()
    weights = network.trainable_weights
    left = set()
    for weight, gradient in zip(
        weights, tape.gradient(total, [w.value for w in weights]), strict=True
    ):
        if gradient is None or not np.any(gradient):
            left.add(weight.path)
        else:
            assert np.isfinite(gradient).all(), weight.path
    return left


@pytest.mark.parametrize("name", one_a_family())
def test_a_network_is_the_same_from_its_file(name, built, tmp_path):
    network, task = built(name), NETWORKS[name].task
    path = tmp_path / "network.keras"
    save_model(network, path, task)
    again = load_model(path)
    assert task_of(path, again) == task
    found = answers_of(again, pictures(name))
    for key, expected in answers_of(network, pictures(name)).items():
        np.testing.assert_allclose(found[key], expected, atol=1e-4)


@pytest.mark.parametrize("name", one_a_family())
def test_a_network_is_the_same_in_litert(name, built, tmp_path):
    tflite = pytest.importorskip("fer_tf.exporting.tflite")
    from fer_tf.exporting import folding
    from fer_tf.exporting.delegation import delegation

    network, path, size = built(name), tmp_path / "network.tflite", size_of(name)
    task = NETWORKS[name].task
    tflite.write_tflite(network, path, size=size, precision="float32", task=task)
    check_export(path, network, name)
    if folding.can_fold(network):
        assert delegation(path) == (1, [])
    else:
        counted = network_multiply_adds(network, size)
        # In the file, colour is made grey for a network that has seen grey faces only.
        assert multiply_adds(path).total() == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("name", with_onnx())
def test_a_network_is_the_same_in_onnx(name, built, tmp_path):
    onnx = pytest.importorskip("fer_tf.exporting.onnx")
    network, path = built(name), tmp_path / "network.onnx"
    onnx.write_onnx(network, path, size=size_of(name), task=NETWORKS[name].task)
    check_export(path, network, name)


def check_export(path: Path, network: keras.Model, name: str) -> None:
    """Three pictures at once, which a reshape by a computed batch would not survive."""
    from fer_tf.runtimes.runner import open_runner

    images = pictures(name, 3)
    found = open_runner(path).answer(images.astype(np.uint8))
    expected = answers_of(network, images)
    probabilities = np.asarray(keras.ops.softmax(expected["logits"]))
    assert np.ptp(probabilities, axis=0).max() > 0.05
    np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-4)
    if "values" in expected:
        np.testing.assert_allclose(found.values, expected["values"], atol=1e-4)


@pytest.mark.parametrize(
    "dtype", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", one_a_family())
def test_mixed_precision_computes_in_half_and_answers_in_float32(name, dtype, create):
    network, wide = create(name, dtype=dtype), create(name, dtype="float32")
    wide.set_weights(network.get_weights())
    assert {weight.dtype for weight in network.trainable_weights} == {"float32"}
    assert network.get_layer("features").input.dtype == dtype.removeprefix("mixed_")
    found = answers_of(network, pictures(name))
    for key, expected in answers_of(wide, pictures(name)).items():
        assert found[key].dtype == "float32"
        assert np.abs(found[key] - expected).max() < 0.1 * np.abs(expected).max()
