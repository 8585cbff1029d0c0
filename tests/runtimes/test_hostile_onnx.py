"""ONNX files that want too much, or never end, are one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf.errors import FerError
from fer_tf.runtimes import backends
from fer_tf.runtimes.runner import open_runner

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

helper, FLOAT, UINT8 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8


def write(path, nodes, *, image=(None, 8, 8, 3), answer=(None, 7), constants=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", UINT8, image)],
        [helper.make_tensor_value_info("probabilities", FLOAT, answer)],
        [onnx.numpy_helper.from_array(np.array(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def means():
    """Float32 [n, 3] from images: enough of a network."""
    return [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["probabilities"], keepdims=0),
    ]


AXES = ("axes", np.array([1, 2]))


def test_a_plain_one_answers(tmp_path):
    path = write(tmp_path / "a.onnx", means(), answer=(None, 3), constants=[AXES])
    answers = open_runner(path)(np.full((5, 8, 8, 3), 9, np.uint8))
    np.testing.assert_array_equal(answers, np.full((5, 3), 9, np.float32))


@pytest.mark.parametrize(
    "image", [(None, 40_000, 40_000, 3), (10**6, 48, 48, 3), (None, 2**40, 1, 3)]
)
def test_an_input_of_impossible_size_is_refused(tmp_path, image):
    path = write(tmp_path / "a.onnx", means(), image=image, answer=(None, 3), constants=[AXES])
    with pytest.raises(FerError, match="at most 67,108,864 values"):
        open_runner(path)


def test_an_answer_for_other_than_each_image_is_refused(tmp_path):
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("Reshape", ["pixels", "shape"], ["probabilities"]),
    ]
    path = write(tmp_path / "a.onnx", nodes, constants=[("shape", np.array([-1, 3]))])
    with pytest.raises(FerError, match=r"answers 1 images with \[64, 3\]"):
        open_runner(path)(np.zeros((1, 8, 8, 3), np.uint8))


def test_shapes_that_do_not_fit_are_told_when_it_runs(tmp_path):
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=FLOAT),
        helper.make_node("Reshape", ["pixels", "shape"], ["probabilities"]),
    ]
    path = write(tmp_path / "a.onnx", nodes, constants=[("shape", np.array([-1, 7]))])
    with pytest.raises(FerError, match="ONNX Runtime cannot run this file"):
        open_runner(path)(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_loop_without_an_end_is_stopped(tmp_path, monkeypatch):
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["sum", "sum"], ["twice"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, ()),
            helper.make_tensor_value_info("sum", FLOAT, (None, 3)),
        ],
        [
            helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, ()),
            helper.make_tensor_value_info("twice", FLOAT, (None, 3)),
        ],
    )
    cast, mean = means()
    mean.output[0] = "means"
    nodes = [
        cast,
        mean,
        helper.make_node("Loop", ["", "true", "means"], ["probabilities"], body=body),
    ]
    constants = [AXES, ("true", np.array(True))]
    path = write(tmp_path / "a.onnx", nodes, answer=(None, 3), constants=constants)
    monkeypatch.setattr(backends, "MAX_SECONDS", 0.05)
    with pytest.raises(FerError, match="ONNX Runtime cannot run this file"):
        open_runner(path)(np.zeros((1, 8, 8, 3), np.uint8))
