"""Residual masking network: a ResNet whose stages are weighted by a U-shaped network each.

Pham, Vu, Tran, "Facial Expression Recognition Using Residual Masking Network", ICPR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras

from fer_tf.layers.combining import SkipConnection
from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network
from fer_tf.models.resnet import conv_norm, residual_stages

EPSILON = 1e-5


def residual_masking(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    dtype: str | None = None,
) -> list:
    """Build torchvision's ResNet of basic blocks with a mask behind each stage: x * (1 + M(x)).

    The mask of the last stage has no pooling, and each before it one more (section III).

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: blocks of each stage.
        dtype: Keras dtype policy of the layers.

    Returns:
        Maps [n, ceil(h / s), ceil(w / s), widths[i]] for s = 4, 8, 16, ...
    """

    def masked(x, *, stage: int, name: str):
        mask = masking_block(x, pools=len(widths) - stage, dtype=dtype, name=f"{name}_mask")
        weighted = keras.layers.Multiply(dtype=dtype, name=f"{name}_masked")([x, mask])
        return keras.layers.Add(dtype=dtype, name=f"{name}_sum")([x, weighted])

    return residual_stages(
        images,
        widths=widths,
        depths=depths,
        stem="imagenet",
        epsilon=EPSILON,
        after_stage=masked,
        dtype=dtype,
    )


def masking_block(x, *, pools: int, name: str, dtype: str | None = None):
    """A U-Net of basic blocks that ends in a softmax over the channels, [n, h, w, c] to same.

    Down: a block to twice the channels, then 2x2 max-pooling, `pools` times; a last block to twice
    the channels. Up: a 2x2 transposed convolution with normalisation and ReLU to half of them, the
    map of that grid beside it, and a block, `pools` times; a last block to c channels. Sides that
    are odd are padded before they are halved, so that any size works; at 224 pixels none is.

    Each block starts as its 1x1 shortcut alone: the normalisation of its last convolution begins
    with scale 0 (Goyal et al., 2017), as in the published code.

    Args:
        x: KerasTensor [n, h, w, c].
        pools: max-poolings on the way down.
        name: with which the names of its layers begin.
        dtype: Keras dtype policy of the layers.
    """
    channels, skips = x.shape[-1], []
    for step in range(1, pools + 1):
        x = _block(x, channels << step, dtype, f"{name}_down{step}")
        skips.append(x)
        x = keras.layers.MaxPooling2D(padding="same", dtype=dtype, name=f"{name}_pool{step}")(x)
    x = _block(x, channels << pools + 1, dtype, f"{name}_bottom")
    for step in range(pools, 0, -1):
        up = keras.layers.Conv2DTranspose(
            channels << step, 2, strides=2, dtype=dtype, name=f"{name}_up{step}"
        )(x)
        up = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=EPSILON, dtype=dtype, name=f"{name}_up{step}_norm"
        )(up)
        up = keras.layers.ReLU(dtype=dtype, name=f"{name}_up{step}_relu")(up)
        x = SkipConnection(dtype=dtype, name=f"{name}_skip{step}")([up, skips[step - 1]])
        x = _block(x, channels << step, dtype, f"{name}_after{step}")
    x = _block(x, channels, dtype, f"{name}_last")
    return keras.layers.Softmax(dtype=dtype, name=f"{name}_softmax")(x)


def _block(x, width: int, dtype: str | None, name: str):
    """The basic block, always with a 1x1 shortcut, and with a last scale that starts at 0."""
    kept = conv_norm(x, width, 1, epsilon=EPSILON, dtype=dtype, name=f"{name}_shortcut")
    x = conv_norm(x, width, 3, epsilon=EPSILON, dtype=dtype, name=f"{name}_conv1")
    x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu1")(x)
    x = conv_norm(x, width, 3, epsilon=EPSILON, scale="zeros", dtype=dtype, name=f"{name}_conv2")
    x = keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu2")(x)


NETWORKS: dict[str, Network] = {
    # Its authors state 142.9 million: each shortcut of the masks is counted twice there, because it
    # is known under two names.
    "resmaskingnet": Network(
        family=residual_masking,
        head=partial(pooled_head, dropout=0.4),
        parameters=137_796_423,
        multiply_adds=21_903_232_512,
        source="Pham, Vu, Tran, ICPR 2020",
        arguments={"widths": (64, 128, 256, 512), "depths": (3, 4, 6, 3)},
    ),
}
