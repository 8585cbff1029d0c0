"""What all methods have in common, and what each one must get right."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from fer_tf.errors import FerError
from fer_tf.explanations import METHODS, saliency_maps
from fer_tf.explanations.gradients import gradient, integrated_gradient, smooth_gradient
from fer_tf.explanations.maps import CAM_LAYERS
from fer_tf.explanations.occlusion import answering, blurred

SIZE = (32, 40)


@pytest.fixture(scope="module")
def linear() -> tuple[keras.Model, np.ndarray]:
    """Logits that are weighted sums of the 48x48 pixels, and the weights [48, 48, 7]."""
    weights = np.random.default_rng(0).standard_normal((48, 48, 7)).astype(np.float32)
    images = keras.Input((48, 48, 3))
    flat = keras.layers.Flatten()(keras.layers.Lambda(lambda x: x[..., :1])(images))
    dense = keras.layers.Dense(7, use_bias=False)
    model = keras.Model(images, dense(flat), name="linear")
    dense.set_weights([weights.reshape(-1, 7)])
    return model, weights


@pytest.mark.parametrize("method", [*METHODS, "random"])
def test_maps_are_shares_of_the_faces_size(network, faces, method):
    maps = saliency_maps(network, faces, method=method, size=SIZE)
    assert maps.shape == faces.shape and maps.dtype == np.float32
    assert maps.min() >= 0
    # The network is left as it was, fit to be saved.
    assert network.get_config()
    peaks = maps.max(axis=(1, 2))
    assert np.all((peaks == 0) | (peaks == 1))
    assert method in CAM_LAYERS or peaks.all()


@pytest.mark.parametrize("method", ["smoothgrad", "gradcam-fused"])
def test_a_map_does_not_depend_on_the_faces_beside_it(network, faces, method):
    maps = saliency_maps(network, faces, method=method, target=[2, 3], size=SIZE)
    alone = saliency_maps(network, faces[1:], method=method, target=[3], size=SIZE)
    np.testing.assert_allclose(alone, maps[1:], atol=1e-3)


def test_the_gradient_of_a_linear_network_is_its_weights(linear, faces):
    model, weights = linear
    target = np.array([0, 6])
    slopes = gradient(model, faces, target, (48, 48))
    np.testing.assert_allclose(slopes, weights.transpose(2, 0, 1)[target], rtol=1e-4, atol=1e-5)
    smooth = smooth_gradient(model, faces, target, (48, 48), seed=0)
    np.testing.assert_allclose(smooth, slopes, rtol=1e-4, atol=1e-5)


def test_the_gradient_goes_through_the_resize(network, faces):
    face, target = faces[:1].astype(np.float32), np.array([2])
    slope = gradient(network, face, target, SIZE)
    direction = np.random.default_rng(0).standard_normal(face.shape).astype(np.float32)
    step = 0.05
    ahead, behind = (
        answering(network, SIZE)(face + sign * step * direction)[0, 2] for sign in (1, -1)
    )
    measured = (ahead - behind) / (2 * step)
    assert (slope * direction).sum() == pytest.approx(measured, rel=0.02, abs=1e-4)


@pytest.fixture(scope="module")
def mouth() -> keras.Model:
    """Logits that are the mean square of the lower part's pixels, but the last: its negative."""
    images = keras.Input((48, 48, 3))
    level = keras.ops.mean(keras.ops.square(images[:, 30:42, 14:34] / 64), axis=(1, 2))
    return keras.Model(images, keras.ops.concatenate([level, level, -level[:, :1]], axis=1))


def test_integrated_gradients_sum_to_the_difference_of_the_logits(mouth, faces):
    target, base = np.array([0, 6]), blurred(faces).astype(np.float32)
    maps = integrated_gradient(mouth, faces, target, (48, 48), base)
    difference = answering(mouth, (48, 48))(faces) - answering(mouth, (48, 48))(base)
    # The midpoint rule is exact here: the gradient of a square is linear.
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), difference[[0, 1], target], rtol=1e-3)


