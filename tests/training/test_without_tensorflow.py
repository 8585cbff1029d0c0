"""The same recipe on JAX, in child processes in which importing TensorFlow fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from small import NO_TENSORFLOW, history, last_arrays
from tiny import tiny_csv

from fer_tf.data import batches, load_faces
from fer_tf.data.draws import Epoch, draw_epoch
from fer_tf.data.targets import training_targets
from fer_tf.models.saving import load_model
from fer_tf.recipes.schema import Augmentation, Recipe
from fer_tf.trained.inference import predict_logits
from fer_tf.training import checkpoint
from fer_tf.training.distillation import Student, Teachers
from fer_tf.training.losses import soft_cross_entropy
from fer_tf.training.trainable import trainable

pytest.importorskip("jax", reason="JAX is not installed")

TESTS = Path(__file__).resolve().parents[1]

COMMAND = f"""{NO_TENSORFLOW}
import small
small.register_small()
from fer_tf import cli, evaluate, train
cli.run(lambda: train.main(sys.argv[1:]))
assert "jax" in sys.modules and "tensorflow" not in sys.modules
"""

KILLED = COMMAND.replace("from fer_tf", "small.act({3: 'kill'})\nfrom fer_tf", 1)
"""The same, killed after its third step."""

MORE = """
from test_without_tensorflow import write_batches
cli.run(lambda: evaluate.main(["runs/whole"]))
write_batches()
assert "tensorflow" not in sys.modules
"""

EVERYTHING = Augmentation(
    flip=True,
    rotation=20.0,
    zoom=0.2,
    shift=0.1,
    brightness=0.2,
    contrast=0.3,
    erasing=0.5,
    mix_probability=0.5,
    mixup=0.4,
    cutmix=1.0,
)
SIZE = (72, 64)
SIZES = [SIZE, (40, 48)]
COUNT, BATCH, EPOCHS = 96, 16, 2
LOGITS = np.random.default_rng(0).normal(size=(BATCH, 7)).astype(np.float32)
"""What a student says, for a loss that depends on its targets."""
STEPS = COUNT * 5 // 6 // BATCH
FLAGS = [
    *("--model", "small", "--precision", "float32", "--stages", "48", str(EPOCHS)),
    *("--batch-size", str(BATCH), "--rotation", "20", "--cutmix", "1", "--mix-probability", "0.5"),
    *("--checkpoint-minutes", "0", "--no-report"),
]


def faces_of(path):
    return load_faces(str(path)).of("Training")


def drawn(faces) -> Epoch:
    targets = training_targets(faces, Recipe(label_smoothing=0.1))
    return draw_epoch(
        targets, seed=3, epoch=1, batch_size=BATCH, augmentation=EVERYTHING, scales=len(SIZES)
    )


def teachers() -> Teachers:
    """Two that answer to the brightness of rows and columns, each at a size of its own."""
    networks = []
    for axis, (height, width) in ((2, (7, 9)), (1, (12, 7))):
        images = keras.Input((height, width, 3))
        bright = keras.ops.mean(images / 64.0, axis=(axis, 3))
        networks.append(keras.Model(images, bright))
    return Teachers(networks, [(7, 9), (12, 7)], share=0.75)


def compiled(model: keras.Model) -> keras.Model:
    model.compile(loss=soft_cross_entropy)
    return model


def write_batches() -> None:
    """Write what `fit` and `predict` would see to batches.npz; called in a child process."""
    import jax

    faces = faces_of("faces.csv")
    network = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.Identity()])
    model, make_batches = trainable(
        network, faces.images, sizes=SIZES, how=EVERYTHING, teachers=teachers()
    )
    compiled(model)
    training = make_batches(drawn(faces))
    assert isinstance(training, keras.utils.PyDataset)
    # As `fit` does; operation by operation, there is far more to compile.
    compute = jax.jit(lambda x, y: (model(x), model.compute_loss(x, y, LOGITS)))
    arrays = {}
    for step in range(len(training)):
        arrays[f"images{step}"], arrays[f"loss{step}"] = compute(*training[step])
    for name, flip in (("validation", False), ("mirrored", True)):
        unchanged = batches.evaluation(faces.images, size=SIZE, batch_size=32, flip=flip)
        arrays[name] = network.predict(unchanged, verbose=0)[: len(faces)]
    np.savez("batches.npz", **arrays)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the child processes work: a fer2013.csv of drawn faces, and later runs."""
    path = tmp_path_factory.mktemp("jax")
    tiny_csv(path / "faces.csv", COUNT)
    return path


