"""Our encoder is SegFormer's MiT: two other implementations, made to compute it, agree with ours.

No implementation in the Keras world computes SegFormer's arithmetic as it comes, so each is
corrected here, by setting attributes and by replacing names that its modules see, never its code.

KerasCV 0.9 differs from SegFormer in five things:
  - epsilon 1e-3 instead of 1e-5 in the LayerNorms of the patch embeddings and of the reduced map,
    and instead of 1e-6 in those of the stages: set;
  - tanh GELU instead of the exact one: `ops.nn.gelu` of its module;
  - "same" padding of the patch embeddings instead of patch // 2 on every side: their convolution
    is made "valid" and given the padded map;
  - the tokens are transposed before they are folded to a map, so that channels and positions are
    mixed up: `ops.transpose` of its module leaves the permutation (0, 2, 1) out;
  - and the reduced map is unfolded as if channels came first: `ops.reshape` of its module takes
    the shape [n, c, -1], which it uses for nothing else, as [n, -1, c].

keras-hub 0.32 differs in two: epsilon 1e-5 instead of 1e-6 in the LayerNorms of the stages, and
tanh GELU.
"""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from fer_tf.errors import FerError
from fer_tf.models.imagenet import copy_encoder
from fer_tf.models.registry import create_model

SIZE = 96
DIMS, DEPTHS = (32, 64, 160, 256), (2, 2, 2, 2)
TOLERANCE = 1e-5
"""Of maps whose deviation is 1: rounding makes 2e-6, keras-hub's tanh GELU alone 4e-5."""


def with_names(module, **names):
    """A stand-in for a module with some of its names replaced."""
    return SimpleNamespace(**{**vars(module), **names})


def stage_norms(backbone):
    return [x for x in backbone.layers if isinstance(x, keras.layers.LayerNormalization)]


def kerascv_backbone():
    keras_cv = pytest.importorskip("keras_cv")
    return keras_cv.models.MiTBackbone(
        include_rescaling=True,
        depths=list(DEPTHS),
        embedding_dims=list(DIMS),
        input_shape=(SIZE, SIZE, 3),
    )


def correct_kerascv(backbone, monkeypatch):
    from keras_cv.src.layers import hierarchical_transformer_encoder as blocks
    from keras_cv.src.layers import segformer_multihead_attention as attention

    make_gelu_exact(blocks, monkeypatch)

    def transpose(x, axes):
        return x if list(axes) == [0, 2, 1] else ops.transpose(x, axes)

    def reshape(x, shape):
        unfold = len(shape) == 3 and shape[-1] == -1
        return ops.reshape(x, (shape[0], -1, shape[1]) if unfold else shape)

    names = with_names(attention.ops, transpose=transpose, reshape=reshape)
    monkeypatch.setattr(attention, "ops", names)

    for norm in stage_norms(backbone):
        norm.epsilon = 1e-6
    for layer in backbone.layers:
        if layer.name.startswith("patch_and_embed"):
            layer.norm.epsilon = 1e-5
            pad_symmetrically(layer.proj, layer.patch_size // 2, monkeypatch)
        elif layer.name.startswith("hierarchical_encoder") and layer.attn.sr_ratio > 1:
            layer.attn.norm.epsilon = 1e-5


def make_gelu_exact(module, monkeypatch):
    nn = with_names(module.ops.nn, gelu=lambda x: ops.gelu(x, approximate=False))
    monkeypatch.setattr(module, "ops", with_names(module.ops, nn=nn))


def pad_symmetrically(convolution, pad, monkeypatch):
    call = convolution.call
    convolution.padding = "valid"
    widths = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    monkeypatch.setattr(convolution, "call", lambda x: call(ops.pad(x, widths)))


def hub_backbone():
    keras_hub = pytest.importorskip("keras_hub")
    return keras_hub.models.MiTBackbone(
        layerwise_depths=list(DEPTHS),
        hidden_dims=list(DIMS),
        num_layers=4,
        layerwise_num_heads=[1, 2, 5, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        image_shape=(SIZE, SIZE, 3),
    )


def correct_hub(backbone, monkeypatch):
    from keras_hub.src.models.mit import mit_layers

    make_gelu_exact(mit_layers, monkeypatch)
    for norm in stage_norms(backbone):
        norm.epsilon = 1e-6


REFERENCES = {
    "KerasCV": (kerascv_backbone, correct_kerascv),
    "keras-hub": (hub_backbone, correct_hub),
}


def randomize(backbone, rng):
    """Draw all weights, so that no bias is 0 and no scale is 1."""
    for weight in backbone.weights:
        if weight.name in ("gamma", "beta", "bias"):
            noise = rng.uniform(-0.5, 0.5, weight.shape)
            weight.assign(noise + (weight.name == "gamma"))


def stage_maps(model, outputs, images):
    return [np.asarray(x) for x in keras.Model(model.input, outputs)(images)]


def reference_and_ours(name, monkeypatch):
    """The four maps of a reference, and of our network with its weights."""
    build, make_segformer = REFERENCES[name]
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    backbone = build()
    randomize(backbone, rng)
    make_segformer(backbone, monkeypatch)
    model = create_model("mit_b0_fusion", input_shape=(SIZE, SIZE, 3))
    copy_encoder(backbone, model)
    images = rng.uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    scaled = images if name == "KerasCV" else images / 255
    # The scale that weights="imagenet" has, which KerasCV's backbone applies by itself.
    model.get_layer("scale").scale, model.get_layer("scale").offset = 1 / 255, 0.0
    theirs = [backbone.get_layer(f"output_level_{i}").output for i in range(4)]
    ours = [model.get_layer(f"stage{i}_norm").output for i in range(1, 5)]
    return stage_maps(backbone, theirs, scaled), stage_maps(model, ours, images)


@pytest.mark.parametrize("name", REFERENCES)
def test_all_four_maps_are_segformers(name, monkeypatch):
    theirs, ours = reference_and_ours(name, monkeypatch)
    for stage, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        side = SIZE // (4 * 2**stage)
        assert our.shape == their.shape == (2, side, side, DIMS[stage])
        assert our.std() > 0.1
        np.testing.assert_allclose(our, their, atol=TOLERANCE, rtol=0)


def test_another_encoder_is_refused_and_left_alone():
    backbone = hub_backbone()
    for arguments, reason in (
        ({"dims": (32, 64, 160, 512)}, "shapes|has"),
        ({"depths": (2, 2, 2, 1)}, "stage4_block2"),
        ({"heads": (2, 2, 5, 8)}, "heads"),
    ):
        model = create_model("mit_b0_fusion", input_shape=(64, 64, 3), **arguments)
        before = model.get_weights()
        with pytest.raises(FerError, match=reason):
            copy_encoder(backbone, model)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
