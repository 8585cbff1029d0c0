"""A network's weights: copied from another one's, and by names that last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Set a network's weights to another's, which may answer more or fewer classes.

    Of its last layer, what both have is copied.
    """
    values = source.get_weights()
    for variable, value in zip(target.weights, values, strict=True):
        if variable.shape != value.shape:
            both = min(variable.shape[-1], value.shape[-1])
            whole = np.array(variable)
            whole[..., :both] = value[..., :both]
            value = whole
        variable.assign(value)


def plain_name(path: str) -> str:
    """A variable's path without slashes, and without the numbers that Keras gives out.

    "seed_generator_16": the number counts what this process made before, which
    is not the same in a process that goes on.
    """
    return re.sub(r"_\d+(?=[._/]|$)", "", path).replace("/", ".")


def named(**groups: Sequence[Any]) -> dict[str, Any]:
    """Groups of Keras variables, each by a name that lasts: "network.0003.dense.kernel"."""
    return {
        f"{group}.{i:04d}.{plain_name(variable.path)}": variable
        for group, variables in groups.items()
        for i, variable in enumerate(variables)
    }


def assign(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bool:
    """Set `named` variables to the arrays of the same names.

    Returns:
        Whether these have the same names and shapes; otherwise nothing is set.
    """
    arrays = {plain_name(name): array for name, array in arrays.items()}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        return False
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return True
