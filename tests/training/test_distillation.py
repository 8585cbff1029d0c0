"""Teachers in a training: loaded from runs, asked in every step, refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from small import flags, history, refused

from fer_tf import train as command
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.training.distillation import Teachers, load_teachers

pytestmark = pytest.mark.usefixtures("small_network", "no_report")


@pytest.fixture(scope="module")
def teacher(csv_file: Path, small_network: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    runs = tmp_path_factory.mktemp("runs")
    command.main([*flags(csv_file, runs, "--run", "teacher"), "--no-report"])
    return runs / "teacher"


def constant_network(logits: list[float]) -> keras.Model:
    """Answers every face alike."""
    images = keras.Input((None, None, 3))
    zeros = keras.ops.mean(images, axis=(1, 2))[:, :1] * 0.0
    return keras.Model(images, zeros + np.array([logits], np.float32))


def test_the_answer_is_the_mean_of_the_probabilities():
    networks = [constant_network([0.0, 0.0]), constant_network([np.log(3.0), 0.0])]
    teachers = Teachers(networks, [(8, 8), (4, 4)], share=0.5)
    seen = []

    def view(size):
        seen.append(size)
        return np.zeros((2, *size, 3), np.float32)

    np.testing.assert_allclose(teachers.answers(view), [[0.625, 0.375]] * 2, rtol=1e-6)
    assert seen == [(8, 8), (4, 4)]


def test_a_run_teaches_at_its_best_size(csv_file, teacher, tmp_path):
    recipe = Recipe(teachers=(str(teacher),), distillation=0.5)
    teachers = load_teachers(recipe)
    best = max(history(teacher), key=lambda row: float(row["val_accuracy"]))
    assert teachers.sizes == [(int(best["size"]),) * 2]
    weights = [np.array(w) for w in teachers.networks[0].get_weights()]

    scales = ("--scales", "1 1.5", "--stages", "32 1")
    distilling = ("--teachers", str(teacher), "--distillation", "1", *scales)
    command.main(flags(csv_file, tmp_path, "--run", "student", *distilling))
    command.main(flags(csv_file, tmp_path, "--run", "alone", *scales))
    student, alone = (
        [row["loss"] for row in history(tmp_path / name)] for name in ("student", "alone")
    )
    assert student != alone
    for before, after in zip(weights, load_teachers(recipe).networks[0].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_teacher_that_is_not_there_is_named(csv_file, tmp_path):
    argv = ["--teachers", str(tmp_path / "none"), "--distillation", "0.5"]
    assert "none: no such file or folder" in refused(flags(csv_file, tmp_path, *argv))
    assert not (tmp_path / "scratch").exists()


def test_a_teacher_of_other_classes_is_refused(tmp_path):
    path = tmp_path / "two.keras"
    constant_network([0.0, 1.0]).save(path)
    with pytest.raises(FerError, match="has 2 classes and does not name them"):
        load_teachers(Recipe(teachers=(str(path),), distillation=0.5))


def test_the_prior_moves_what_is_kept_and_not_what_is_trained(csv_file, teacher, tmp_path):
    command.main([*flags(csv_file, tmp_path), "--fit-prior"])
    ends = history(teacher), history(tmp_path / "scratch")
    for plain, fitted in zip(*ends, strict=True):
        assert plain["loss"] == fitted["loss"]
        assert plain["val_loss"] != fitted["val_loss"]
