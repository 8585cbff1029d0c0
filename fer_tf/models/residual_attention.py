"""Residual attention network: a trunk whose maps are weighted by an hourglass beside it.

Wang et al., "Residual Attention Network for Image Classification", CVPR 2017, sections 3.1 and 3.2
and table 2 (Attention-56).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import keras

from fer_tf.layers.upsampling import AlignedUpsampling
from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network
from fer_tf.models.resnet import residual_stem

EPSILON = 1e-5


def residual_attention(
    images, *, widths: Sequence[int], units: int = 3, dtype: str | None = None
) -> list:
    """Build the network on `images` and return its last map.

    A stem as ResNet's; a residual unit and an attention module at each width but the last; then
    `units` residual units at the last width, batch normalisation and ReLU. All residual units are
    pre-activation bottlenecks (He et al., ECCV 2016).

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage, multiples of 4.
        units: residual units of the last stage.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, ceil(h / s), ceil(w / s), widths[-1]], s = 4 * 2 ** (len(widths) - 1).
    """
    x = residual_stem(images, widths[0] // 4, stem="imagenet", epsilon=EPSILON, dtype=dtype)
    for stage, width in enumerate(widths[:-1], start=1):
        x = _unit(x, width, 1 if stage == 1 else 2, dtype, f"stage{stage}_unit")
        depth = len(widths) - 1 - stage
        x = attention_module(x, depth=depth, dtype=dtype, name=f"stage{stage}_attention")
    for unit in range(1, units + 1):
        name = f"stage{len(widths)}_unit{unit}"
        x = _unit(x, widths[-1], 2 if unit == 1 else 1, dtype, name)
    return [_norm_relu(x, dtype, "last")]


def attention_module(x, *, depth: int, name: str, dtype: str | None = None):
    """(1 + M(x)) T(x) between two residual units (section 3.1, equation 3), same shape as `x`.

    p = 1 unit before and after, a trunk T of t = 2 units, and r = 1 unit between the poolings of
    the mask M: the largest of 3x3 at stride 2, `1 + depth` times, with a unit behind each (two
    behind the last), and as many times bilinear up-sampling onto the grid before. At each grid
    but the finest, a unit on the way up follows the addition of a unit on what went down. Two
    1x1 convolutions, each behind normalisation and ReLU, and a sigmoid end the mask.

    A PyTorch version that many use also adds, at every grid, what went down itself, and the trunk
    at the finest; the paper does not.

    Args:
        x: KerasTensor [n, h, w, c].
        depth: of the hourglass: skip connections in it.
        name: with which the names of its layers begin.
        dtype: Keras dtype policy of the layers.
    """
    channels = x.shape[-1]
    unit = partial(_unit, width=channels, stride=1, dtype=dtype)
    x = unit(x, name=f"{name}_before")
    trunk = unit(unit(x, name=f"{name}_trunk1"), name=f"{name}_trunk2")
    mask = _hourglass(x, depth, unit, dtype, f"{name}_grid")
    for i in (1, 2):
        mask = _norm_relu(mask, dtype, f"{name}_mask{i}")
        mask = _conv(mask, channels, 1, 1, dtype, f"{name}_mask{i}")
    mask = keras.layers.Activation("sigmoid", dtype=dtype, name=f"{name}_mask")(mask)
    weighted = keras.layers.Multiply(dtype=dtype, name=f"{name}_weighted")([mask, trunk])
    x = keras.layers.Add(dtype=dtype, name=f"{name}_add")([weighted, trunk])
    return unit(x, name=f"{name}_after")


def _hourglass(x, depth: int, unit: Callable, dtype: str | None, name: str):
    """Down, once more and up again inside where `depth` is left, and up to the grid of `x`."""
    # Two poolings, so that pixel i is around input pixel 2 i at even sides, too: "same" would put
    # all of the border below and to the right there.
    down = keras.layers.MaxPooling2D(3, 1, "same", dtype=dtype, name=f"{name}{depth}_largest")(x)
    down = keras.layers.MaxPooling2D(1, 2, dtype=dtype, name=f"{name}{depth}_pool")(down)
    down = unit(down, name=f"{name}{depth}_down")
    if depth:
        skip = unit(down, name=f"{name}{depth}_skip")
        inner = _hourglass(down, depth - 1, unit, dtype, name)
        down = keras.layers.Add(dtype=dtype, name=f"{name}{depth}_add")([inner, skip])
    down = unit(down, name=f"{name}{depth}_up")
    return AlignedUpsampling(dtype=dtype, name=f"{name}{depth}_upsampling")([down, x])


def _unit(x, width: int, stride: int, dtype: str | None, name: str):
    """A pre-activation bottleneck; the shortcut starts behind the first activation."""
    kept = x
    x = _norm_relu(x, dtype, f"{name}_conv1")
    if stride > 1 or kept.shape[-1] != width:
        kept = _conv(x, width, 1, stride, dtype, f"{name}_shortcut")
    x = _conv(x, width // 4, 1, 1, dtype, f"{name}_conv1")
    x = _norm_relu(x, dtype, f"{name}_conv2")
    x = _conv(x, width // 4, 3, stride, dtype, f"{name}_conv2")
    x = _norm_relu(x, dtype, f"{name}_conv3")
    x = _conv(x, width, 1, 1, dtype, f"{name}_conv3")
    return keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])


def _norm_relu(x, dtype: str | None, name: str):
    norm = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=EPSILON, dtype=dtype, name=f"{name}_norm"
    )
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(norm(x))


def _conv(x, width: int, kernel: int, stride: int, dtype: str | None, name: str):
    """With stride 2, output pixel i is around input pixel 2 i."""
    if kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, dtype=dtype, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        use_bias=False,
        kernel_initializer="he_normal",
        dtype=dtype,
        name=name,
    )(x)


NETWORKS: dict[str, Network] = {
    "resattnet56": Network(
        family=residual_attention,
        head=partial(pooled_head, dropout=0.0),
        parameters=29_776_071,
        multiply_adds=6_318_853_632,
        source="Wang et al., CVPR 2017, Attention-56; on faces: Safavi et al., IEEE BSN 2023",
        arguments={"widths": (256, 512, 1024, 2048)},
    ),
}
