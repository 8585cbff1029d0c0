"""The recogniser: one call for every kind of model, calibrated, the batch spread over threads."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fer_tf.data.synthetic import draw
from fer_tf.errors import FerError
from fer_tf.runtimes.calibration import apply_temperature
from fer_tf.runtimes.graph import Answers
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import open_runner
from fer_tf.shipped import shipped_model, shipped_size, shipped_weights
from fer_tf.tasks import TASKS, Task
from fer_tf.vision.recognizer import open_recognizer

FACES = draw(np.arange(9) % 7, seed=5)


@pytest.fixture(scope="module")
def shipped():
    return open_recognizer()


def test_the_shipped_network_answers_calibrated(shipped) -> None:
    runner = open_runner(shipped_model())
    plain = runner(to_input(FACES, shipped_size()))
    assert (shipped.name, shipped.size) == ("LiteRT", shipped_size())
    assert runner.temperature == shipped.temperature != 1.0
    np.testing.assert_allclose(
        shipped(FACES), apply_temperature(plain, shipped.temperature), atol=1e-5
    )


def test_any_number_of_faces_and_of_threads_gives_the_same_answers(shipped) -> None:
    expected = np.concatenate([shipped(face[None]) for face in FACES])
    for threads in (1, 3):
        recognizer = open_recognizer(threads=threads)
        for count in (0, 1, 2, len(FACES)):
            answers = recognizer(FACES[:count])
            assert answers.shape == (count, 7) and answers.dtype == np.float32
            np.testing.assert_allclose(answers, expected[:count], atol=1e-5)


def test_flip_answers_with_the_mean_over_a_face_and_its_mirror_image(shipped) -> None:
    flipped = open_recognizer(flip=True)
    expected = np.mean([shipped(FACES), shipped(FACES[:, :, ::-1])], axis=0)
    assert np.abs(expected - shipped(FACES)).max() > 0.01, "the mirror images differ"
    for count in (0, 1, len(FACES)):
        answers = flipped(FACES[:count])
        assert answers.shape == (count, 7)
        np.testing.assert_allclose(answers, expected[:count], atol=1e-5)
    np.testing.assert_allclose(flipped(FACES), flipped(FACES[:, :, ::-1]), atol=1e-5)


def test_flip_takes_the_mean_of_values_too(monkeypatch) -> None:
    recognizer = open_recognizer(flip=True)

    class Left:
        """Whose values tell how light the left and the right half of a face are."""

        batch = None

        def answer(self, images: np.ndarray) -> Answers:
            halves = [images[:, :, :24].mean((1, 2, 3)), images[:, :, -24:].mean((1, 2, 3))]
            return Answers(np.full((len(images), 7), 1 / 7, np.float32), np.stack(halves, 1) / 255)

    monkeypatch.setattr(recognizer, "_first", Left)
    values = recognizer.answer(FACES).values
    assert values is not None and values.shape == (len(FACES), 2)
    np.testing.assert_allclose(values[:, 0], values[:, 1], atol=1e-6)
    assert np.ptp(values[:, 0]) > 0.01


def test_no_more_copies_are_opened_than_faces_want(monkeypatch) -> None:
    recognizer = open_recognizer(threads=8)
    opened, once = [], recognizer._open
    monkeypatch.setattr(
        recognizer, "_open", lambda threads: opened.append(threads) or once(threads=threads)
    )
    for count, copies in ((1, 0), (2, 2), (5, 5), (3, 5), (9, 8)):
        recognizer(FACES[:count])
        assert opened == [1] * copies


def test_threads_may_share_one(shipped) -> None:
    expected = shipped(FACES)
    with ThreadPoolExecutor(4) as pool:
        for answers in pool.map(lambda _: shipped(FACES), range(12)):
            np.testing.assert_array_equal(answers, expected)


def test_shipped_weights_are_the_same_network(shipped) -> None:
    from fer_tf.models.registry import create_model
    from fer_tf.shipped import SHIPPED_NETWORK
    from fer_tf.trained.inference import predict_logits, softmax

    model = create_model(
        SHIPPED_NETWORK, input_shape=(None, None, 3), weights=str(shipped_weights())
    )
    logits = predict_logits(model, FACES, size=shipped_size())
    keras = apply_temperature(softmax(logits), shipped.temperature)
    assert np.abs(keras - shipped(FACES)).max() < 0.25, "int8 is no further from Keras than that"
    assert (keras.argmax(axis=1) == shipped(FACES).argmax(axis=1)).mean() > 0.8


def test_a_run_folder_answers_at_its_best_size(small_network, tmp_path: Path) -> None:
    from fer_tf.models.registry import create_model
    from fer_tf.recipes.as_json import to_json
    from fer_tf.recipes.schema import Recipe

    run = tmp_path / "run"
    run.mkdir()
    create_model("short", input_shape=(None, None, 3)).save(run / "best.keras")
    (run / "recipe.json").write_text(to_json(Recipe(stages=((40, 1),))))
    recognizer = open_recognizer(run)
    assert (recognizer.size, recognizer.temperature) == ((40, 40), 1.0)
    np.testing.assert_allclose(recognizer(FACES).sum(axis=1), 1, atol=1e-5)
    assert open_recognizer(run, size=(48, 56)).size == (48, 56)
    assert open_recognizer(run / "best.keras").size == (40, 40)
    other = (run / "best.keras").rename(tmp_path / "best.keras")
    assert open_recognizer(other).size == (224, 224)


def test_other_classes_are_known_by_their_labels(small_network, tmp_path: Path) -> None:
    from fer_tf.exporting.tflite import write_tflite
    from fer_tf.models.registry import create_model

    model = create_model("short", classes=3, input_shape=(32, 32, 3))
    path = tmp_path / "three.tflite"
    write_tflite(model, path, size=(32, 32), precision="float32", task=Task("own", ("a", "b", "c")))
    recognizer = open_recognizer(path)
    assert recognizer.task.labels == ("a", "b", "c") and not recognizer.colour
    assert recognizer(FACES).shape == (9, 3)


def onnx_file(path: Path, *, offset: float = 0.0, temperature: str | None = None) -> Path:
    """Answers 1/7 for each class, as long as each pixel of the face is above 0, plus `offset`."""
    import onnx
    from onnx import TensorProto, helper

    def constant(name: str, kind: int, values: list) -> onnx.TensorProto:
        return helper.make_tensor(name, kind, [len(values)], values)

    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["pixels", "pixels"], ["ones"]),
        helper.make_node("ReduceMean", ["ones", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "share"], ["shares"]),
        helper.make_node("Add", ["shares", "offset"], ["probabilities"]),
    ]
    share = helper.make_tensor("share", TensorProto.FLOAT, [1, 7], [1 / 7] * 7)
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 7])],
        [
            constant("axes", TensorProto.INT64, [1, 2]),
            share,
            constant("offset", TensorProto.FLOAT, [offset] * 7),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if temperature is not None:
        helper.set_model_props(model, {"temperature": temperature})
    onnx.save(model, path)
    return path


def test_a_network_that_answers_nan_is_refused(tmp_path: Path) -> None:
    """When it is opened; and when it answers, where only this face makes it do so."""
    with pytest.raises(FerError, match=r"nan\.onnx: the network answers NaN or infinity"):
        open_recognizer(onnx_file(tmp_path / "nan.onnx", offset=np.nan))
    recognizer = open_recognizer(onnx_file(tmp_path / "some.onnx"), size=(8, 8))
    assert recognizer(np.full((1, 8, 8), 9, np.uint8)).max() < 0.2
    with pytest.raises(FerError, match=r"some\.onnx: the network answers NaN or infinity"):
        recognizer(np.zeros((1, 8, 8), np.uint8))


def test_logits_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    with pytest.raises(FerError, match=r"logits\.onnx: answers 1\.14, .*expected probabilities"):
        open_recognizer(onnx_file(tmp_path / "logits.onnx", offset=1.0))


@pytest.fixture(scope="module")
def plain(small_network, tmp_path_factory) -> bytes:
    """A small network as TFLite, which OpenVINO opens too, without its calibration."""
    from fer_tf.exporting.tflite import write_tflite
    from fer_tf.models.registry import create_model

    path = tmp_path_factory.mktemp("plain") / "a.tflite"
    model = create_model(small_network, input_shape=(32, 32, 3))
    write_tflite(model, path, size=(32, 32), precision="float32", task=TASKS["fer2013"])
    content = path.read_bytes()
    return content[: content.index(b"PK\3\4")]


def tflite_file(path: Path, plain: bytes, temperature: str) -> Path:
    """With a temperature of JSON."""
    out = io.BytesIO(plain)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("calibration.json", f'{{"temperature": {temperature}}}')
    path.write_bytes(out.getvalue())
    return path


TEMPERATURES = ["NaN", "Infinity", "0", "-1", "1e9", "1e-300", '"warm"', ""]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("found", TEMPERATURES)
def test_an_onnx_files_temperature_is_checked(found: str, runtime, tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "warm.onnx", temperature=found)
    with pytest.raises(FerError, match=r"warm\.onnx: a temperature of "):
        open_runner(path, runtime=runtime)
    path = onnx_file(tmp_path / "good.onnx", temperature="1.5")
    assert open_runner(path, runtime=runtime).temperature == 1.5


@pytest.mark.parametrize("runtime", ["litert", "openvino"])
@pytest.mark.parametrize("found", TEMPERATURES)
def test_a_tflite_files_temperature_is_checked(plain, found: str, runtime, tmp_path: Path) -> None:
    path = tflite_file(tmp_path / "warm.tflite", plain, found)
    with pytest.raises(FerError, match=r"warm\.tflite: a temperature of "):
        open_runner(path, runtime=runtime)
    path = tflite_file(tmp_path / "good.tflite", plain, "1.5")
    assert open_runner(path, runtime=runtime).temperature == 1.5


@pytest.mark.parametrize("kind", ["absent", "text", "cut"])
def test_a_bad_file_is_one_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    if kind == "text":
        path.write_text("no network")
    elif kind == "cut":
        path.write_bytes(shipped_model().read_bytes()[:5000])
    with pytest.raises(FerError, match=r"bad\.tflite: ") as error:
        open_recognizer(path)
    assert "\n" not in str(error.value)


def test_a_size_that_the_file_does_not_take_is_refused() -> None:
    height, width = shipped_size()
    with pytest.raises(FerError, match=f"takes images of {height}x{width} pixels only"):
        open_recognizer(size=(height, width + 32))


def test_litert_says_nothing(tmp_path: Path) -> None:
    """Its C++ would tell of its delegate."""
    copy = shutil.copy(shipped_model(), tmp_path / "copy.tflite")
    code = f"from fer_tf.vision.recognizer import open_recognizer; open_recognizer({str(copy)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
