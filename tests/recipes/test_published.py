"""The published networks' recipes: their networks, and their sources' settings."""

from __future__ import annotations

import pytest

from fer_tf.models.registry import find_network
from fer_tf.recipes import RECIPES
from fer_tf.recipes.published import PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_is_of_its_network_at_its_size(name: str) -> None:
    recipe, network = PUBLISHED[name], find_network(name)
    assert recipe.name == recipe.model == name
    assert {(size, size) for size, _ in recipe.stages} == {network.input_shape[:2]}
    assert recipe.weights is None and recipe.expected_accuracy
    assert len(recipe.loss_weights) in (0, 1 + len(network.task.values))
    assert len(recipe.class_weights) in (0, len(network.task.labels))


def test_all_published_networks_have_one() -> None:
    assert len(PUBLISHED) == 23


def sourced(name: str, *fields: str) -> tuple:
    return tuple(getattr(RECIPES[name], field) for field in fields)


def test_the_sources_settings() -> None:
    """A line a source, read off its own table: rate, decay, batch and stages."""
    basic = ("optimizer", "learning_rate", "weight_decay", "batch_size", "stages")
    assert sourced("mit_b0_fusion", *basic) == ("sgd", 1e-4, 1e-3, 48, ((224, 50),))
    assert sourced("efficientnet_b0_gray", *basic) == ("adam", 1e-3, 1e-4, 64, ((48, 50),))
    assert sourced("t_net", *basic) == ("adam", 1e-4, 0.0, 512, ((224, 30),))
    assert sourced("squeezenet1_1", *basic) == ("adam", 1e-4, 0.0, 128, ((224, 30),))
    assert sourced("mobilenet_v3_small", *basic) == ("adam", 1e-4, 0.0, 512, ((224, 12),))
    assert sourced("efficientnet_b0_va", *basic) == ("adam", 1e-4, 0.0, 32, ((224, 12),))
    assert sourced("dacl_lite", *basic) == ("sgd", 1e-3, 0.0, 32, ((224, 40),))
    assert sourced("khaireddin_vgg", *basic) == ("nesterov", 0.01, 1e-4, 64, ((40, 300),))
    assert sourced("vgg16", *basic) == ("nesterov", 0.01, 1e-4, 64, ((40, 100),))
    assert sourced("transfer", *basic) == ("sgd", 1e-3, 1e-4, 64, ((112, 40),))
    assert sourced("dacl", *basic) == ("sgd", 0.01, 5e-4, 64, ((224, 60),))
    plateau = ("schedule", "plateau_factor", "plateau_patience", "min_learning_rate", "early_stop")
    assert sourced("resmaskingnet", *plateau) == ("plateau", 0.1, 2, 1e-6, 8)
    assert sourced("efficientnet_b3", *plateau) == ("plateau", 0.75, 5, 0.0, None)
    steps = ("schedule", "step_epochs", "step_factor", "momentum")
    assert sourced("alexnet", *steps) == ("step", (15, 30), 0.1, 0.9)
    assert sourced("dacl", *steps) == ("step", (20, 40), 0.1, 0.9)
    cosine = ("schedule", "schedule_every", "min_learning_rate", "loss_weights")
    assert sourced("t_net", *cosine) == ("cosine", "epoch", 1e-7, (0.9, 0.05, 0.05))
    cycle = ("schedule", "schedule_every", "clip_value")
    assert sourced("efficientnet_b0_gray", *cycle) == ("one_cycle", "step", 0.1)
