"""The graph that every export is made of: it answers as Keras does, whatever was rearranged."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from fer_tf import create_model
from fer_tf.exporting import folding
from fer_tf.exporting.pixel_function import grey_input, pixel_function
from fer_tf.models.sizes import at_size


@pytest.fixture(autouse=True)
def _seeded():
    """Else, once in a long while, the weights drawn give two faces the same answer."""
    keras.utils.set_random_seed(1)


def trained(model: keras.Model, seed: int = 0) -> keras.Model:
    """Weights far from their initial values: norms with scales and offsets, biases not 0."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [w + rng.normal(scale=0.2, size=w.shape).astype(w.dtype) for w in model.get_weights()]
    )
    return model


def grey_faces(size: tuple[int, int], count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *size, 1), dtype=np.uint8)


def keras_answers(model: keras.Model, grey: np.ndarray) -> np.ndarray:
    pixels = grey.repeat(3, axis=-1).astype(np.float32)
    return keras.ops.convert_to_numpy(keras.ops.softmax(model(pixels, training=False)))


@pytest.mark.parametrize(
    ("size", "channels"), [((32, 32), 3), ((48, 48), 1), ((64, 96), 3), ((65, 47), 1)]
)
def test_graph_equals_keras(tiny_network, size, channels):
    model = at_size(trained(create_model(tiny_network, input_shape=(None, None, 3))), size)
    faces = grey_faces(size)
    graph = pixel_function(model, channels=channels)
    answers = graph(tf.constant(faces.repeat(channels, axis=-1)))["probabilities"].numpy()
    assert folding.can_fold(grey_input(model, channels))
    np.testing.assert_allclose(answers, keras_answers(model, faces), atol=1e-5)
    assert np.ptp(answers, axis=0).max() > 1e-3, "the faces must not all get the same answer"


def test_the_whole_network_folds():
    model = at_size(trained(create_model("mit_b0_fusion", input_shape=(64, 64, 3))), (64, 64))
    assert folding.can_fold(model)
    pixels = grey_faces((64, 64)).repeat(3, axis=-1).astype(np.float32)
    folded = folding.folded(model)(tf.constant(pixels)).numpy()
    expected = keras.ops.convert_to_numpy(model(pixels, training=False))
    assert np.abs(folded - expected).max() < 1e-4 * max(1.0, np.abs(expected).max())


def test_folding_leaves_out_steps(tiny_network):
    model = at_size(create_model(tiny_network, input_shape=(64, 64, 3)), (64, 64))

    def steps(function):
        spec = tf.TensorSpec((1, 64, 64, 3), tf.float32)
        return len(tf.function(function).get_concrete_function(spec).graph.get_operations())

    assert steps(folding.folded(model)) < 0.9 * steps(lambda x: model(x, training=False))


def test_faces_smaller_than_a_window_are_not_folded(tiny_network):
    model = at_size(trained(create_model(tiny_network, input_shape=(None, None, 3))), (24, 24))
    assert not folding.can_fold(model)
    faces = grey_faces((24, 24))
    answers = pixel_function(model, channels=1)(tf.constant(faces))["probabilities"].numpy()
    np.testing.assert_allclose(answers, keras_answers(model, faces), atol=1e-5)


def test_another_network_is_not_folded_and_still_right():
    images = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(images)
    x = keras.layers.Conv2D(4, 3, strides=2)(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    model = trained(keras.Model(images, keras.layers.Dense(7)(x)))
    faces = grey_faces((32, 32))
    assert not folding.can_fold(model)
    answers = pixel_function(at_size(model, (32, 32)), channels=1)(tf.constant(faces))
    np.testing.assert_allclose(
        answers["probabilities"].numpy(), keras_answers(model, faces), atol=1e-5
    )


def luma(colour: np.ndarray) -> np.ndarray:
    grey = colour @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat(grey[..., None], 3, axis=-1)


def test_colour_is_seen_as_its_luma(tiny_network):
    model = at_size(trained(create_model(tiny_network, input_shape=(32, 32, 3))), (32, 32))
    colour = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    answers = pixel_function(model)(tf.constant(colour))["probabilities"].numpy()
    expected = keras.ops.softmax(model(luma(colour), training=False))
    np.testing.assert_allclose(answers, keras.ops.convert_to_numpy(expected), atol=1e-5)


def test_mixed_precision_becomes_float32(tiny_network):
    model = create_model(tiny_network, input_shape=(32, 32, 3), dtype="mixed_bfloat16")
    copy = at_size(model, (40, 40))
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_batch_can_be_fixed_or_free():
    images = keras.Input((32, 32, 3))
    model = keras.Model(images, keras.layers.Dense(7)(keras.layers.Flatten()(images)))
    for batch in (1, None):
        graph = pixel_function(model, batch=batch).get_concrete_function()
        assert graph.inputs[0].shape.as_list() == [batch, 32, 32, 3]


def test_a_network_that_begins_with_no_convolution_sees_luma_too():
    images = keras.Input((8, 8, 3))
    model = keras.Model(images, keras.layers.Dense(7)(keras.layers.Flatten()(images)))
    network = at_size(model, (8, 8))
    faces = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    grey = luma(faces)
    expected = keras.ops.softmax(model(grey))
    said = pixel_function(network)(tf.constant(faces))["probabilities"]
    np.testing.assert_allclose(said, expected, atol=1e-4)
    one = np.round(grey[..., :1]).astype(np.uint8)
    said = pixel_function(network, channels=1)(tf.constant(one))["probabilities"]
    expected = keras.ops.softmax(model(np.repeat(one, 3, axis=-1).astype(np.float32)))
    np.testing.assert_allclose(said, expected, atol=1e-4)
