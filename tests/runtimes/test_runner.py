"""Each exported form answers as Keras does, behind one call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fer_tf import FerError
from fer_tf.runtimes.runner import newest_version, open_runner

SIZE = (32, 40)


def grey_faces(count: int, size=SIZE) -> np.ndarray:
    """uint8 [count, *size, 3] whose channels are equal: colour must not matter here."""
    grey = np.random.default_rng(0).integers(0, 256, (count, *size, 1), dtype=np.uint8)
    return np.repeat(grey, 3, axis=-1)


@pytest.fixture(scope="module")
def exports(small_network, tmp_path_factory) -> Path:
    """A small network as .keras, .tflite (3 channels, 1 channel), .onnx and SavedModel."""
    import tensorflow as tf
    import tf2onnx.convert

    from fer_tf.exporting.pixel_function import pixel_function
    from fer_tf.models.registry import create_model
    from fer_tf.models.saving import save_model
    from fer_tf.models.sizes import at_size

    folder = tmp_path_factory.mktemp("exports")
    model = create_model(small_network, input_shape=(None, None, 3))
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    save_model(model, folder / "net.keras")
    network = at_size(model, SIZE)
    for channels in (3, 1):
        graph = pixel_function(network, channels=channels, batch=1).get_concrete_function()
        root = tf.Module()
        root.weights = list(graph.variables)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], root)
        (folder / f"{channels}.tflite").write_bytes(converter.convert())

    @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3], tf.uint8, name="image")])
    def image(image):
        pixels = tf.cast(image, tf.float32)
        return {"probabilities": tf.nn.softmax(network(pixels, training=False))}

    tf2onnx.convert.from_function(
        image, image.input_signature, opset=17, output_path=str(folder / "net.onnx")
    )
    root = tf.Module()
    root.network = network
    tf.saved_model.save(root, str(folder / "serving/fer/10"), {"predict_pixels": image})
    shutil.copytree(folder / "serving/fer/10", folder / "serving/fer/2")
    return folder


@pytest.fixture(scope="module")
def expected(exports) -> np.ndarray:
    """Keras' answers for five faces."""
    answers = open_runner(exports / "net.keras", size=SIZE)(grey_faces(5))
    assert np.ptp(answers, axis=0).max() > 1e-3, "the faces must get different answers"
    return answers


@pytest.mark.parametrize(
    ("file", "runtime", "name", "batch"),
    [
        ("net.keras", "keras-eager", "Keras eager", None),
        ("net.keras", "keras-graph", "Keras graph", None),
        ("3.tflite", "litert", "LiteRT", 1),
        ("1.tflite", "litert", "LiteRT", 1),
        ("net.onnx", "onnxruntime", "ONNX Runtime", None),
        ("net.onnx", "openvino", "OpenVINO", None),
        ("3.tflite", "openvino", "OpenVINO", 1),
        (".", None, "SavedModel", None),
    ],
)
def test_agrees_with_keras(exports, expected, file, runtime, name, batch):
    if runtime == "openvino":
        pytest.importorskip("openvino")
    runner = open_runner(exports / file, runtime=runtime, size=SIZE)
    assert (runner.name, runner.size, runner.batch) == (name, SIZE, batch)
    assert runner.channels == (1 if file == "1.tflite" else 3)
    answer = runner(grey_faces(5)[..., : runner.channels])
    assert answer.dtype == np.float32 and answer.shape == (5, 7)
    np.testing.assert_allclose(answer, expected, atol=1e-4)


