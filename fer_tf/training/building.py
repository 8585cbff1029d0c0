"""The network that a recipe trains."""

from __future__ import annotations

from typing import Any

import keras

from fer_tf.errors import FerError
from fer_tf.models.registry import create_model, find_network, network_arguments
from fer_tf.models.sizes import check_size
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import Task


def build_network(
    recipe: Recipe,
    task: Task,
    policy: str,
    *,
    weights: str | None = None,
    classes: int | None = None,
) -> keras.Model:
    """Build a recipe's network for RGB faces of any size, or of the one that it is built for.

    Args:
        recipe: model, dropout, drop_path, seed, stages, scales.
        task: what it answers.
        policy: Keras dtype policy.
        weights: as of `fer_tf.create_model`.
        classes: width of the logits, where that is not the number of the task's classes.

    Raises:
        FerError: the recipe has sizes, or a dropout, that the network can't have.
    """
    wanted: dict[str, Any] = {"drop_path": recipe.drop_path, "seed": recipe.seed}
    known = network_arguments(recipe.model)
    if recipe.dropout is not None:
        if "dropout" not in known:
            raise FerError(f"dropout: {recipe.model} has none, expected it not to be given")
        wanted["dropout"] = recipe.dropout
    sides = _sides(recipe)
    network = create_model(
        recipe.model,
        task=task,
        classes=classes,
        input_shape=(*sides, 3),
        weights=weights,
        dtype=policy,
        **{name: value for name, value in wanted.items() if name in known},
    )
    if None in sides:
        smallest = max(1, round(min(size for size, _ in recipe.stages) * min(recipe.scales)))
        check_size(network, (smallest, smallest), f"stages: {recipe.model}")
    return network


def _sides(recipe: Recipe) -> tuple[int | None, int | None]:
    """Height and width that the network is built for; None where it takes any."""
    if find_network(recipe.model).any_size:
        return None, None
    sizes = {size for size, _ in recipe.stages}
    if len(sizes) > 1 or recipe.scales != (1.0,):
        raise FerError(
            f"stages: {recipe.model} is built for one size: expected one, and no scales, "
            f"found {' '.join(map(str, sorted(sizes)))}"
        )
    return (size := sizes.pop()), size
