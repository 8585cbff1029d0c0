"""`weights="imagenet"` without a connection: what would be downloaded is made here, or refused."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from drawn_weights import drawn_pictures, drawn_weight

from fer_tf import FerError, create_model
from fer_tf.models.imagenet import (
    DEPTHS,
    DEVIATION,
    DIMS,
    MEAN,
    PRESET,
    copy_features,
    imagenet_scale,
)
from fer_tf.models.registry import NETWORKS
from fer_tf.models.vgg import conv_stages


def stand_in(monkeypatch, from_preset):
    """A KerasCV whose download is this function."""
    module = SimpleNamespace(models=SimpleNamespace(MiTBackbone=SimpleNamespace()))
    module.models.MiTBackbone.from_preset = from_preset
    monkeypatch.setitem(sys.modules, "keras_cv", module)


def test_the_presets_weights_are_copied(monkeypatch):
    keras_cv = pytest.importorskip("keras_cv")
    source = keras_cv.models.MiTBackbone(
        include_rescaling=True,
        depths=list(DEPTHS),
        embedding_dims=list(DIMS),
        input_shape=(64, 64, 3),
    )
    asked = []
    stand_in(monkeypatch, lambda name: asked.append(name) or source)
    model = create_model("mit_b0_fusion", input_shape=(64, 64, 3), weights="imagenet")
    assert asked == [PRESET]
    encoder = sum(int(np.prod(w.shape)) for w in model.weights if w.path.startswith("stage"))
    assert encoder == source.count_params()
    block = source.get_layer("hierarchical_encoder_2_1")
    ours = model.get_layer("stage3_block2")
    np.testing.assert_array_equal(ours.ffn.depthwise.kernel, block.mlp.dwconv.kernel)
    np.testing.assert_array_equal(ours.attention.key_value.kernel[:, :160], block.attn.k.kernel)
    np.testing.assert_array_equal(ours.attention.key_value.kernel[:, 160:], block.attn.v.kernel)


def test_its_pixels_are_scaled_as_the_preset_wants(monkeypatch):
    monkeypatch.setattr("fer_tf.models.registry.load_imagenet", lambda model, source: None)
    scale = create_model("mit_b0_fusion", weights="imagenet").get_layer("scale")
    assert (scale.scale, scale.offset) == ([1 / 255] * 3, [0.0] * 3)


def test_without_kerascv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(FerError, match=r'needs KerasCV.*pip install ".*\[imagenet\]"'):
        create_model("mit_b0_fusion", input_shape=(64, 64, 3), weights="imagenet")


def test_without_a_network_it_says_so(monkeypatch):
    def unreachable(name):
        raise ConnectionError("Failed to resolve 'api.kaggle.com'\nand a traceback of its own")

    stand_in(monkeypatch, unreachable)
    with pytest.raises(FerError, match=r"could not be downloaded .*is there a network") as refusal:
        create_model("mit_b0_fusion", input_shape=(64, 64, 3), weights="imagenet")
    assert "Failed to resolve" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("arguments", [{"dims": (32, 64, 160, 320)}, {"depths": (1, 2, 2, 2)}])
def test_another_encoder_is_refused_before_anything_is_downloaded(monkeypatch, arguments):
    stand_in(monkeypatch, lambda name: pytest.fail("asked for the preset"))
    with pytest.raises(FerError, match="those of MiT-B0"):
        create_model("mit_b0_fusion", input_shape=(64, 64, 3), weights="imagenet", **arguments)


def seeded(source, folder):
    """A file in the layout of those that keras.applications downloads, its network with it."""
    network = getattr(keras.applications, source)(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    for i, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.float32(MEAN), np.float32(DEVIATION) ** 2, np.int32(0)])
            layer.finalize_state()
        elif layer.weights:
            layer.set_weights(
                [drawn_for(layer, weight, 9 * i + j) for j, weight in enumerate(layer.weights)]
            )
    network.save(folder / "seeded.h5")
    return network, folder / "seeded.h5"


def drawn_for(layer, weight, index):
    """A weight of a scale that keeps what differs between pictures."""
    if len(weight.shape) < 4:
        kind = {"gamma": "gamma", "moving_variance": "variance"}.get(weight.name, "bias")
        return drawn_weight(index, kind, weight.shape)
    height, width, inputs, outputs = weight.shape
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        inputs, outputs = outputs, inputs
    kernel = drawn_weight(index, "kernel", (outputs, inputs, height, width))
    return kernel.transpose(2, 3, 1, 0).reshape(weight.shape)


def offline(monkeypatch, source, weights):
    """keras.applications' function reads this file instead of downloading one."""
    build = getattr(keras.applications, source)

    def local(**arguments):
        asked = arguments["weights"]
        return build(**{**arguments, "weights": str(weights) if asked == "imagenet" else asked})

    monkeypatch.setattr(keras.applications, source, local)


