"""Optimisers and schedules against PyTorch's own: scripts/make_optimizer_references.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from fer_tf.recipes.checking import check
from fer_tf.recipes.schema import Recipe
from fer_tf.training import optimizers
from fer_tf.training.optimizers import at, build_optimizer
from fer_tf.training.progress import Progress
from fer_tf.training.schedules import learning_rate, momentum

with np.load(Path(__file__).with_name("torch_references.npz")) as _file:
    GIVEN = {name: _file[name] for name in _file.files}
SETTINGS = json.loads(GIVEN.pop("settings").tobytes())
WEIGHTS = ("kernel1", "bias1", "kernel2", "bias2")
STEPS = 50
SAME = [name for name in SETTINGS["cases"] if name != "adamw"]
"""The cases whose every step is PyTorch's."""


def recipe_of(fields: dict[str, Any], epochs: int) -> Recipe:
    """The recipe of a case, of so many epochs."""
    fields = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()}
    recipe = replace(Recipe(schedule="constant", stages=((48, epochs),)), **fields)
    check(recipe)
    return recipe


def gradients(weights: list[np.ndarray]) -> list[np.ndarray]:
    """Of the mean squared error of two layers with tanh between them."""
    kernel1, bias1, kernel2, bias2 = weights
    inputs, targets = GIVEN["inputs"], GIVEN["targets"]
    hidden = np.tanh(inputs @ kernel1 + bias1)
    error = 2 * (hidden @ kernel2 + bias2 - targets) / targets.size
    inner = (error @ kernel2.T) * (1 - hidden**2)
    return [inputs.T @ inner, inner.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def start() -> keras.Model:
    """Four inputs, three units, two outputs, with the first weights."""
    layers = [keras.layers.Dense(3), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.set_weights([GIVEN[name] for name in WEIGHTS])
    return model


def flat(model: keras.Model) -> np.ndarray:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def walk_beside(name: str) -> None:
    """Take the case's steps, and compare the weights after each with PyTorch's."""
    # Adam divides the gradients' rounding errors by their size.
    near = {"rtol": 1e-5, "atol": 1e-5 if name.startswith(("adam", "amsgrad")) else 5e-7}
    recipe = recipe_of(SETTINGS["cases"][name], STEPS)
    model = start()
    optimizer = build_optimizer(recipe, model, learning_rate(recipe, 1), 1)
    means = GIVEN.get(f"means {name}")
    for step, expected in enumerate(GIVEN[f"path {name}"]):
        given = [keras.ops.convert_to_tensor(g) for g in gradients(model.get_weights())]
        optimizer.apply(given, model.trainable_variables)
        np.testing.assert_allclose(flat(model), expected, **near, err_msg=f"{name}, {step}")
        if means is not None:
            raw = model.get_weights()
            optimizer.overwrite_with_average(model.trainable_variables)
            np.testing.assert_allclose(flat(model), means[step], **near)
            model.set_weights(raw)


@pytest.mark.parametrize("name", SAME)
def test_fifty_steps_are_pytorchs(name: str) -> None:
    walk_beside(name)


def test_fifty_steps_of_adamw_with_pytorchs_epsilon(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        walk_beside("adamw")
    same = type("AdamW", (optimizers.AdamW,), {"epsilon": optimizers.Adam.epsilon})
    monkeypatch.setattr(optimizers, "AdamW", same)
    walk_beside("adamw")


@pytest.mark.slow
def test_fifty_steps_on_jax() -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    code = "import test_torch_references as t\nfor name in t.SAME: t.walk_beside(name)"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for name in SETTINGS["schedules"] if name != "plateau"])
def test_every_epoch_has_pytorchs_rate(name: str) -> None:
    case = SETTINGS["schedules"][name]
    epochs = len(case["rates"])
    recipe = replace(recipe_of(case["fields"], epochs), learning_rate=0.1, optimizer="sgd")
    check(recipe)
    by_epoch = replace(recipe, schedule_every="epoch")
    for each, steps in ((recipe, 1), (by_epoch, 1), (by_epoch, 7)):
        rate, beta = learning_rate(each, steps), momentum(each, steps)
        for epoch, expected in enumerate(case["rates"]):
            for step in {epoch * steps, epoch * steps + steps - 1}:
                assert [float(rate(step)), float(at(beta, step))] == pytest.approx(
                    expected, rel=1e-5, abs=1e-8
                )


def test_a_schedule_by_step_moves_within_an_epoch() -> None:
    recipe = Recipe(learning_rate=0.1, stages=((48, 4),), schedule="warm_restarts", cycle_epochs=2)
    rate = learning_rate(recipe, 10)
    assert float(rate(5)) == pytest.approx(1e-6 + (0.1 - 1e-6) * (1 + np.cos(np.pi / 4)) / 2)
    assert float(rate(19)) < 0.001 and float(rate(20)) == pytest.approx(0.1)
    # The epochs of the first test are PyTorch's steps; here a step is one of 40.
    cycle = replace(recipe, schedule="one_cycle")
    assert float(learning_rate(cycle, 10)(11)) == pytest.approx(0.1)
    assert float(learning_rate(cycle, 10)(39)) == pytest.approx(0.1 / 25e4)


def test_plateau_acts_when_pytorchs_does() -> None:
    case = SETTINGS["schedules"]["plateau"]
    recipe = recipe_of(case["fields"], len(case["rates"]))
    progress = Progress(data="", precision="float32", rate=0.1)
    for accuracy, (expected, _) in zip(SETTINGS["accuracies"], case["rates"], strict=True):
        assert progress.rate == pytest.approx(expected)
        progress.finish_epoch({"val_accuracy": accuracy, "seconds": 0.0}, recipe)


def test_the_rate_at_once_is_what_differs_from_keras_sgd() -> None:
    """After a fall of the rate by ten, Keras' next step is mostly the old rate's momentum."""
    recipe = Recipe(optimizer="sgd", weight_decay=0.0, momentum=0.9)
    ours, theirs = start(), start()
    mine = build_optimizer(recipe, ours, 0.1)
    other = keras.optimizers.SGD(0.1, momentum=0.9)
    gradient = [keras.ops.ones(v.shape) for v in ours.trainable_variables]
    for _ in range(5):
        mine.apply(gradient, ours.trainable_variables)
        other.apply(gradient, theirs.trainable_variables)
    np.testing.assert_allclose(flat(ours), flat(theirs), rtol=1e-5, atol=1e-6)
    before, velocity = flat(ours), (1 - 0.9**5) / 0.1
    for optimizer, model in ((mine, ours), (other, theirs)):
        optimizer.learning_rate = 0.01
        optimizer.apply(gradient, model.trainable_variables)
    np.testing.assert_allclose(before - flat(ours), 0.01 * (0.9 * velocity + 1), rtol=1e-4)
    np.testing.assert_allclose(before - flat(theirs), 0.9 * 0.1 * velocity + 0.01, rtol=1e-4)


def test_epsilon_is_what_differs_from_pytorchs_adamw() -> None:
    """A gradient near epsilon shows it: the first step is g / (g + 1e-8) there."""
    tiny = 1e-6
    for name, expected in (
        ("adam", tiny / (tiny + 1e-8)),
        ("adamw", tiny / (tiny + 1e-7 / np.sqrt(1 - 0.999))),
    ):
        model = start()
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        recipe = Recipe(optimizer=name, weight_decay=0.0)
        optimizer = build_optimizer(recipe, model, 0.1)
        optimizer.apply([keras.ops.full(v.shape, tiny) for v in model.trainable_variables])
        np.testing.assert_allclose(flat(model), -0.1 * expected, rtol=1e-4)
