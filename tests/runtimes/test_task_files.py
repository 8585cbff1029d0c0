"""What a file says that it answers is believed only where it fits what the graph gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fer_tf.errors import FerError
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import AFFECT, TASKS, Task

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

FLOAT, UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
TASK = Task("own", ("calm", "cross", "glad"), AFFECT, (8, 8, 3))
IMAGE = np.full((2, 8, 8, 3), 51, np.uint8)


def write(path: Path, *, second: str = "values", scale: float = 1 / 255, **metadata: str) -> Path:
    """A graph whose probabilities are the mean colours, and its values the first two of them."""
    make = onnx.helper.make_node
    nodes = [
        make("Cast", ["image"], ["pixels"], to=FLOAT),
        make("ReduceMean", ["pixels", "axes"], ["probabilities"], keepdims=0),
        make("Mul", ["probabilities", "scale"], ["scaled"]),
        make("Gather", ["scaled", "two"], [second], axis=1),
    ]
    constants = {"axes": np.array([1, 2]), "scale": np.float32(scale), "two": np.array([0, 1])}
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [info("image", UINT8, (None, 8, 8, 3))],
        [info(second, FLOAT, (None, 2)), info("probabilities", FLOAT, (None, 3))],
        [onnx.numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_outputs_are_known_by_their_names_not_their_order(tmp_path, runtime):
    pytest.importorskip(runtime)
    runner = open_runner(write(tmp_path / "a.onnx", task=TASK.to_json()), runtime=runtime)
    assert runner.task == TASK
    answers = runner.answer(IMAGE)
    np.testing.assert_allclose(answers.probabilities, np.full((2, 3), 51), atol=1e-4)
    np.testing.assert_allclose(answers.values, np.full((2, 2), 0.2), atol=1e-6)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({}, "has 2 values and names 0 of them"),
        ({"labels": json.dumps(TASK.labels)}, "has 2 values and names 0 of them"),
        ({"task": TASKS["fer2013"].to_json()}, "has 3 classes and names 7 of them"),
        ({"task": "{}"}, "its task: is no task"),
        ({"labels": "calm, cross, glad"}, "labels are no JSON list of texts"),
        ({"labels": '["a", "a", "b"]'}, "names two alike"),
        ({"task": TASK.to_json(), "second": "features"}, "expected one of each, or the outputs"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, metadata, says):
    with pytest.raises(FerError, match=says):
        open_runner(write(tmp_path / "a.onnx", **metadata))


def test_a_value_far_out_of_its_range_is_refused(tmp_path):
    runner = open_runner(write(tmp_path / "a.onnx", scale=1 / 40, task=TASK.to_json()))
    with pytest.raises(FerError, match=r"answers a value 1\.27 from 0: expected them in \[-1, 1\]"):
        runner.answer(IMAGE)
