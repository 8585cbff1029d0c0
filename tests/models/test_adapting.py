"""Keras networks of another make: grey ones, ones that end in softmax, and broken ones."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fer_tf import FerError, load_model
from fer_tf.models.sizes import at_size
from fer_tf.trained.inference import softmax

PIXELS = np.random.default_rng(0).uniform(0, 255, (3, 24, 24, 1)).astype(np.float32)
DENSE = keras.layers.Dense


def network(*ends, channels: int = 3) -> keras.Model:
    """A small network whose last layers are `ends`."""
    images = keras.Input((24, 24, channels))
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    for end in ends:
        x = end(x)
    return keras.Model(images, x)


def colour(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels, 3, axis=-1)


ENDS = {
    "dense": lambda: [DENSE(7, activation="softmax")],
    "activation": lambda: [DENSE(7), keras.layers.Activation("softmax")],
    "layer": lambda: [DENSE(7), keras.layers.Softmax()],
    "operation": lambda: [DENSE(7), keras.ops.softmax],
    "nested": lambda: [
        keras.Sequential([keras.Input((4,)), DENSE(9), DENSE(7, activation="softmax")])
    ],
    "reshaped": lambda: [DENSE(7, activation="softmax"), keras.layers.Reshape((7,))],
    "logits": lambda: [DENSE(7)],
}


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("end", ENDS)
def test_softmax_is_never_done_twice(tmp_path, end, channels):
    model = network(*ENDS[end](), channels=channels)
    path = tmp_path / "own.keras"
    model.save(path)
    expected = np.asarray(model(PIXELS if channels == 1 else colour(PIXELS)))
    if end == "logits":
        expected = softmax(expected)
    loaded = load_model(path)
    for each in (loaded, at_size(loaded, (24, 24))):
        assert each.input_shape == (None, 24, 24, 3)
        np.testing.assert_allclose(softmax(np.asarray(each(colour(PIXELS)))), expected, atol=1e-5)


def test_a_broken_network_is_refused_when_opened(tmp_path):
    model = network(DENSE(7))
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    model.save(tmp_path / "nan.keras")
    with pytest.raises(FerError, match=r"nan\.keras: the network answers NaN or infinity"):
        load_model(tmp_path / "nan.keras")
