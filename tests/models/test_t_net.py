"""What T_Net joins."""

from __future__ import annotations

import keras
import numpy as np
from arithmetic import draw

from fer_tf import create_model
from fer_tf.tasks import TASKS


def halved(x):
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def test_all_stages_are_joined_on_the_grid_of_the_last():
    model = create_model("t_net", input_shape=(48, 64, 3))
    names = ("stage3_pool", "stage2_pool", "stage1_pool", "join")
    parts = keras.Model(model.input, [model.get_layer(name).output for name in names])
    third, second, first, join = (np.asarray(x) for x in parts(100 * draw(2, 48, 64, 3)))
    assert join.shape == (2, 6, 8, 28)
    expected = np.concatenate([third, halved(second), halved(halved(first))], axis=-1)
    np.testing.assert_allclose(join, expected, rtol=1e-4, atol=1e-5)


def test_classes_alone_leave_the_second_head_out():
    both = create_model("t_net", input_shape=(48, 48, 3))
    classes = create_model("t_net", input_shape=(48, 48, 3), task=TASKS["fer2013"])
    assert {name: output.shape for name, output in both.output.items()} == {
        "logits": (None, 8),
        "values": (None, 2),
    }
    assert classes.output_shape == (None, 7)
    assert not [layer for layer in classes.layers if "values" in layer.name]