def start(folder: Path, script: str, run: str) -> subprocess.Popen:
    paths = [str(TESTS), str(TESTS.parent), str(Path(__file__).parent)]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(paths),
        "FER_TF_CACHE": str(folder / "cache"),
        "JAX_PLATFORMS": "cpu",
        # Compiling takes most of the time: little of it, and each program once.
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", script, "scratch", "--data", "faces.csv", "--run", run, *FLAGS],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def whole(folder) -> Path:
    """The folder of a run that was never interrupted, evaluated; batches.npz lies beside it."""
    finish(start(folder, COMMAND + MORE, "whole"))
    return folder / "runs" / "whole"


def test_it_trains_and_is_evaluated(whole, folder):
    rows = history(whole)
    assert len(rows) == EPOCHS
    best = max(float(row["val_accuracy"]) for row in rows)
    metrics = json.loads((whole / "report" / "metrics.json").read_text())
    assert metrics["accuracy"]["value"] == pytest.approx(best, abs=1e-6)
    assert "html" in (whole / "report" / "report.html").read_text()
    for name in ("confusion_matrix.png", "curves.png"):
        assert (whole / "report" / name).stat().st_size > 1000
    # Its model answers the same on TensorFlow.
    validation = load_faces(str(folder / "faces.csv")).of("PublicTest")
    logits = predict_logits(load_model(whole / "best.keras"), validation.images, size=(48, 48))
    assert (logits.argmax(axis=1) == validation.labels).mean() == pytest.approx(best, abs=1e-6)


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch_it_goes_on_to_the_same_weights(whole, folder):
    checkpoints = folder / "runs" / "killed" / "checkpoints"
    process = start(folder, KILLED, "killed")
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output
    state = checkpoint.load(checkpoint.newest(checkpoints)[0]).state
    assert state["epoch"] == 0 and state["step"] == 3 < STEPS

    output = finish(start(folder, COMMAND, "killed"))
    assert f"goes on at epoch 1 of {EPOCHS}, step {state['step'] + 1} of {STEPS}" in output
    assert len(history(folder / "runs" / "killed")) == EPOCHS
    found, expected = last_arrays(folder / "runs" / "killed"), last_arrays(whole)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_its_batches_are_those_of_tf_data(whole, folder):
    # Not imported above: a child process imports this module.
    from fer_tf.data.pipeline import TrainingBatches, evaluation_batches

    faces = faces_of(folder / "faces.csv")
    with np.load(folder / "batches.npz") as found:
        losses = {name: found[name] for name in found.files if name.startswith("loss")}
    assert len(losses) == STEPS
    taught = teachers()
    student = compiled(Student(keras.Sequential([keras.layers.Identity()]), taught.share))
    made = TrainingBatches(faces.images, sizes=SIZES, how=EVERYTHING, answers=taught.answers).epoch(
        drawn(faces)
    )
    expected = {}
    for step, (inputs, targets) in enumerate(made):
        expected[f"images{step}"] = [inputs["images"].numpy()]
        loss = student.compute_loss(inputs, targets, LOGITS)
        np.testing.assert_allclose(losses[f"loss{step}"], loss, rtol=1e-4)
    for name, flip in (("validation", False), ("mirrored", True)):
        unchanged = evaluation_batches(faces.images, size=SIZE, batch_size=32, flip=flip)
        expected[name] = list(unchanged.as_numpy_iterator())
    with np.load(folder / "batches.npz") as found:
        for name, pictures in expected.items():
            # 1e-4 of white, which is 255.
            same = np.concatenate(pictures) / 255
            np.testing.assert_allclose(found[name] / 255, same, atol=1e-4, err_msg=name)
