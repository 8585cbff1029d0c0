"""`weights="imagenet"` without a network: the preset's answer is made here, or refused."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fer_tf import FerError, create_model
from fer_tf.models.imagenet import DEPTHS, DIMS, PRESET


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
    monkeypatch.setattr("fer_tf.models.registry.load_into", lambda model, weights, task: None)
    scale = create_model("mit_b0_fusion", weights="imagenet").get_layer("scale")
    assert (scale.scale, scale.offset) == (1 / 255, 0.0)


def test_without_kerascv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_cv", None)
    with pytest.raises(FerError, match=r"needs KerasCV.*pip install 'fer_tf\[imagenet\]'"):
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
