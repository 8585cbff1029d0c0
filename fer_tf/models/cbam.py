"""ResNet with the Convolutional Block Attention Module (CBAM) in each block.

Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras

from fer_tf.layers.combining import ChannelStatistics
from fer_tf.layers.pointwise import Projection
from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network
from fer_tf.models.resnet import conv_norm, residual_stages

EPSILON = 1e-5


def cbam_stages(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    reduction: int = 16,
    dtype: str | None = None,
) -> list:
    """Build torchvision's bottleneck ResNet with `cbam` before each addition.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: of each stage's bottlenecks.
        depths: blocks of each stage.
        reduction: of the channel attention's hidden layer.
        dtype: Keras dtype policy of the layers.

    Returns:
        Maps [n, ceil(h / s), ceil(w / s), 4 * widths[i]] for s = 4, 8, 16, ...
    """
    return residual_stages(
        images,
        widths=widths,
        depths=depths,
        bottleneck=True,
        stem="imagenet",
        epsilon=EPSILON,
        before_add=partial(cbam, reduction=reduction, dtype=dtype),
        dtype=dtype,
    )


def cbam(x, *, name: str, reduction: int = 16, dtype: str | None = None):
    """Weigh the channels of a map, then its places (equation 1), [n, h, w, c] to same.

    Channels (equation 2): one network of two dense layers, ReLU between them, sees the mean and the
    largest of each channel; the sigmoid of its two answers' sum is the weight. Places (equation 3):
    a 7x7 convolution without bias over `ChannelStatistics`, normalised, and a sigmoid.

    Args:
        x: KerasTensor [n, h, w, c].
        name: with which the names of its layers begin.
        reduction: c over the units of the hidden layer.
        dtype: Keras dtype policy of the layers.
    """
    channels = x.shape[-1]
    hidden = Projection(
        channels // reduction,
        kernel_initializer="he_normal",
        dtype=dtype,
        name=f"{name}_channel_hidden",
    )
    relu = keras.layers.ReLU(dtype=dtype, name=f"{name}_channel_relu")
    answer = Projection(channels, dtype=dtype, name=f"{name}_channel_answer")
    pooled = [
        keras.layers.GlobalAveragePooling2D(
            keepdims=True, dtype=dtype, name=f"{name}_channel_mean"
        )(x),
        keras.layers.GlobalMaxPooling2D(keepdims=True, dtype=dtype, name=f"{name}_channel_max")(x),
    ]
    both = keras.layers.Add(dtype=dtype, name=f"{name}_channel_sum")(
        [answer(relu(hidden(each))) for each in pooled]
    )
    weight = keras.layers.Activation("sigmoid", dtype=dtype, name=f"{name}_channel_weight")(both)
    x = keras.layers.Multiply(dtype=dtype, name=f"{name}_channel")([x, weight])
    place = ChannelStatistics(dtype=dtype, name=f"{name}_spatial_statistics")(x)
    place = conv_norm(place, 1, 7, epsilon=EPSILON, dtype=dtype, name=f"{name}_spatial_conv")
    weight = keras.layers.Activation("sigmoid", dtype=dtype, name=f"{name}_spatial_weight")(place)
    return keras.layers.Multiply(dtype=dtype, name=f"{name}_spatial")([x, weight])


NETWORKS: dict[str, Network] = {
    "cbam_resnet50": Network(
        family=cbam_stages,
        head=partial(pooled_head, dropout=0.0),
        parameters=26_054_967,
        multiply_adds=4_093_539_446,
        source="Woo et al., ECCV 2018; on faces: Safavi et al., IEEE BSN 2023",
        arguments={"widths": (64, 128, 256, 512), "depths": (3, 4, 6, 3)},
    ),
}
