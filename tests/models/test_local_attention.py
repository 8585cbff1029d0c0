"""TransFER and its relatives: local attention against NumPy, and what is dropped when."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from arithmetic import conv, draw, norm, randomize, relu, sigmoid

from fer_tf import create_model
from fer_tf.models.local_attention import lanet

SMALL = {
    "transfer": {
        "depths": (1, 1),
        "widths": (8, 16),
        "dim": 24,
        "blocks": 2,
        "reduction": 4,
    },
    "transfer_lite": {"widths": (4, 8), "depths": (1, 1), "dim": 16, "blocks": 1, "hidden": 8},
    "cnn_transformer": {"widths": (8, 16), "blocks": 2},
}


def small(name: str, **arguments) -> keras.Model:
    return create_model(name, input_shape=(32, 32, 3), **{**SMALL[name], "seed": 3, **arguments})


def parts(model: keras.Model, *names: str) -> keras.Model:
    return keras.Model(model.input, [model.get_layer(name).output for name in names])


def test_a_lanet_is_two_convolutions_of_one_place():
    maps = keras.Input((3, 4, 32))
    model = keras.Model(maps, lanet(maps, name="l"))
    randomize(model)
    x = draw(2, 3, 4, 32)
    y = relu(norm(conv(x, model.get_layer("l_conv0")), model.get_layer("l_norm0")))
    assert y.shape[-1] == 2
    y = sigmoid(norm(conv(y, model.get_layer("l_conv1")), model.get_layer("l_norm1")))
    np.testing.assert_allclose(model(x), y, rtol=1e-4, atol=1e-5)


def test_the_features_are_multiplied_by_the_largest_attention():
    model = small("transfer")
    names = ("stage2_unit1_add", "local0_sigmoid", "local1_sigmoid", "local")
    x, first, second, weighted = parts(model, *names)(100 * draw(2, 32, 32, 3))
    np.testing.assert_allclose(weighted, x * np.maximum(first, second), rtol=1e-5)
    assert np.any(first > second) and np.any(second > first)


def test_in_training_one_attention_map_is_dropped_before_the_largest_is_taken():
    model = small("transfer", drop_map=1.0, drop_head=0.0)
    maps, largest = parts(model, "local_maps", "local_largest")(
        100 * draw(40, 32, 32, 3), training=True
    )
    maps, largest = np.asarray(maps), np.asarray(largest)
    lost = [
        which
        for i in range(40)
        for which in (0, 1)
        if np.array_equal(largest[i, ..., 0], maps[i, ..., 1 - which])
    ]
    assert len(lost) == 40 and set(lost) == {0, 1}


def test_an_ir_unit_takes_every_second_pixel_where_its_channels_stay():
    model = create_model(
        "transfer", input_shape=(16, 16, 3), **{**SMALL["transfer"], "widths": (8, 8)}
    )
    before, kept = parts(model, "input_prelu", "stage1_unit1_shortcut")(draw(1, 16, 16, 3))
    np.testing.assert_array_equal(kept, np.asarray(before)[:, ::2, ::2])


def test_the_convolutional_one_knows_the_border():
    """A map of equal places has equal tokens no longer."""
    model = small("cnn_transformer")
    add_places = keras.Model(model.get_layer("local").output, model.get_layer("placed").output)
    placed = np.asarray(add_places(np.ones((1, 8, 8, 16), np.float32)))
    np.testing.assert_allclose(placed[:, 1:-1, 1:-1], placed[:, 1:2, 1:2] + np.zeros((1, 6, 6, 1)))
    assert np.abs(placed[:, 0, 3] - placed[:, 3, 3]).max() > 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_the_seed_decides_what_is_dropped_and_nothing_is_after_the_training(name):
    images = 100 * draw(8, 32, 32, 3)
    models = [small(name, seed=seed) for seed in (1, 1, 2)]
    for model in models[1:]:
        for weight, value in zip(model.trainable_weights, models[0].trainable_weights, strict=True):
            weight.assign(value)
    trained = [np.asarray(model(images, training=True)) for model in models]
    np.testing.assert_array_equal(trained[0], trained[1])
    assert not np.allclose(trained[0], trained[2])
    np.testing.assert_array_equal(models[0](images), models[0](images))
