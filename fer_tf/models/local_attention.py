"""TransFER and two smaller networks after it: convolutions, local attention, a transformer.

Xue, Wang, Guo, "TransFER: Learning Relation-aware Facial Expression Representations with
Transformers", ICCV 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from fer_tf.layers.combining import LargestAttention
from fer_tf.layers.dropping import AttentionDropping, UnscaledDropout
from fer_tf.layers.encoder_block import EncoderBlock
from fer_tf.layers.initializers import DenseNormal
from fer_tf.layers.normalization import LayerNormalization
from fer_tf.layers.tokens import ClassToken, FirstToken, Tokens
from fer_tf.models.heads import answers, mean_token_head
from fer_tf.models.network import Network
from fer_tf.models.resnet import conv_norm, residual_stages

EPSILON = 1e-5


def transfer(
    images,
    *,
    depths: Sequence[int],
    widths: Sequence[int],
    dim: int,
    blocks: int,
    heads: int = 8,
    ratio: int = 3,
    branches: int = 2,
    reduction: int = 16,
    drop_map: float = 0.6,
    drop_head: float = 0.3,
    dtype: str | None = None,
    seed: int | None = None,
) -> list:
    """Build TransFER on `images` and return its tokens (section 3).

    The first stages of ArcFace's IR-50; `branches` LANets, of whose maps the largest value at each
    place multiplies the features (Multi-Attention Dropping takes one away in training); a 1x1
    convolution; a vision transformer with class token and learned positions, whose heads are
    dropped alike (MSAD). The positions make it a network for one size.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        depths: units of each stage of the stem, each of which halves the sides.
        widths: channels of each stage.
        dim: channels of the tokens.
        blocks: of the transformer.
        heads: of each block.
        ratio: of a block's hidden units to `dim`.
        branches: local attentions.
        reduction: of their hidden channels.
        drop_map: probability that an example loses one of the local attentions.
        drop_head: probability that it loses one head of a block.
        dtype: Keras dtype policy of the layers.
        seed: of what is dropped.

    Returns:
        One row of tokens, [n, 1 + h' * w', dim], the class token first.
    """
    x = _ir_stages(images, depths, widths, dtype)
    x = _local_attention(x, branches, reduction, drop_map, dtype, seed)
    x = keras.layers.Conv2D(dim, 1, dtype=dtype, name="projection")(x)
    x = ClassToken(dtype=dtype, name="positions")(Tokens(dtype=dtype, name="tokens")(x))
    how = {"heads": heads, "hidden": ratio * dim, "qkv_bias": False, "drop_head": drop_head}
    x = _encoder(x, blocks, dtype, seed, kernel_initializer=DenseNormal(), **how)
    return [LayerNormalization(epsilon=1e-6, dtype=dtype, name="norm")(x)]


def _encoder(x, blocks: int, dtype: str | None, seed: int | None, **how: Any):
    """So many blocks over tokens, each with a seed of its own."""
    for block in range(1, blocks + 1):
        own = None if seed is None else seed + 10 * block
        x = EncoderBlock(seed=own, dtype=dtype, name=f"block{block}", **how)(x)
    return x


def _local_attention(
    x, branches: int, reduction: int, drop: float, dtype: str | None, seed: int | None
):
    """Multiply a map by the largest of its local attentions, of which one may be dropped."""
    maps = [lanet(x, reduction=reduction, dtype=dtype, name=f"local{i}") for i in range(branches)]
    attention = keras.layers.Concatenate(dtype=dtype, name="local_maps")(maps)
    attention = AttentionDropping(drop, seed=seed, dtype=dtype, name="local_drop")(attention)
    attention = LargestAttention(dtype=dtype, name="local_largest")(attention)
    return keras.layers.Multiply(dtype=dtype, name="local")([x, attention])


def lanet(x, *, name: str, reduction: int = 16, dtype: str | None = None):
    """A local attention map in [0, 1]: two 1x1 convolutions (section 3), [n, h, w, c] to 1.

    Args:
        x: KerasTensor [n, h, w, c].
        name: with which the names of its layers begin.
        reduction: c over the channels between the two.
        dtype: Keras dtype policy of the layers.
    """
    for i, (width, activation) in enumerate(((x.shape[-1] // reduction, "relu"), (1, "sigmoid"))):
        x = keras.layers.Conv2D(
            width, 1, kernel_initializer="he_normal", dtype=dtype, name=f"{name}_conv{i}"
        )(x)
        x = _norm(x, dtype, f"{name}_norm{i}")
        x = keras.layers.Activation(activation, dtype=dtype, name=f"{name}_{activation}")(x)
    return x


def _ir_stages(x, depths: Sequence[int], widths: Sequence[int], dtype: str | None):
    """The input layer and stages of ArcFace's IR networks (Deng et al., CVPR 2019)."""
    x = _norm(_conv(x, widths[0], 1, dtype, "input_conv"), dtype, "input_norm")
    x = _prelu(x, dtype, "input_prelu")
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
        for unit in range(1, depth + 1):
            x = _ir_unit(x, width, 2 if unit == 1 else 1, dtype, f"stage{stage}_unit{unit}")
    return x


