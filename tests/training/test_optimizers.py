"""Optimisers against steps worked out by hand; test_torch_references.py has PyTorch's own."""

from __future__ import annotations

import math
import typing

import keras
import numpy as np
import pytest

from fer_tf.recipes.schema import Recipe
from fer_tf.training.optimizers import build_optimizer
from fer_tf.training.schedules import learning_rate

START = np.array([[0.5, -1.7], [2.0, 0.25]])
BIAS = np.array([0.3, -0.2])


def network() -> keras.Model:
    """A dense layer of 2 to 2, with the weights START and BIAS."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.set_weights([START, BIAS])
    return model


def gradients(step: int) -> list[np.ndarray]:
    return [np.full((2, 2), 0.1 * (step + 1)), np.array([0.4, -0.3]) * (step + 1)]


def walk(recipe: Recipe, steps: int, *, rate: float = 0.1):
    """The weights after steps with `gradients`, and the optimiser."""
    model = network()
    optimizer = build_optimizer(recipe, model, rate)
    for step in range(steps):
        given = [keras.ops.convert_to_tensor(g, "float32") for g in gradients(step)]
        optimizer.apply(given, model.trainable_variables)
    return model, optimizer


def test_adamw_decays_apart_from_the_gradient_and_not_the_bias() -> None:
    model, _ = walk(Recipe(optimizer="adamw", weight_decay=0.5), 1)
    kernel, bias = model.get_weights()
    # Adam's first step is the rate times the gradient's sign.
    np.testing.assert_allclose(kernel, START * (1 - 0.1 * 0.5) - 0.1, atol=1e-5)
    np.testing.assert_allclose(bias, BIAS - 0.1 * np.sign(gradients(0)[1]), atol=1e-5)


def test_adamw_decays_kernels_only(tiny_network: str) -> None:
    from fer_tf.models.registry import create_model

    model = create_model(tiny_network, input_shape=(64, 64, 3))
    recipe = Recipe(optimizer="adamw", weight_decay=0.5)
    optimizer = build_optimizer(recipe, model, 0.1)
    before = model.get_weights()
    optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables])
    assert len(before) == len(model.trainable_variables)
    names = {"kernel": 0.95, "bias": 1.0, "gamma": 1.0, "beta": 1.0}
    for variable, old in zip(model.trainable_variables, before, strict=True):
        kind = next(v for k, v in names.items() if variable.path.endswith(k))
        np.testing.assert_allclose(variable, old * kind, rtol=1e-6, err_msg=variable.path)


def test_clipping_is_by_the_global_norm() -> None:
    recipe = Recipe(optimizer="sgd", momentum=0.0, weight_decay=0.0, clip_norm=0.5)
    model, _ = walk(recipe, 1)
    norm = math.sqrt(sum((g**2).sum() for g in gradients(0)))
    assert norm > 0.5
    np.testing.assert_allclose(
        model.get_weights()[1], BIAS - 0.1 * gradients(0)[1] * 0.5 / norm, rtol=1e-5
    )


@pytest.mark.parametrize("name", typing.get_args(typing.get_type_hints(Recipe)["optimizer"]))
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_weight_without_a_gradient_stays(name: str) -> None:
    model = network()
    optimizer = build_optimizer(Recipe(optimizer=name, weight_decay=0.1), model, 0.1)
    optimizer.apply([None, keras.ops.ones((2,))], model.trainable_variables)
    kernel, bias = model.get_weights()
    np.testing.assert_array_equal(kernel, START.astype(np.float32))
    assert (bias < BIAS).all()


def test_the_average_of_the_weights() -> None:
    recipe = Recipe(optimizer="sgd", momentum=0.0, weight_decay=0.0, ema=0.75)
    model, optimizer = walk(recipe, 3)
    weight, average = BIAS, None
    for step in range(3):
        weight = weight - 0.1 * gradients(step)[1]
        average = weight if average is None else 0.75 * average + 0.25 * weight
    np.testing.assert_allclose(model.get_weights()[1], weight, rtol=1e-5)

    optimizer.finalize_variable_values(model.trainable_variables)
    np.testing.assert_allclose(model.get_weights()[1], weight, rtol=1e-5)
    optimizer.overwrite_with_average(model.trainable_variables)
    np.testing.assert_allclose(model.get_weights()[1], average, rtol=1e-5)


def test_plateau_is_a_number_that_can_be_set() -> None:
    recipe = Recipe(schedule="plateau", learning_rate=0.8, optimizer="sgd")
    assert learning_rate(recipe, 10) == 0.8
    _, optimizer = walk(recipe, 1, rate=0.8)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25


def test_the_average_of_a_short_run_is_not_its_start() -> None:
    recipe = Recipe(ema=0.998, stages=((48, 4),))
    short, long = (
        build_optimizer(
            recipe, keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), 0.1, steps
        )
        for steps in (10, 10_000)
    )
    assert short.ema_momentum == 0.75 and long.ema_momentum == 0.998
