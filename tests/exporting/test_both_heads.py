"""A network for colour faces with values beside its classes, in every form and back again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.export import gather, main, print_results
from fer_tf.exporting.exporter import Exporter, Material
from fer_tf.exporting.folding import can_fold
from fer_tf.models.registry import create_model
from fer_tf.models.saving import save_model
from fer_tf.models.sizes import at_size
from fer_tf.recipes.schema import Reading
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import AFFECT, Task
from fer_tf.trained.model import open_trained

TASK = Task("own", ("calm", "cross", "glad"), AFFECT, (20, 16, 3))
SIZE = (32, 48)


def coloured(count: int = 12) -> np.ndarray:
    """Faces, uint8 [count, 20, 16, 3], that differ in their colours most of all."""
    rng = np.random.default_rng(0)
    tints = rng.integers(0, 256, (count, 1, 1, 3))
    return (0.7 * tints + 0.3 * rng.integers(0, 256, (count, *TASK.face))).astype(np.uint8)


@pytest.fixture(scope="module")
def model(small_network, tmp_path_factory) -> Path:
    """The network as a .keras file, with random weights that answer each face otherwise."""
    keras.utils.set_random_seed(2)
    network = create_model("short", task=TASK, input_shape=(None, None, 3))
    for name in ("logits", "values"):
        layer = network.get_layer(name)
        layer.set_weights([30 * weights for weights in layer.get_weights()])
    path = tmp_path_factory.mktemp("model") / "both.keras"
    save_model(network, path, TASK)
    return path


@pytest.fixture(scope="module")
def exports(model, tmp_path_factory) -> tuple[Path, list]:
    """The export's folder and what came of each form."""
    images = coloured()
    labels = np.arange(len(images), dtype=np.uint8) % 3
    faces = Faces(images, labels, np.ones_like(labels), task=TASK)
    exporter = Exporter(
        model=open_trained(model).network(),
        task=TASK,
        directory=tmp_path_factory.mktemp("export"),
        sizes=[SIZE],
        formats=["serving", "tflite", "onnx", "web"],
        grey=False,
        material=Material(images, faces, "colours", True, False),
    )
    return exporter.directory, exporter.export()


FORMS = {
    "serving": "serving/fer/1",
    "tflite float32": "tflite/fer_32x48_float32.tflite",
    "tflite float16": "tflite/fer_32x48_float16.tflite",
    "tflite int8": "tflite/fer_32x48_int8.tflite",
    "onnx float32": "onnx/fer_32x48_float32.onnx",
    "onnx int8": "onnx/fer_32x48_int8.onnx",
}


def test_every_form_is_kept_and_its_values_are_compared(exports, capsys):
    _, results = exports
    assert {result.parity.failure for result in results} == {""}
    assert [result.path is not None for result in results] == [True] * len(FORMS)
    assert all(0 <= result.parity.value_difference < 0.5 for result in results)
    print_results(results)
    assert " values " in capsys.readouterr().out


@pytest.mark.parametrize("runtime", [None, "openvino"])
@pytest.mark.parametrize("form", FORMS)
def test_each_runtime_answers_as_keras_and_knows_the_task(exports, model, form, runtime):
    if runtime and (form == "serving" or "int8" in form):
        pytest.skip("OpenVINO runs the float files alone here")
    if runtime:
        pytest.importorskip("openvino")
    size = TASK.face[:2] if form == "serving" else SIZE
    runner = open_runner(exports[0] / FORMS[form], runtime=runtime, size=size)
    assert runner.task == TASK and runner.channels == 3
    answers = runner.answer(to_input(coloured(), size))
    network = open_runner(model, size=SIZE)
    expected = network.answer(to_input(coloured(), SIZE))
    if form == "serving":  # resizes in floats
        tolerance = 0.05
    else:
        tolerance = {"float32": 1e-4, "float16": 0.02, "int8": 0.35}[form.split()[1]]
    np.testing.assert_allclose(answers.probabilities, expected.probabilities, atol=tolerance)
    np.testing.assert_allclose(answers.values, expected.values, atol=tolerance)
    assert np.ptp(expected.values, axis=0).min() > 0.1, "the faces must get different answers"


def test_the_network_is_folded_with_both_heads(model):
    assert can_fold(at_size(open_trained(model).network(), SIZE))


def test_faces_of_another_task_are_matched_by_name_and_made_alike(tmp_path):
    from tiny import tiny_csv

    task = Task("own", ("sadness", "calm", "happy"), AFFECT, TASK.face)
    trained = SimpleNamespace(task=task, recipe=None)
    data = str(tiny_csv(tmp_path / "faces.csv"))
    material = gather(data, Reading(), trained, verify=True)
    assert set(material.faces.labels) == {0, 2}
    assert material.faces.images.shape[1:] == material.calibration.shape[1:] == TASK.face


def test_colour_reaches_the_network(exports):
    runner = open_runner(exports[0] / FORMS["tflite float32"])
    red = np.zeros((1, *SIZE, 3), np.uint8)
    red[..., 0] = 200
    grey = np.full_like(red, round(0.299 * 200))
    assert np.abs(runner.answer(red).values - runner.answer(grey).values).max() > 0.01


def test_a_servable_has_an_output_for_each_value(exports):
    import tensorflow as tf

    module = tf.saved_model.load(str(exports[0] / FORMS["serving"]))
    outputs = module.signatures["predict_pixels"](pixels=tf.constant(coloured(2)))
    assert set(outputs) == {"probabilities", "class_index", "label", "valence", "arousal"}
    assert outputs["valence"].shape == (2,)


def test_what_lies_beside_names_the_values(exports):
    folder, _ = exports
    guide = (folder / "tflite" / "android.md").read_text("utf-8")
    assert '"valence", "arousal"' in guide and "MediaPipe" not in guide
    page = (folder / "web" / "index.html").read_text("utf-8")
    assert '"values": ["valence", "arousal"]' in page and '"colour": true' in page


def test_the_command_writes_a_card_with_both(model, tmp_path):
    out = tmp_path / "out"
    main([str(model), "--to", str(out), "--formats", "onnx", "--size", "32"])
    table = json.loads((out / "export.json").read_text("utf-8"))
    assert (table["labels"], table["values"]) == (list(TASK.labels), list(TASK.values))
    assert all(form["value_difference"] < 0.5 for form in table["forms"])
    card = (out / "model_card.md").read_text("utf-8")
    assert "It estimates valence and arousal as well, each from -1 to 1." in card
    assert "3 probabilities, then 2 values" in card and "of a value |" in card
    assert "FER2013" not in card.partition("## Licence")[0]


def test_grey_files_of_a_network_for_colours_are_refused(model, tmp_path):
    with pytest.raises(FerError, match=r"--grey: .* has learnt from colours, expected grey faces"):
        main([str(model), "--to", str(tmp_path / "out"), "--grey"])
