"""The masking block against NumPy, and the residual masking around it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from arithmetic import conv, draw, largest, norm, randomize, relu, softmax

from fer_tf import create_model
from fer_tf.models.residual_masking import masking_block


def test_the_masking_block_is_a_u_with_a_softmax_over_the_channels():
    images = keras.Input((6, 4, 4))
    model = keras.Model(images, masking_block(images, pools=1, name="m"))
    randomize(model)

    def step(x, name):
        return norm(conv(x, model.get_layer(name)), model.get_layer(f"{name}_norm"))

    def block(x, name):
        y = step(relu(step(x, f"m_{name}_conv1")), f"m_{name}_conv2")
        return relu(y + step(x, f"m_{name}_shortcut"))

    x = draw(2, 6, 4, 4)
    down = block(x, "down1")
    bottom = block(largest(down, 2, 2), "bottom")
    kernel, bias = model.get_layer("m_up1").get_weights()
    assert kernel.shape == (2, 2, 8, 16)
    up = np.einsum("nhwc,ijdc->nhiwjd", bottom, kernel).reshape(2, 6, 4, 8) + bias
    up = relu(norm(up, model.get_layer("m_up1_norm")))
    expected = softmax(block(block(np.concatenate([up, down], -1), "after1"), "last"))
    np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.sum(model(x), axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize(("channels", "pools"), [(64, 3), (128, 2), (256, 1), (512, 0)])
def test_each_mask_has_the_published_weights(channels, pools):
    images = keras.Input((8, 8, channels))
    model = keras.Model(images, masking_block(images, pools=pools, name="m"))
    published = {64: 32_366_080, 128: 31_885_312, 256: 29_965_312, 512: 22_291_456}
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == published[channels]


def test_a_block_of_a_mask_starts_as_its_shortcut():
    images = keras.Input((4, 4, 4))
    model = keras.Model(images, masking_block(images, pools=0, name="m"))
    scales = {
        layer.name: float(np.max(np.abs(layer.gamma)))
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert {name for name, scale in scales.items() if scale == 0} == {
        "m_bottom_conv2_norm",
        "m_last_conv2_norm",
    }


def test_a_stage_is_multiplied_by_one_plus_its_mask():
    model = create_model("resmaskingnet", input_shape=(32, 32, 3), widths=(4, 8), depths=(1, 1))
    names = ("stage1_block1_relu2", "stage1_mask_softmax", "stage1_sum")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    x, mask, masked = parts(100 * draw(2, 32, 32, 3))
    np.testing.assert_allclose(masked, x * (1 + mask), rtol=1e-5, atol=1e-6)
