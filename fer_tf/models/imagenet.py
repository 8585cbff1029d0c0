"""Weights trained on ImageNet: of `keras.applications`, and KerasCV's for the MiT-B0 encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from fer_tf.errors import FerError, reason
from fer_tf.installed import command

PRESET = "mit_b0_imagenet"
DIMS, DEPTHS = (32, 64, 160, 256), (2, 2, 2, 2)

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1] over ImageNet."""

_NORMALISED = (
    [1 / 255 / deviation for deviation in DEVIATION],
    [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)],
)
_SCALES = {
    PRESET: ([1 / 255] * 3, [0.0] * 3),
    "DenseNet121": _NORMALISED,
    "EfficientNetB0": _NORMALISED,
    "EfficientNetB3": _NORMALISED,
    "MobileNetV3Small": ([1 / 127.5] * 3, [-1.0] * 3),
    "VGG16": ([1.0] * 3, [-123.68, -116.779, -103.939]),
}
"""By whose weights: scale and offset of red, green and blue in [0, 255] that they were trained
with. Keras' EfficientNets scale within, where a file's variance is the deviation and a further
layer makes up for it."""

_BLUE_FIRST = {"VGG16"}
"""Those that take blue, green and red."""


Pair = tuple[keras.layers.Layer, list[np.ndarray]]
"""A layer of ours, and the values of its weights."""


def imagenet_scale(name: str, source: str | None, channels: int) -> tuple[list, list]:
    """What the first layer makes of pixels in [0, 255], for ImageNet weights.

    Args:
        name: of the network, for the sentence.
        source: its row's `imagenet`.
        channels: of its first layer; a grey one gets the mean over the three.

    Returns:
        (scale, offset), a number for each channel.

    Raises:
        FerError: there are no such weights for the network.
    """
    if source is None:
        raise FerError(
            f'weights="imagenet": there are none for {name}: what keras.applications has of that '
            "kind, if anything, is another network"
        )
    scale, offset = _SCALES[source]
    if channels == 1:
        return [sum(scale) / 3], [sum(offset) / 3]
    return scale, offset


def load_imagenet(model: keras.Model, source: str) -> None:
    """Set the weights of a network's features to those trained on ImageNet.

    Args:
        model: built by `create_model`, with the first layer that `imagenet_scale` says; its head
            stays as it is.
        source: its row's `imagenet`.

    Raises:
        FerError: the weights can't be had or do not fit.
    """
    if source == PRESET:
        copy_imagenet_encoder(model)
        return
    try:
        network = getattr(keras.applications, source)(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3)
        )
    except Exception as error:
        raise FerError(
            f'weights="imagenet": keras.applications\' {source} could not be downloaded, '
            f"is there a network? ({reason(error)})"
        ) from None
    copy_features(network, model, blue_first=source in _BLUE_FIRST)


def copy_features(source: keras.Model, model: keras.Model, *, blue_first: bool = False) -> None:
    """Copy all weights of a network of `keras.applications` into the same layers of ours.

    A first layer for grey gets the sum of the three channels' kernels.

    Args:
        source: without its top.
        model: built by `create_model` on the same network; untouched on an error.
        blue_first: the source takes blue, green and red.

    Raises:
        FerError: its first layers have other shapes than the source's.
    """
    normalisation = keras.layers.Normalization  # of pixels, ours is the layer "scale"
    theirs = [
        layer.get_weights()
        for layer in source.layers
        if layer.weights and not isinstance(layer, normalisation)
    ]
    ours = [layer for layer in model.layers if layer.weights][: len(theirs)]
    kernel = theirs[0][0]
    if blue_first:
        kernel = kernel[:, :, ::-1]
    if ours[0].kernel.shape[2] == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    theirs[0][0] = kernel
    _set_weights(ours, theirs, f"{model.name}: not a network like {source.name}")


def copy_imagenet_encoder(model: keras.Model) -> None:
    """Set the encoder's weights to those of KerasCV's preset `mit_b0_imagenet`.

    The preset takes pixels / 255 without a mean or deviation, and is downloaded from Kaggle when
    first asked for. Our network then computes SegFormer's arithmetic with these weights, which
    is not KerasCV 0.9's: there the LayerNorms of the embeddings, of the reduced map and of the
    stages have epsilon 1e-3 (SegFormer: 1e-5, 1e-5, 1e-6), GELU is the tanh approximation, the
    embeddings pad as "same" does (0 above and 1 below where SegFormer has 1 and 1), and the map
    to be reduced is read in the wrong order, channels for rows. Everything else is the same
    (tests/models/test_mix_transformer_reference.py shows both).

    Were the weights trained with that arithmetic or ported from SegFormer? KerasCV does not say;
    that it names 69 % top-1 where SegFormer has 70.5 %, and that its maintainers said of earlier
    presets that all were trained by KerasCV (its pull request 906), speak for trained. If so,
    the reduction kernels of the first three stages met another order of the map, and what is
    loaded here is a start for fine-tuning, not that classifier's features.

    Args:
        model: built by `create_model` with MiT-B0's sizes.

    Raises:
        FerError: the model has another encoder, KerasCV is not installed, or the preset could
            not be downloaded.
    """
    _check_is_mit_b0(model)
    try:
        import keras_cv
    except ImportError as error:
        raise FerError(
            'weights="imagenet" needs KerasCV, which can\'t be imported here '
            f"({reason(error)}): {command('imagenet')}"
        ) from None
    try:
        source = keras_cv.models.MiTBackbone.from_preset(PRESET)
    except Exception as error:
        raise FerError(
            f'weights="imagenet": KerasCV\'s {PRESET} could not be downloaded from Kaggle, '
            f"is there a network? ({reason(error)})"
        ) from None
    copy_encoder(source, model)