SCALED = {
    "densenet121": keras.applications.densenet.preprocess_input,
    "efficientnet_b0_va": lambda pixels: pixels,
    "mobilenet_v3_small": lambda pixels: pixels,
}


@pytest.mark.parametrize("name", SCALED)
def test_the_features_are_those_of_keras_applications(name, monkeypatch, tmp_path):
    """On the same pixels, which its own function scales."""
    source = NETWORKS[name].imagenet
    expected, file = seeded(source, tmp_path)
    offline(monkeypatch, source, file)
    model = create_model(name, input_shape=(64, 64, 3), weights="imagenet")
    pixels = drawn_pictures((64, 64), 3)
    theirs = np.asarray(expected(SCALED[name](pixels.copy()))).mean(axis=(1, 2))
    ours = np.asarray(keras.Model(model.input, model.get_layer("features").output)(pixels))
    assert np.ptp(theirs, axis=0).max() > 1e-3
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_vgg16_takes_red_first_and_one_grey_channel():
    """Its features alone: keras.applications turns red, green and blue round."""
    theirs = keras.applications.VGG16(include_top=False, weights=None, input_shape=(48, 48, 3))
    images = keras.Input((48, 48, 3))
    (scale, offset), arguments = imagenet_scale("vgg16", "VGG16", 3), NETWORKS["vgg16"].arguments
    scaled = keras.layers.Rescaling(scale, offset)(images)
    ours = keras.Model(images, conv_stages(scaled, **arguments)[-1])
    copy_features(theirs, ours, blue_first=True)
    pixels = drawn_pictures((48, 48), 3)
    expected = theirs(keras.applications.vgg16.preprocess_input(pixels.copy()))
    np.testing.assert_allclose(ours(pixels), expected, rtol=1e-4, atol=1e-4)
    grey = keras.Input((48, 48, 1))
    one = keras.Model(grey, conv_stages(grey, **arguments)[-1])
    copy_features(theirs, one)
    kernel = one.get_layer("stage1_conv1").kernel
    np.testing.assert_allclose(kernel, np.sum(theirs.layers[1].kernel, axis=2, keepdims=True))


def test_a_grey_networks_pixels_are_scaled_by_the_mean():
    scale, offset = imagenet_scale("efficientnet_b0_gray", "EfficientNetB0", 1)
    assert scale[0] * 255 + offset[0] == pytest.approx((1 - 0.449) / 0.226, rel=0.01)
    assert len(scale) == len(offset) == 1


def test_applications_that_cant_be_downloaded(monkeypatch):
    def unreachable(**arguments):
        raise ConnectionError("URL fetch failure on https://storage: Temporary failure\nmore")

    monkeypatch.setattr(keras.applications, "VGG16", unreachable)
    with pytest.raises(FerError, match=r"VGG16 could not be downloaded, is there a net") as refusal:
        create_model("vgg16", input_shape=(64, 64, 3), weights="imagenet")
    assert "URL fetch failure" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["resnet152", "squeezenet1_1", "vgg_half"])
def test_a_network_that_is_another_one_there_has_none(name):
    with pytest.raises(FerError, match=f"there are none for {name}: what keras.applications has"):
        create_model(name, weights="imagenet")


def test_another_network_is_left_as_it_was():
    theirs = keras.applications.MobileNetV3Small(include_top=False, weights=None)
    model = create_model("squeezenet1_1", input_shape=(64, 64, 3))
    before = model.get_weights()
    with pytest.raises(FerError, match=r"squeezenet1_1: not a network like MobileNetV3Small"):
        copy_features(theirs, model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
