"""A network whose maps are quick, and faces to explain."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fer_tf
from fer_tf.data.synthetic import draw_dataset


@pytest.fixture(scope="session")
def network() -> keras.Model:
    """The registry's network with one narrow block a stage, random weights and any size."""
    keras.utils.set_random_seed(0)
    narrow = {"dims": (8, 16, 24, 32), "heads": (1, 2, 3, 4), "depths": (1, 1, 1, 1)}
    model = fer_tf.create_model("mit_b0_fusion", input_shape=(None, None, 3), **narrow)
    # With weights as small as the first ones every attention is even.
    for weight in model.trainable_variables:
        if "attention" in weight.path and weight.path.endswith("kernel"):
            weight.assign(weight * 20.0)
    return model


@pytest.fixture(scope="session")
def faces() -> np.ndarray:
    """Drawn faces, uint8 [2, 48, 48]."""
    return draw_dataset(24, seed=1).images[:2]