def copy_encoder(source: keras.Model, model: keras.Model) -> None:
    """Copy all encoder weights of a KerasCV or keras-hub `MiTBackbone` into one of our models.

    Args:
        source: a `MiTBackbone` of the same sizes.
        model: built by `create_model` on the family `mix_transformer`; untouched on an error.

    Raises:
        FerError: the model has other stages, blocks, heads or shapes than the source.
    """
    unlike = f"{model.name}: not an encoder like {source.name}"
    try:
        layers, weights = zip(*_pairs(source, model), strict=True)
    except (ValueError, AttributeError) as error:
        raise FerError(f"{unlike}, {reason(error)}") from None
    _set_weights(layers, weights, unlike)


def _set_weights(
    layers: Sequence[keras.layers.Layer], weights: Sequence[list[np.ndarray]], told: str
) -> None:
    """Set the weights of all layers; of none where one has other shapes.

    Raises:
        FerError: one has; `told` begins the sentence.
    """
    for layer, arrays in zip(layers, weights, strict=True):
        found, expected = [a.shape for a in arrays], [tuple(w.shape) for w in layer.weights]
        if found != expected:
            raise FerError(f"{told}, which has {found} for the weights {expected} of {layer.path}")
    for layer, arrays in zip(layers, weights, strict=True):
        layer.set_weights(arrays)


def _pairs(source: keras.Model, model: keras.Model) -> Iterator[Pair]:
    """Each layer of ours that has weights, with the values for it."""
    norms = [x for x in source.layers if isinstance(x, keras.layers.LayerNormalization)]
    for stage, norm in enumerate(norms):
        theirs = source.get_layer(f"patch_and_embed_{stage}")
        ours = model.get_layer(f"stage{stage + 1}_embedding")
        yield ours.projection, theirs.proj.get_weights()
        yield ours.norm, theirs.norm.get_weights()
        name = f"hierarchical_encoder_{stage}_"
        depth = sum(layer.name.startswith(name) for layer in source.layers)
        for block in range(depth):
            yield from _block_pairs(
                source.get_layer(f"{name}{block}"),
                model.get_layer(f"stage{stage + 1}_block{block + 1}"),
            )
        yield model.get_layer(f"stage{stage + 1}_norm"), norm.get_weights()


def _block_pairs(theirs, ours) -> Iterator[Pair]:
    attention, source = ours.attention, theirs.attn
    if (attention.heads, attention.reduction) != (source.num_heads, source.sr_ratio):
        raise ValueError(
            f"whose {theirs.name} has {source.num_heads} heads and reduction {source.sr_ratio}, "
            f"not {attention.heads} and {attention.reduction}"
        )
    yield ours.attention_norm, theirs.norm1.get_weights()
    yield attention.query, source.q.get_weights()
    key, value = source.k.get_weights(), source.v.get_weights()
    yield (
        attention.key_value,
        [np.concatenate(both, axis=-1) for both in zip(key, value, strict=True)],
    )
    yield attention.output_projection, source.proj.get_weights()
    if source.sr_ratio > 1:
        yield attention.shrink, source.sr.get_weights()
        yield attention.shrink_norm, source.norm.get_weights()
    yield ours.ffn_norm, theirs.norm2.get_weights()
    yield ours.ffn.expand, theirs.mlp.fc1.get_weights()
    yield ours.ffn.depthwise, theirs.mlp.dwconv.get_weights()
    yield ours.ffn.contract, theirs.mlp.fc2.get_weights()


def _check_is_mit_b0(model: keras.Model) -> None:
    """Refuse another encoder before anything is downloaded."""
    names = [layer.name for layer in model.layers]
    dims = tuple(
        layer.gamma.shape[0]
        for layer in model.layers
        if layer.name in {f"stage{stage}_norm" for stage in range(1, 5)}
    )
    depths = tuple(
        sum(name.startswith(f"stage{stage}_block") for name in names) for stage in range(1, 5)
    )
    if (dims, depths) != (DIMS, DEPTHS):
        raise FerError(
            f'weights="imagenet" are those of MiT-B0 with dims {DIMS} and depths {DEPTHS}, '
            f"but {model.name} has dims {dims} and depths {depths}"
        )
