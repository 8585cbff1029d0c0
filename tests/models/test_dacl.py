"""DACL's attention against NumPy, and what of it the answers depend on."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import pytest
from arithmetic import dense, draw, norm, randomize, relu, softmax

from fer_tf import create_model
from fer_tf.models.dacl import attentive_head
from fer_tf.models.saving import load_model, save_model


@pytest.fixture
def attentive(small_network) -> keras.Model:
    return create_model("attentive", input_shape=(32, 32, 3))


def test_the_attention_is_the_second_of_each_feature_s_pair():
    maps = keras.Input((2, 3, 4))
    model = keras.Model(maps, attentive_head([maps], classes=7, hidden=(6, 5)))
    randomize(model)
    x = draw(3, 2, 3, 4)
    y = dense(x.reshape(3, -1), model.get_layer("attention1"))
    y = dense(relu(norm(y, model.get_layer("attention1_norm"))), model.get_layer("attention2"))
    y = np.tanh(norm(y, model.get_layer("attention2_norm")))
    pairs = dense(y, model.get_layer("attention_pairs")).reshape(3, 4, 2)
    attended = keras.Model(maps, model.get_layer("attended").input)(x)
    np.testing.assert_allclose(attended[0], x.mean((1, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(attended[1], softmax(pairs)[..., 1], rtol=1e-4, atol=1e-5)


def test_the_answers_do_not_depend_on_the_attention(attentive):
    images = 100 * draw(2, 32, 32, 3)
    before = np.asarray(attentive(images))
    for layer in attentive.layers:
        if layer.name.startswith("attention"):
            randomize(layer)
    np.testing.assert_array_equal(attentive(images), before)


def test_the_attention_network_is_saved_with_the_rest(attentive, tmp_path):
    randomize(attentive)
    save_model(attentive, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    for saved, found in zip(attentive.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, found)


def test_the_lite_network_s_queries_have_no_effect():
    make = partial(create_model, "dacl_lite", widths=(4, 8), depths=(1, 1), input_shape=(32, 32, 3))
    model = make()
    images = 100 * draw(2, 32, 32, 3)
    pooled, attended = keras.Model(
        model.input, [model.get_layer("tokens").output, model.get_layer("attention").output]
    )(images)
    value = model.get_layer("attention").value
    np.testing.assert_allclose(attended, pooled + dense(pooled, value), rtol=1e-4, atol=1e-5)
    before = np.asarray(model(images))
    randomize(model.get_layer("attention").query)
    np.testing.assert_array_equal(model(images), before)