@pytest.mark.slow  # JAX compiles each initialiser as the network is loaded
def test_keras_answers_alike_on_jax(exports, expected):
    faces = grey_faces(5)
    code = (
        "import sys, numpy as np; from fer_tf.runtimes.runner import open_runner\n"
        f"faces = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape({faces.shape})\n"
        f"runner = open_runner(sys.argv[1], runtime='keras-graph', size={SIZE})\n"
        "print(*runner(faces).ravel())\n"
    )
    jax = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, input=faces.tobytes(), check=True, stdout=subprocess.PIPE, env=jax
    )
    answer = np.array(done.stdout.split(), np.float32).reshape(expected.shape)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_a_graph_of_fixed_batch_takes_any_number(exports, tmp_path):
    import onnx

    graph = onnx.load(exports / "net.onnx")
    for tensor in (*graph.graph.input, *graph.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(graph, tmp_path / "four.onnx")
    runner = open_runner(tmp_path / "four.onnx")
    assert runner.batch == 4
    faces = grey_faces(6)
    expected = open_runner(exports / "net.onnx")(faces)
    for count in (1, 4, 6):
        np.testing.assert_allclose(runner(faces[:count]), expected[:count], atol=1e-6)


def test_takes_the_newest_version(exports):
    assert newest_version(exports).name == "10"
    assert newest_version(exports / "serving").name == "10"
    assert newest_version(exports / "serving/fer").name == "10"
    assert newest_version(exports / "serving/fer/2").name == "2"


def test_size_of_a_form_that_takes_any(exports):
    assert open_runner(exports / "net.keras").size == (224, 224)


def test_refuses_images(exports):
    runner = open_runner(exports / "3.tflite")
    for images in (grey_faces(2)[..., :1], grey_faces(2, (32, 32)), grey_faces(2) / 255.0):
        with pytest.raises(FerError, match=r"expected uint8 \[n, 32, 40, 3\]"):
            runner(images)
    with pytest.raises(FerError, match="n at least 1"):
        runner(grey_faces(0))


@pytest.mark.parametrize("name", ["bad.tflite", "bad.onnx", "bad.keras"])
@pytest.mark.parametrize("content", [b"", b"not a model" * 50])
def test_refuses_a_damaged_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FerError, match=name) as caught:
        open_runner(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_refuses_a_file_cut_short(exports, tmp_path):
    whole = (exports / "3.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FerError, match=r"cut\.tflite: litert cannot open"):
        open_runner(tmp_path / "cut.tflite")


def test_refuses_what_is_no_export(exports, tmp_path):
    with pytest.raises(FerError, match=r"none\.tflite: no such file"):
        open_runner(tmp_path / "none.tflite")
    (tmp_path / "face.png").write_bytes(b"")
    with pytest.raises(FerError, match=r"face\.png: expected a \.tflite"):
        open_runner(tmp_path / "face.png")
    with pytest.raises(FerError, match=r"no SavedModel and no best\.keras: expected a run"):
        open_runner(tmp_path)
    with pytest.raises(FerError, match=r"onnxruntime runs no such file: expected litert"):
        open_runner(exports / "3.tflite", runtime="onnxruntime")
    with pytest.raises(FerError, match=r"takes images of 32x40 pixels only.*found 48x48"):
        open_runner(exports / "3.tflite", size=(48, 48))


def test_refuses_other_inputs_and_outputs(tmp_path):
    import tensorflow as tf

    def write(name, function, *specs):
        root = tf.Module()
        root.f = tf.function(function, input_signature=specs).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([root.f], root)
        (tmp_path / name).write_bytes(converter.convert())
        return tmp_path / name

    floats = tf.TensorSpec([1, 8, 8, 3])
    one = write("floats.tflite", lambda x: tf.reduce_mean(x, (1, 2)), floats)
    with pytest.raises(FerError, match=r"takes float32 \[1, 8, 8, 3\]: expected uint8"):
        open_runner(one)
    two = write("two.tflite", lambda x, y: tf.reduce_mean(x + y, (1, 2)), floats, floats)
    with pytest.raises(FerError, match="has 2 inputs and 1 outputs"):
        open_runner(two)
    pixels = tf.TensorSpec([1, 8, 8, 3], tf.uint8)
    image = write("image.tflite", lambda x: tf.cast(x, tf.float32) / 2, pixels)
    with pytest.raises(FerError, match=r"returns float32 \[1, 8, 8, 3\]: expected float32 prob"):
        open_runner(image)


def test_names_the_extra_of_a_missing_package(exports, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FerError, match=r"needs onnxruntime.*fer_tf\[export\]"):
        open_runner(exports / "net.onnx")


def test_refuses_a_saved_model_without_the_signature(tmp_path):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "1"))
    with pytest.raises(FerError, match="has signatures none: expected predict_pixels"):
        open_runner(tmp_path)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(FerError, match="savedmodel cannot open"):
        open_runner(tmp_path)


def test_a_signal_after_openvino_does_no_harm(exports):
    """A second core would leave the process a signal stack that is gone: see `runtimes`."""
    pytest.importorskip("openvino")
    code = (
        "import os, signal, sys; from fer_tf.runtimes.runner import open_runner; "
        "runner = open_runner(sys.argv[1], runtime='openvino'); "
        "runner = open_runner(sys.argv[1], runtime='openvino'); del runner; "
        "signal.signal(signal.SIGINT, lambda *caught: print('caught')); "
        "os.kill(os.getpid(), signal.SIGINT)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(exports / "3.tflite")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stdout) == (0, "caught\n"), child.stderr