def _ir_unit(x, width: int, stride: int, dtype: str | None, name: str):
    """Norm, convolution, PReLU, convolution, norm; the stride is in the second convolution."""
    if x.shape[-1] == width:
        kept = keras.layers.MaxPooling2D(1, stride, dtype=dtype, name=f"{name}_shortcut")(x)
    else:
        kept = keras.layers.Conv2D(
            width,
            1,
            strides=stride,
            use_bias=False,
            dtype=dtype,
            name=f"{name}_shortcut",
        )(x)
        kept = _norm(kept, dtype, f"{name}_shortcut_norm")
    x = _conv(_norm(x, dtype, f"{name}_norm1"), width, 1, dtype, f"{name}_conv1")
    x = _prelu(x, dtype, f"{name}_prelu")
    x = _norm(_conv(x, width, stride, dtype, f"{name}_conv2"), dtype, f"{name}_norm2")
    return keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])


def _conv(x, width: int, stride: int, dtype: str | None, name: str):
    """3x3 without bias; with stride 2, output pixel i is around input pixel 2 i."""
    x = keras.layers.ZeroPadding2D(1, dtype=dtype, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(
        width,
        3,
        strides=stride,
        use_bias=False,
        dtype=dtype,
        name=name,
    )(x)


def _prelu(x, dtype: str | None, name: str):
    """One slope a channel, which begins as PyTorch's does."""
    slope = keras.initializers.Constant(0.25)
    return keras.layers.PReLU(slope, shared_axes=(1, 2), dtype=dtype, name=name)(x)


def _norm(x, dtype: str | None, name: str):
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=EPSILON, dtype=dtype, name=name)(x)


def transfer_lite(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    dim: int,
    blocks: int,
    heads: int = 8,
    hidden: int = 2048,
    drop: float = 0.6,
    dropout: float = 0.1,
    dtype: str | None = None,
    seed: int | None = None,
) -> list:
    """Build S3's lighter TransFER on `images` and return its tokens.

    torchvision's ResNet18; two 3x3 convolutions beside one another, whose maps stand one below the
    other; a post-norm encoder without positions, so that it can't tell places apart. What the
    source calls Multi-Attention Dropping is here what it did: each number of the maps is left out
    with probability `drop` and the others are not scaled, so that what the encoder sees is 1 /
    (1 - drop) times as large after the training as in it. `transfer` does what the paper says.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: blocks of each stage.
        dim: channels of the tokens.
        blocks: of the encoder.
        heads: of each block.
        hidden: units of each block's first dense layer.
        drop: probability that a number of the maps is left out.
        dropout: rate within the blocks.
        dtype: Keras dtype policy of the layers.
        seed: of what is dropped.

    Returns:
        One row of tokens, [n, 2 * h' * w', dim].
    """
    x = residual_stages(
        images, widths=widths, depths=depths, stem="imagenet", epsilon=EPSILON, dtype=dtype
    )[-1]
    maps = []
    for i in range(2):
        conv = keras.layers.Conv2D(
            dim, 3, padding="same", kernel_initializer="he_normal", dtype=dtype, name=f"local{i}"
        )
        drop_seed = None if seed is None else seed + i
        kept = UnscaledDropout(drop, seed=drop_seed, dtype=dtype, name=f"local{i}_drop")
        maps.append(kept(conv(x)))
    x = Tokens(dtype=dtype, name="tokens")(
        keras.layers.Concatenate(axis=1, dtype=dtype, name="local_maps")(maps)
    )
    how = {"heads": heads, "hidden": hidden, "dropout": dropout}
    return [_encoder(x, blocks, dtype, seed, pre_norm=False, epsilon=EPSILON, **how)]


