"""Training with continuous values beside the classes: both heads, colour, resume, teachers."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from small import last_bits

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.models.saving import load_model, task_of
from fer_tf.recipes.schema import Augmentation, Recipe
from fer_tf.tasks import AFFECT, Task
from fer_tf.trained.run_folder import Run
from fer_tf.training.loop import Training

pytestmark = pytest.mark.usefixtures("small_network")

TASK = Task("own", ("calm", "cross", "glad"), AFFECT, (20, 16, 3))
EVERYTHING = Augmentation(
    flip=True,
    rotation=5.0,
    brightness=0.1,
    light=0.3,
    blur=0.3,
    jpeg=0.3,
    erasing=0.3,
    mix_probability=0.5,
    mixup=0.4,
    cutmix=1.0,
)
RECIPE = Recipe(
    model="small",
    stages=((24, 2),),
    batch_size=8,
    precision="float32",
    ema=0.9,
    label_smoothing=0.1,
    loss_weights=(0.9, 0.05, 0.05),
    augmentation=EVERYTHING,
)


class Stop(Exception):
    """What stands for a kill."""


class Screen:
    """Shows nothing."""

    def say(self, text: str) -> None: ...
    def epoch(self, *args, **keywords) -> None: ...
    def row(self, row) -> None: ...
    def step(self, *args, **keywords) -> None: ...


def coloured_faces(count: int = 48) -> Faces:
    """Colour says the class, and brightness the values; a quarter of the values is missing."""
    rng = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.uint8) % 3
    images = rng.integers(0, 120, (count, *TASK.face), np.uint8)
    images[np.arange(count), :, :, labels] += 80
    values = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    values[::4, 1] = np.nan
    values[8] = np.nan
    split = (np.arange(count) >= count - 12).astype(np.uint8)
    return Faces(images, labels, split, task=TASK, values=values)


def train(folder: Path, recipe: Recipe = RECIPE, stop: int | None = None) -> Training:
    """Train, to the end or until the checkpoint that follows step `stop` is written."""
    run = Run(folder)
    with run.open(recipe):
        training = Training(recipe, run, coloured_faces(), Screen(), checkpoint_minutes=0)
        save, steps = training._save, itertools.count(1)

        def save_and_stop(metrics) -> None:
            save(metrics)
            if next(steps) == stop:
                raise Stop

        training._save = save_and_stop
        training.train()
    return training


@pytest.fixture(scope="module")
def whole(small_network, tmp_path_factory) -> Path:
    """The folder of a run that nothing stopped."""
    return train(tmp_path_factory.mktemp("runs") / "whole").run.folder


def test_the_model_file_knows_its_task_and_answers_both(whole):
    path = whole / "best.keras"
    network = load_model(path)
    assert task_of(path, network) == TASK
    answers = network(np.full((2, 24, 24, 3), 99, np.float32))
    assert answers["logits"].shape == (2, 3) and answers["values"].shape == (2, 2)
    assert np.abs(answers["values"]).max() <= 1
    changed = [
        np.abs(layer.get_weights()[1]).max() > 0
        for layer in (network.get_layer("logits"), network.get_layer("values"))
    ]
    assert changed == [True, True], "a bias begins at 0: this head learnt nothing"


def test_a_killed_run_ends_with_the_same_bits(whole, tmp_path):
    with pytest.raises(Stop):
        train(tmp_path / "killed", stop=6)
    train(tmp_path / "killed")
    assert last_bits(whole) == last_bits(tmp_path / "killed")


def test_a_teacher_gives_its_values_too(whole, tmp_path):
    taught = dataclasses.replace(
        RECIPE, teachers=(str(whole),), distillation=0.5, stages=((24, 1),)
    )
    training = train(tmp_path / "student", taught)
    assert training.teachers is not None and training.teachers.values == 2
    other = dataclasses.replace(taught, loss_weights=())
    with pytest.raises(FerError, match="answers calm, cross, glad, valence, arousal"):
        faces = dataclasses.replace(
            coloured_faces(), task=dataclasses.replace(TASK, values=()), values=None
        )
        Training(other, Run(tmp_path / "other"), faces, Screen())


def test_weights_of_the_losses_are_as_many_as_answers(tmp_path):
    recipe = dataclasses.replace(RECIPE, loss_weights=(0.9, 0.1))
    with pytest.raises(FerError, match="found 2 for the classes and 2 values: expected 3, or none"):
        Training(recipe, Run(tmp_path), coloured_faces(), Screen())


def test_a_network_goes_on_with_another_task(whole, tmp_path):
    weights = str(whole / "best.keras")
    faces = coloured_faces()
    task = Task("more", ("Glad", "sorry", "calm", "cross"), (), TASK.face)
    faces = dataclasses.replace(faces, task=task, values=None)
    recipe = dataclasses.replace(RECIPE, weights=weights, loss_weights=(), ema=0.0)
    training = Training(recipe, Run(tmp_path / "second"), faces, Screen())
    before, after = load_model(weights), training.network
    for old, new in zip(before.layers[1].get_weights(), after.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    kernels = [each.get_layer("logits").get_weights()[0] for each in (before, after)]
    np.testing.assert_array_equal(kernels[1][:, [2, 3, 0]], kernels[0])
