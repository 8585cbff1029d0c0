"""TFLite files as they are written: what Keras answers, run by LiteRT on XNNPACK alone."""

from __future__ import annotations

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from exported import expected, network

from fer_tf import FerError, create_model
from fer_tf.data.augment import resize
from fer_tf.data.pipeline import warp
from fer_tf.data.synthetic import draw
from fer_tf.exporting.delegation import delegation
from fer_tf.exporting.formats import PRECISIONS
from fer_tf.exporting.tflite import write_tflite
from fer_tf.quiet import quiet
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import open_runner
from fer_tf.runtimes.task_files import tflite_task
from fer_tf.tasks import FER2013, TASKS, Task

SIZE = (40, 56)
FACES = draw(np.arange(64) % 7, seed=3)
TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "int8": 0.2}


@pytest.fixture(scope="module")
def model(small_network):
    return network()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("channels", [3, 1])
def test_the_file_answers_as_keras_and_is_delegated_whole(model, tmp_path, precision, channels):
    file = tmp_path / "fer.tflite"
    write_tflite(
        model,
        file,
        size=SIZE,
        precision=precision,
        task=TASKS["fer2013"],
        channels=channels,
        calibration=FACES[:16],
    )
    assert delegation(file) == (1, [])
    answers = open_runner(file)(to_input(FACES, SIZE, channels))
    logits = model(to_input(FACES, SIZE).astype(np.float32), training=False)
    reference = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    assert np.ptp(reference, axis=0).max() > 0.2, "the faces must not all get the same answer"
    np.testing.assert_allclose(answers, reference, atol=TOLERANCE[precision])
    assert np.abs(answers - reference).mean() < TOLERANCE[precision] / 10
    assert tflite_task(file.read_bytes(), file).labels == FER2013
    assert [f.name for f in tmp_path.iterdir()] == ["fer.tflite"]


def test_the_whole_network_is_delegated_in_int8(tmp_path):
    """In float32, `test_every_network` says so."""
    file = tmp_path / "fer.tflite"
    model = create_model("mit_b0_fusion", input_shape=(64, 64, 3), depths=(1, 1, 1, 1))
    task = TASKS["fer2013"]
    write_tflite(model, file, size=(64, 64), precision="int8", task=task, calibration=FACES[:4])
    assert delegation(file) == (1, [])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_faces_of_fer2013s_size_are_resized_within(model, tmp_path, precision):
    file = tmp_path / "fer.tflite"
    write_tflite(
        model,
        file,
        size=SIZE,
        precision=precision,
        task=TASKS["fer2013"],
        channels=1,
        face=(48, 48),
        calibration=FACES[:16],
    )
    assert delegation(file) == (1, [])
    runner = open_runner(file)
    assert (runner.size, runner.channels) == ((48, 48), 1)
    np.testing.assert_allclose(
        runner(FACES[..., None]), expected(model, FACES), atol=TOLERANCE[precision]
    )


def test_int8_takes_its_ranges_from_the_faces(model, tmp_path):
    files = [tmp_path / name for name in ("light.tflite", "dark.tflite")]
    for file, faces in zip(files, (FACES[:4], FACES[:4] // 2), strict=True):
        write_tflite(
            model, file, size=SIZE, precision="int8", task=TASKS["fer2013"], calibration=faces
        )
    light, dark = (file.read_bytes() for file in files)
    assert light != dark


def test_another_task_and_another_backend_are_refused(model, tmp_path, monkeypatch):
    def write(task):
        write_tflite(model, tmp_path / "fer.tflite", size=SIZE, precision="float32", task=task)

    with pytest.raises(FerError, match=r"has 7 classes .* expected as many as its task names, 2"):
        write(Task("own", ("a", "b")))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(FerError, match="KERAS_BACKEND: found jax, expected tensorflow"):
        write(TASKS["fer2013"])
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written(model, tmp_path):
    with pytest.raises(FerError, match=r"fer\.tflite: can't be written: No such file"):
        write_tflite(
            model,
            tmp_path / "no" / "fer.tflite",
            size=SIZE,
            precision="float32",
            task=TASKS["fer2013"],
        )


def test_a_network_that_tflite_does_not_take(tmp_path):
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, strides=4)(images)
    x = keras.ops.irfft(keras.ops.rfft(keras.layers.Flatten()(x)))
    model = keras.Model(images, keras.layers.Dense(7)(x), name="odd")
    with pytest.raises(FerError, match="odd: TFLite's converter does not take it: "):
        write_tflite(
            model,
            tmp_path / "odd.tflite",
            size=(32, 32),
            precision="float32",
            task=TASKS["fer2013"],
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (48, 48), (40, 56)])
def test_faces_are_resized_as_in_evaluation(size):
    theirs = np.asarray(resize(FACES[:8], size, warp))
    for channels in (1, 3):
        ours = to_input(FACES[:8], size, channels)
        assert ours.dtype == np.uint8 and ours.shape == (8, *size, channels)
        assert np.abs(ours - theirs[..., :channels]).max() <= 1.0


def test_quiet_hides_what_is_written_but_no_error():
    code = """if 1:
        import os, sys, warnings
        from fer_tf.quiet import quiet
        try:
            with quiet():
                print("python"); print("python", file=sys.stderr); warnings.warn("python")
                os.write(1, b"C++"); os.write(2, b"C++"); os.system("echo child")
                raise KeyError("kept")
        except KeyError as error:
            print("then", error)
    """
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert (child.stdout, child.stderr) == ("then 'kept'\n", "")


def test_quiet_leaks_no_descriptor():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with quiet():
            pass
    assert len(os.listdir("/proc/self/fd")) == before
