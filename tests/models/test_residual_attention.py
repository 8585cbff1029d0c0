"""The attention module against NumPy, and the grids of the whole network."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from arithmetic import conv, draw, largest, norm, randomize, relu, sigmoid, upsampled

from fer_tf import create_model
from fer_tf.models.residual_attention import attention_module


def built(depth: int, height: int, width: int) -> keras.Model:
    images = keras.Input((height, width, 8))
    return keras.Model(images, attention_module(images, depth=depth, dtype=None, name="a"))


@pytest.mark.parametrize("size", [(8, 8), (7, 10)])
def test_the_attention_module_is_one_plus_the_mask_times_the_trunk(size):
    """Equation 3, with the whole hourglass of depth 1 worked out by NumPy."""
    model = built(1, *size)
    randomize(model)

    def step(x, name):
        x = relu(norm(x, model.get_layer(f"{name}_norm")))
        return conv(x, model.get_layer(name))

    def unit(x, name):
        y = x
        for i in (1, 2, 3):
            y = step(y, f"a_{name}_conv{i}")
        return x + y

    inputs = draw(2, *size, 8)
    x = unit(inputs, "before")
    trunk = unit(unit(x, "trunk1"), "trunk2")
    outer = unit(largest(x, 3, 2, pad=1), "grid1_down")
    inner = unit(largest(outer, 3, 2, pad=1), "grid0_down")
    inner = upsampled(unit(inner, "grid0_up"), *outer.shape[1:3])
    mask = upsampled(unit(inner + unit(outer, "grid1_skip"), "grid1_up"), *size)
    mask = sigmoid(step(step(mask, "a_mask1"), "a_mask2"))
    expected = unit((1 + mask) * trunk, "after")
    np.testing.assert_allclose(model(inputs), expected, rtol=1e-3, atol=1e-3)


def test_a_mask_that_is_open_doubles_the_trunk_and_one_that_is_shut_lets_it_through():
    model = built(0, 4, 4)
    randomize(model)
    between = keras.Model(
        model.input, [model.get_layer(n).output for n in ("a_trunk2_add", "a_add")]
    )
    last = model.get_layer("a_mask2")
    norm_of_last = model.get_layer("a_mask2_norm")
    last.kernel.assign(np.ones(last.kernel.shape))
    norm_of_last.gamma.assign(np.zeros(8))
    norm_of_last.beta.assign(np.full(8, 100.0))
    trunk, weighted = between(draw(2, 4, 4, 8))
    np.testing.assert_allclose(weighted, 2 * trunk, rtol=1e-5, atol=1e-5)
    last.kernel.assign(-np.ones(last.kernel.shape))
    trunk, weighted = between(draw(2, 4, 4, 8))
    np.testing.assert_allclose(weighted, trunk, rtol=1e-5, atol=1e-5)


def test_the_grids_are_halved_as_often_as_published():
    model = create_model("resattnet56", widths=(4, 8, 12, 16))
    coarsest = {
        stage: min(
            layer.output.shape[1]
            for layer in model.layers
            if layer.name.startswith(f"stage{stage}_attention")
        )
        for stage in (1, 2, 3)
    }
    finest = {s: model.get_layer(f"stage{s}_attention_add").output.shape[1] for s in (1, 2, 3)}
    assert finest == {1: 56, 2: 28, 3: 14}
    assert coarsest == {1: 7, 2: 7, 3: 7}
