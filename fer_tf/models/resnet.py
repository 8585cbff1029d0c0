"""Residual blocks in stages, after ResNet: images to one feature map a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import keras

from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network


@dataclass(frozen=True)
class Stem:
    """What stands before the first stage: a convolution with normalisation and ReLU, and a pool.

    Attributes:
        kernel: side of the convolution.
        stride: of the convolution.
        pool: side of the max-pooling, whose stride is 2; one of 3 is padded by 1 on every side.
        bias: whether the convolution has one, too.
    """

    kernel: int
    stride: int
    pool: int
    bias: bool = False


STEMS = {
    # Of He et al., CVPR 2016, table 1.
    "imagenet": Stem(kernel=7, stride=2, pool=3),
    # For small faces, as theirs for CIFAR-10 (section 4.2), and a pooling.
    "small": Stem(kernel=3, stride=1, pool=2),
    # ImageNet's, its convolution replaced by one with the defaults of PyTorch's layer.
    "biased": Stem(kernel=3, stride=1, pool=3, bias=True),
}


def residual_stages(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    bottleneck: bool = False,
    stem: str = "small",
    epsilon: float = 1e-3,
    before_add: Callable | None = None,
    after_stage: Callable | None = None,
    dtype: str | None = None,
) -> list:
    """Build the stages on `images` and return their maps, finest first.

    A `residual_stem`, then a `residual_stage` for each width; each but the first begins with
    stride 2 (He et al., CVPR 2016, "Deep Residual Learning for Image Recognition"). With the
    stem "imagenet" and epsilon 1e-5 these are the ResNets of torchvision ("v1.5": of a
    bottleneck's convolutions the 3x3 has the stride).

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage; with bottlenecks, a quarter of its map's.
        depths: blocks of each stage.
        bottleneck: whether a block is a bottleneck instead of the basic one.
        stem: one of `STEMS`.
        epsilon: of the normalisations; PyTorch's is 1e-5.
        before_add: as of `residual_block`.
        after_stage: (map, stage=..., name=...) -> map of the same shape, which the next stage
            sees; `stage` counts from 1, `name` is that of the stage.
        dtype: Keras dtype policy of the layers.

    Returns:
        Maps [n, ceil(h' / s), ceil(w' / s), widths[i]] for s = 1, 2, 4, ..., where h' and w' are
        those behind the stem: h // 2 for "small", ceil(h / 4) for "imagenet", ceil(h / 2) for
        "biased"; with bottlenecks of four times as many channels.

    Raises:
        ValueError: sequences of different lengths, or no such stem.
    """
    if len(widths) != len(depths):
        raise ValueError(f"widths and depths must be as long, got {len(widths)} and {len(depths)}")
    x = residual_stem(images, widths[0], stem=stem, epsilon=epsilon, dtype=dtype)
    maps = []
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        x = residual_stage(
            x,
            width,
            depth,
            stride=1 if stage == 1 else 2,
            bottleneck=bottleneck,
            epsilon=epsilon,
            before_add=before_add,
            dtype=dtype,
            name=f"stage{stage}",
        )
        if after_stage is not None:
            x = after_stage(x, stage=stage, name=f"stage{stage}")
        maps.append(x)
    return maps


def residual_stem(images, width: int, *, stem: str, epsilon: float, dtype: str | None):
    """The layers before the first stage.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        width: channels of the result.
        stem, epsilon, dtype: as of `residual_stages`.

    Returns:
        A map [n, h', w', width], sides as `residual_stages` says.

    Raises:
        ValueError: no such stem.
    """
    if stem not in STEMS:
        raise ValueError(f"stem must be one of {', '.join(STEMS)}, got {stem!r}")
    kind = STEMS[stem]
    x = conv_norm(
        images,
        width,
        kind.kernel,
        kind.stride,
        bias=kind.bias,
        epsilon=epsilon,
        dtype=dtype,
        name="stem",
    )
    x = keras.layers.ReLU(dtype=dtype, name="stem_relu")(x)
    if kind.pool == 3:
        # Behind a ReLU the zeros are as good as PyTorch's minus infinity.
        x = keras.layers.ZeroPadding2D(1, dtype=dtype, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling2D(kind.pool, 2, dtype=dtype, name="stem_pool")(x)


def residual_stage(
    x,
    width: int,
    depth: int,
    *,
    stride: int,
    name: str,
    bottleneck: bool = False,
    epsilon: float = 1e-3,
    before_add: Callable | None = None,
    dtype: str | None = None,
):
    """A stage: `depth` times a `residual_block`, of which the first has the stride.

    Args:
        x: KerasTensor [n, h, w, c].
        width: of the blocks, as of `residual_block`.
        depth: number of blocks.
        stride: of the first block.
        name: of the stage, with which its layers' names begin.
        bottleneck, epsilon, before_add, dtype: as of `residual_block`.

    Returns:
        A map [n, ceil(h / stride), ceil(w / stride), width, or 4 * width with bottlenecks].
    """
    for block in range(1, depth + 1):
        x = residual_block(
            x,
            width,
            stride=stride if block == 1 else 1,
            bottleneck=bottleneck,
            epsilon=epsilon,
            before_add=before_add,
            dtype=dtype,
            name=f"{name}_block{block}",
        )
    return x


def residual_block(
    x,
    width: int,
    *,
    stride: int,
    name: str,
    bottleneck: bool = False,
    epsilon: float = 1e-3,
    before_add: Callable | None = None,
    dtype: str | None = None,
):
    """A residual block: what went in is added to what its convolutions made of it.

    The basic block has two 3x3 convolutions (He et al., section 3.3), the bottleneck a 1x1, a 3x3
    and a 1x1 one to four times the width (section 4.1); each is without bias and followed by
    batch normalisation, and all but the last by ReLU, which comes after the addition. The first
    3x3 convolution has the stride (in the paper's bottleneck the 1x1 one; torchvision's v1.5). A
    1x1 convolution fits what is added, where its shape differs.

    Args:
        x: KerasTensor [n, h, w, c].
        width: channels of the 3x3 convolutions.
        stride: of the block.
        name: of the block, with which its layers' names begin.
        bottleneck: which of the two.
        epsilon: of the normalisations.
        before_add: (map, name=...) -> map of the same shape, built before the addition, such as
            attention; `name` is that of the block.
        dtype: Keras dtype policy of the layers.

    Returns:
        A map [n, ceil(h / stride), ceil(w / stride), width, or 4 * width of a bottleneck].
    """
    convs = [(width, 3, stride), (width, 3, 1)]
    if bottleneck:
        convs = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
    kept, channels = x, convs[-1][0]
    if stride > 1 or x.shape[-1] != channels:
        kept = conv_norm(
            x, channels, 1, stride, epsilon=epsilon, dtype=dtype, name=f"{name}_shortcut"
        )
    for i, (filters, kernel, step) in enumerate(convs, start=1):
        x = conv_norm(
            x, filters, kernel, step, epsilon=epsilon, dtype=dtype, name=f"{name}_conv{i}"
        )
        if i < len(convs):
            x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu{i}")(x)
    if before_add is not None:
        x = before_add(x, name=name)
    x = keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu{len(convs)}")(x)


def conv_norm(
    x,
    width: int,
    kernel: int,
    stride: int = 1,
    *,
    name: str,
    bias: bool = False,
    epsilon: float = 1e-3,
    scale: str = "ones",
    dtype: str | None = None,
):
    """A convolution and its batch normalisation: [n, h, w, c] to [n, ceil(h / stride), ..., width].

    It is padded by kernel // 2 on every side, as PyTorch's: with stride 2, output pixel i is
    around input pixel 2 i, whatever the kernel and the size.

    Args:
        x: KerasTensor [n, h, w, c].
        width: channels of the result.
        kernel: side of the convolution, odd.
        stride: 1 or 2.
        name: of the convolution; the normalisation's is this with "_norm".
        bias: whether the convolution has one, although the normalisation does.
        epsilon: of the normalisation.
        scale: what its scale begins as, "ones" or "zeros".
        dtype: Keras dtype policy of the layers.
    """
    padding = "same"
    if stride > 1 and kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, dtype=dtype, name=f"{name}_pad")(x)
        padding = "valid"
    x = keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=bias,
        kernel_initializer="he_normal",
        dtype=dtype,
        name=name,
    )(x)
    return keras.layers.BatchNormalization(
        momentum=0.9,
        epsilon=epsilon,
        gamma_initializer=scale,
        dtype=dtype,
        name=f"{name}_norm",
    )(x)


_V1_5 = "He et al., CVPR 2016, as torchvision's v1.5"
_BOTTLENECKS = {
    "widths": (64, 128, 256, 512),
    "bottleneck": True,
    "stem": "imagenet",
    "epsilon": 1e-5,
}

NETWORKS: dict[str, Network] = {
    "resnet18": Network(
        family=residual_stages,
        head=pooled_head,
        parameters=11_172_423,
        multiply_adds=315_411_968,
        source="He et al., CVPR 2016, table 1, with a first layer for small faces",
        arguments={"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # Three quarters of its width: what two CPU cores can train.
    "resnet18_narrow": Network(
        family=residual_stages,
        head=pooled_head,
        parameters=6_287_287,
        multiply_adds=178_166_400,
        source="after He et al., CVPR 2016, table 1",
        arguments={"widths": (48, 96, 192, 384), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    "resnet152": Network(
        family=residual_stages,
        head=partial(pooled_head, dropout=0.0),
        parameters=58_158_151,
        multiply_adds=11_511_592_960,
        source=f"study S0 (Safavi et al., IEEE BSN 2023); {_V1_5}",
        arguments={"depths": (3, 8, 36, 3), **_BOTTLENECKS},
    ),
    "resnet50_gray": Network(
        family=residual_stages,
        head=partial(pooled_head, dropout=0.0),
        parameters=23_516_103,
        multiply_adds=4_008_474_624,
        source=f"study S3; {_V1_5}",
        arguments={"depths": (3, 4, 6, 3), **_BOTTLENECKS},
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
    ),
    # The bias before its first normalisation is the source's: it replaced the layer by one with
    # PyTorch's defaults.
    "resnet50_40": Network(
        family=residual_stages,
        head=partial(pooled_head, dropout=0.0),
        parameters=23_513_607,
        multiply_adds=546_850_816,
        source=f"study S4; {_V1_5}, with a 3x3 stem",
        arguments={"depths": (3, 4, 6, 3), **_BOTTLENECKS, "stem": "biased"},
        input_shape=(40, 40, 1),
    ),
}
