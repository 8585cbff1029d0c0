"""The block attention module against NumPy, and where it stands."""

from __future__ import annotations

import keras
import numpy as np
from arithmetic import conv, dense, draw, norm, randomize, relu, sigmoid

from fer_tf import create_model
from fer_tf.models.cbam import cbam


def test_channels_and_then_places_are_weighted_as_published():
    """Equations 1 to 3; the two dense layers, biases too, serve the mean and the largest."""
    images = keras.Input((6, 5, 16))
    model = keras.Model(images, cbam(images, name="b", reduction=4))
    randomize(model)
    x = draw(2, 6, 5, 16)
    hidden, answer = (model.get_layer(f"b_channel_{name}") for name in ("hidden", "answer"))
    both = [
        dense(relu(dense(pooled, hidden)), answer) for pooled in (x.mean((1, 2)), x.max((1, 2)))
    ]
    y = x * sigmoid(sum(both))[:, None, None]
    places = np.stack([y.max(-1), y.mean(-1)], axis=-1)
    places = conv(places, model.get_layer("b_spatial_conv"))
    expected = y * sigmoid(norm(places, model.get_layer("b_spatial_conv_norm")))
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


def test_it_weighs_what_is_added_and_not_the_sum():
    model = create_model("cbam_resnet50", input_shape=(32, 32, 3), widths=(16,), depths=(2,))
    for block in ("stage1_block1", "stage1_block2"):
        sources = model.get_layer(f"{block}_add").input
        assert sources[0] is model.get_layer(f"{block}_spatial").output
        assert "spatial" not in sources[1]._keras_history.operation.name