@pytest.mark.parametrize("method", ["occlusion", "integrated"])
def test_only_what_the_network_sees_is_salient(mouth, method):
    # Stripes: their blurred picture has less of a square.
    striped = np.tile(np.array([0, 255], np.uint8), (2, 48, 24))
    maps = saliency_maps(mouth, striped, method=method, target=[0, 0])
    inside = maps[:, 30:42, 14:34].mean()
    assert inside > 5 * maps[:, :14].mean()
    against = saliency_maps(mouth, striped, method=method, target=[6, 6])
    # Where stripes turn grey the square falls in the white ones and rises in the black ones.
    assert method == "integrated" or against.max() == 0


def test_class_agnostic_methods_say_the_same_of_every_class(network, faces):
    for method, agnostic in (("rollout", True), ("gradient", False), ("gradcam-fused", False)):
        a, b = (
            saliency_maps(network, faces, method=method, target=[k] * 2, size=SIZE) for k in (0, 1)
        )
        assert np.array_equal(a, b) == agnostic, method


@pytest.fixture(scope="module")
def sides() -> keras.Model:
    """Logits of the upper part's brightness, and a value that is the red of the lower part."""
    images = keras.Input((48, 48, 3))
    upper = keras.ops.mean(images[:, :24], axis=(1, 2)) / 64
    red = keras.ops.mean(images[:, 24:, :, :1], axis=(1, 2)) / 256
    return keras.Model(images, {"logits": upper, "values": red}, name="sides")


@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "integrated", "occlusion"])
def test_a_value_is_explained_by_its_own_output(sides, method):
    striped = np.tile(np.array([0, 255], np.uint8), (1, 48, 24))
    for faces in (striped, np.stack([striped] * 3, axis=-1)):
        value = saliency_maps(sides, faces, method=method, target=[3])
        assert value.shape == (1, 48, 48)
        logit = saliency_maps(sides, faces, method=method)
        assert value[:, 28:].mean() > 5 * value[:, :20].mean()
        assert logit[:, :20].mean() > 5 * logit[:, 28:].mean()


def test_grad_cam_of_a_value(faces):
    from fer_tf.models.registry import create_model
    from fer_tf.tasks import TASKS

    narrow = {"dims": (8, 16, 24, 32), "heads": (1, 2, 3, 4), "depths": (1, 1, 1, 1)}
    shape = (*SIZE, 3)
    model = create_model("mit_b0_fusion", task=TASKS["affectnet8"], input_shape=shape, **narrow)
    maps = saliency_maps(model, faces, method="gradcam-fused", target=[8, 9])
    assert maps.shape == faces.shape and np.isfinite(maps).all()


def test_no_faces_give_no_maps(network, faces):
    assert saliency_maps(network, faces[:0], size=SIZE).shape == (0, 48, 48)


def test_the_size_is_what_the_network_was_built_for(linear, faces):
    model, _ = linear
    assert saliency_maps(model, faces, method="gradient").shape == faces.shape
    with pytest.raises(FerError, match="48x48 pixels only, not 64x64"):
        saliency_maps(model, faces, method="gradient", size=(64, 64))


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"method": "gradcam"}, "did you mean 'gradcam-"),
        ({"target": [0, 1, 2]}, "one index of an answer for each of 2 faces"),
        ({"target": [0, 7]}, "expected answers 0 to 6"),
        ({"target": [0.0, 1.0]}, "float64"),
    ],
)
def test_bad_arguments_are_refused(network, faces, keywords, told):
    with pytest.raises(FerError, match=told):
        saliency_maps(network, faces, size=SIZE, **keywords)


def test_other_faces_and_networks_are_refused(linear, network, faces):
    model, _ = linear
    with pytest.raises(FerError, match=r"expected uint8 \[n, h, w\]"):
        saliency_maps(network, faces.astype(np.float32))
    with pytest.raises(FerError, match="linear: has no layer 'fusion'"):
        saliency_maps(model, faces, method="gradcam-fused")
    with pytest.raises(FerError, match="linear: has no blocks of a Mix Transformer"):
        saliency_maps(model, faces, method="rollout")