def cnn_transformer(
    images,
    *,
    widths: Sequence[int],
    blocks: int,
    heads: int = 4,
    ratio: int = 2,
    branches: int = 2,
    reduction: int = 16,
    drop_map: float = 0.6,
    drop_head: float = 0.3,
    dtype: str | None = None,
    seed: int | None = None,
) -> list:
    """Build TransFER with a small stem on `images` and return its tokens, at any size.

    S3 lists a "CustomCNN + Transformer" that did not learn: 25.52 % on FER2013, about the share of
    its commonest class. It published neither layers nor code, only that it was TransFER with a
    small network as the stem, so that this one is ours, and what kept the source's from learning
    can only be supposed. If its encoder was that of its other network (`transfer_lite`), it was
    a deep stack of wide post-norm blocks at a rate of 1e-3 without warm-up, known not to train
    (Xiong et al., ICML 2020), behind a stem without trained weights, and without positions.

    Here the stem normalises its batches; the blocks are pre-norm, few and narrow, and their kernels
    begin small (`DenseNormal`); and a depthwise 3x3 convolution tells the places apart, by the
    zeros around the map, where learned positions would fix the size (Chu et al., ICLR 2023,
    "Conditional Positional Encodings for Vision Transformers"). Two epochs at 48 pixels of the
    recipe "scratch" bring it to 47.1 % on PublicTest, 22.2 points above its commonest class.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each 3x3 convolution of the stem, each of which is followed by batch
            normalisation, ReLU and 2x2 max-pooling; the last are those of the tokens.
        blocks: of the transformer.
        heads: of each block.
        ratio: of a block's hidden units to its channels.
        branches, reduction, drop_map, drop_head, dtype, seed: as of `transfer`.

    Returns:
        One row of tokens, [n, h' * w', widths[-1]].
    """
    x = images
    for i, width in enumerate(widths, start=1):
        x = conv_norm(x, width, 3, epsilon=EPSILON, dtype=dtype, name=f"stem{i}")
        x = keras.layers.ReLU(dtype=dtype, name=f"stem{i}_relu")(x)
        x = keras.layers.MaxPooling2D(dtype=dtype, name=f"stem{i}_pool")(x)
    x = _local_attention(x, branches, reduction, drop_map, dtype, seed)
    places = keras.layers.DepthwiseConv2D(3, padding="same", dtype=dtype, name="places")(x)
    x = keras.layers.Add(dtype=dtype, name="placed")([x, places])
    x = Tokens(dtype=dtype, name="tokens")(x)
    how = {"heads": heads, "hidden": ratio * widths[-1], "drop_head": drop_head}
    x = _encoder(x, blocks, dtype, seed, kernel_initializer=DenseNormal(), **how)
    return [LayerNormalization(epsilon=1e-6, dtype=dtype, name="norm")(x)]


def class_token_head(tokens: list, *, classes: int, values: int = 0, dtype: str | None = None):
    """Classify the first token.

    Args:
        tokens: one KerasTensor [n, tokens, d].
        classes: number of classes.
        values: number of continuous values.
        dtype: not used: what is left of the network here is float32.

    Returns:
        As `fer_tf.models.heads.answers`.
    """
    first = FirstToken(dtype="float32", name="features")(tokens[-1])
    return answers(first, classes, values, kernel_initializer=DenseNormal())


NETWORKS: dict[str, Network] = {
    "transfer": Network(
        family=transfer,
        head=class_token_head,
        parameters=65_217_869,
        multiply_adds=15_280_643_456,
        source="Xue, Wang, Guo, ICCV 2021",
        arguments={"depths": (3, 4, 14), "widths": (64, 128, 256), "dim": 768, "blocks": 8},
        input_shape=(112, 112, 3),
        any_size=False,
    ),
    "transfer_lite": Network(
        family=transfer_lite,
        head=mean_token_head,
        parameters=231_553_479,
        multiply_adds=22_704_453_632,
        source="study S3; TransFER with a ResNet18",
        arguments={
            "widths": (64, 128, 256, 512),
            "depths": (2, 2, 2, 2),
            "dim": 2048,
            "blocks": 8,
        },
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
    ),
    "cnn_transformer": Network(
        family=cnn_transformer,
        head=mean_token_head,
        parameters=1_013_325,
        multiply_adds=2_408_088_480,
        source="ours, after study S3, whose CNN with a transformer is unpublished",
        arguments={"widths": (48, 96, 160), "blocks": 4},
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
    ),
}
