"""The same maps as an independent implementation's, tf-keras-vis'."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fer_tf.explanations.grad_cam import grad_cam
from fer_tf.explanations.gradients import gradient, network_input

pytest.importorskip("tf_keras_vis", reason="tf-keras-vis is not installed")
SIZE = (64, 64)
TARGET = [1, 5]

pytestmark = pytest.mark.filterwarnings("ignore:The structure of `inputs`")


@pytest.fixture(scope="module")
def score():
    from tf_keras_vis.utils.scores import CategoricalScore

    return CategoricalScore(TARGET)


def test_gradient(network, faces, score):
    from tf_keras_vis.saliency import Saliency

    grey = keras.Input((48, 48, 1))
    model = keras.Model(grey, network(keras.ops.repeat(grey, 3, axis=-1)))
    theirs = Saliency(model, clone=False)(
        score, faces[..., None].astype(np.float32), normalize_map=False
    )
    ours = gradient(network, faces, np.array(TARGET), (48, 48))
    np.testing.assert_allclose(np.abs(ours), theirs, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("layer", ["stage4_norm", "fusion"])
def test_grad_cam(network, faces, score, layer):
    from tf_keras_vis.gradcam import Gradcam

    theirs = Gradcam(network, clone=False)(
        score,
        network_input(faces, SIZE),
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    ours = grad_cam(network, layer, faces, np.array(TARGET), SIZE)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
