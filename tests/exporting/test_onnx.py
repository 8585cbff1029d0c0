"""The ONNX files, run by ONNX Runtime and OpenVINO and compared with Keras."""

from __future__ import annotations

import json
from collections import Counter

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

import fer_tf
from fer_tf.data.synthetic import draw
from fer_tf.errors import FerError
from fer_tf.exporting.onnx import OPSET, write_onnx, write_onnx_int8
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import FER2013, TASKS, Task

SIZE = (40, 32)


def faces(count, seed=0):
    """Colour pictures of drawn faces, uint8 [n, 40, 32, 3]."""
    grey = draw(np.arange(count) % len(FER2013), seed)[:, 4:44, 8:40, None]
    tint = np.random.default_rng(seed).uniform(0.5, 1, (count, 1, 1, 3))
    return (grey * tint).astype(np.uint8)


def luma(images):
    """float32 [n, h, w, 3], what `pixel_function` promises to show the network."""
    return (images @ np.float32([0.299, 0.587, 0.114]))[..., None].repeat(3, -1)


def probabilities(model, images):
    return np.asarray(keras.ops.softmax(model(luma(images))))


def ask(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (answers,) = session.run(["probabilities"], {"image": images})
    return answers


def operators(path, *, optimised=None):
    """How often each operator is in the file, or in what ONNX Runtime makes of it."""
    if optimised:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(optimised)
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        path = optimised
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def network():
    """The tiny network with weights far from those of a beginning, so that its answers differ."""
    keras.utils.set_random_seed(3)
    model = fer_tf.create_model("tiny", input_shape=(*SIZE, 3))
    rng = np.random.default_rng(3)
    model.set_weights(
        [w + rng.normal(0, 0.5 * w.std() + 0.1, w.shape) for w in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(model, its float32 file, its int8 file)."""
    from tiny import register_tiny

    from fer_tf.models import registry

    before = registry.NETWORKS
    register_tiny()
    try:
        model = network()
    finally:
        registry.NETWORKS = before
    folder = tmp_path_factory.mktemp("onnx")
    write_onnx(model, folder / "model.onnx", size=SIZE, task=TASKS["fer2013"])
    write_onnx_int8(folder / "model.onnx", folder / "int8.onnx", calibration=faces(48, seed=1))
    return model, folder / "model.onnx", folder / "int8.onnx"


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_agrees_with_keras(exported, batch):
    model, path, _ = exported
    images = faces(batch)
    expected = probabilities(model, images)
    assert batch == 1 or np.ptp(expected, axis=0).max() > 0.01
    np.testing.assert_allclose(ask(path, images), expected, atol=1e-4)


def test_int8_is_near(exported):
    model, path, int8 = exported
    images = faces(64)
    answers = ask(int8, images)
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-4)
    difference = np.abs(answers - probabilities(model, images))
    assert 0 < difference.max() < 0.15, "weights of 7 bits; random ones, their logits times 40"
    assert int8.stat().st_size < path.stat().st_size


def test_loads_in_openvino(exported):
    pytest.importorskip("openvino")
    model, *paths = exported
    images = faces(3)
    for path, tolerance in zip(paths, (1e-4, 0.1), strict=True):
        answers = open_runner(path, runtime="openvino")(images)
        np.testing.assert_allclose(answers, probabilities(model, images), atol=tolerance)


def test_norms_gelu_and_dense_layers_are_single_operators(exported, tmp_path):
    model, path, _ = exported
    norms = sum("LayerNorm" in type(layer).__name__ for layer in model._flatten_layers())
    count = operators(path)
    assert count["LayerNormalization"] == norms
    assert count["Gelu"] == 4
    assert not count.keys() & {"Erf", "Sqrt", "Reciprocal", "Neg"}
    fast = operators(path, optimised=tmp_path / "fast.onnx")
    assert fast["Gemm"] == count["Gemm"] >= 4 * 5
    assert fast["Transpose"] < count["Transpose"]


def test_int8_is_in_dense_layers_and_dense_convolutions(exported, tmp_path):
    _, path, int8 = exported
    before, fast = operators(path), operators(int8, optimised=tmp_path / "fast.onnx")
    assert fast["QGemm"] == before["Gemm"]
    depthwise_and_first = 4 + 1
    assert fast["QLinearConv"] == before["Conv"] - depthwise_and_first > 0
    for kept in ("LayerNormalization", "Gelu", "Softmax"):
        assert fast[kept] == before[kept]


def test_describes_itself(exported):
    for path in exported[1:]:
        proto = onnx.load(path)
        onnx.checker.check_model(proto, full_check=True)
        assert {entry.domain: entry.version for entry in proto.opset_import}[""] == OPSET
        facts = {entry.key: entry.value for entry in proto.metadata_props}
        assert json.loads(facts["labels"]) == list(FER2013)
        assert (facts["size"], facts["fer_tf"]) == ("40x32", fer_tf.__version__)
        assert "uint8" in facts["normalisation"] and "FER2013" in facts["licence"]
        image, answer = proto.graph.input[0], proto.graph.output[0]
        dims = image.type.tensor_type.shape.dim
        assert (image.name, [d.dim_value for d in dims]) == ("image", [0, 40, 32, 3])
        assert dims[0].dim_param
        assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        assert (answer.name, answer.type.tensor_type.shape.dim[1].dim_value) == ("probabilities", 7)


def test_says_nothing_and_leaves_nothing(exported, tmp_path, capfd):
    model = exported[0]
    write_onnx(model, tmp_path / "model.onnx", size=SIZE, task=TASKS["fer2013"])
    write_onnx_int8(tmp_path / "model.onnx", tmp_path / "int8.onnx", calibration=faces(4))
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", "model.onnx"]


def test_reads_models_with_the_norm_of_keras(tmp_path):
    images = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, strides=2)(images)
    x = keras.layers.LayerNormalization(epsilon=1e-6)(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(images, keras.layers.Dense(2)(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, weights.shape) for weights in model.get_weights()])
    path = tmp_path / "model.onnx"
    write_onnx(model, path, size=(8, 8), task=Task("own", ("a", "b")))
    assert operators(path)["LayerNormalization"] == 1
    pixels = rng.integers(0, 256, (3, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(ask(path, pixels), probabilities(model, pixels), atol=1e-4)


def test_refuses_what_does_not_fit(exported, tmp_path):
    model = exported[0]
    with pytest.raises(FerError, match=r"has 7 classes .* expected as many as its task names, 2"):
        write_onnx(model, tmp_path / "model.onnx", size=SIZE, task=Task("own", ("a", "b")))
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match="can't be written"):
        write_onnx(model, tmp_path / "file" / "model.onnx", size=SIZE, task=TASKS["fer2013"])
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
