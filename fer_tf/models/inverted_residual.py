"""The block of MobileNetV2, V3 and EfficientNet, and the convolution around it."""

from __future__ import annotations

from collections.abc import Callable

import keras

from fer_tf.layers.drop_path import DropPath
from fer_tf.layers.initializers import FanOutNormal

Activation = Callable | str


def inverted_residual(
    x,
    width: int,
    *,
    expanded: int,
    kernel: int,
    stride: int,
    squeezed: int | None,
    activation: Activation,
    gate: Activation,
    squeeze_activation: Activation,
    name: str,
    drop_path: float = 0.0,
    seed: int | None = None,
    dtype: str | None = None,
):
    """Widen, convolve each channel, weigh the channels, narrow, and add what went in.

    Sandler et al., CVPR 2018, "MobileNetV2", section 3.3; the weighing is squeeze and excitation
    (Hu et al., CVPR 2018, section 3), as in MobileNetV3 (Howard et al., ICCV 2019, section 5.3).

    Args:
        x: KerasTensor [n, h, w, c].
        width: channels of the result; where they are those of `x` and the stride is 1, `x` is
            added.
        expanded: channels between; where they are those of `x`, nothing widens it.
        kernel: side of the depthwise convolution.
        stride: of the depthwise convolution.
        squeezed: channels that the weights are computed from; None for no weighing.
        activation: after the first two convolutions.
        gate: makes the weights.
        squeeze_activation: of the squeezed channels.
        name: of the block, with which its layers' names begin.
        drop_path: rate at which a training step leaves the block out for an image.
        seed: of the drop path.
        dtype: Keras dtype policy of the layers.

    Returns:
        A map [n, ceil(h / stride), ceil(w / stride), width].
    """
    kept = x
    if expanded != x.shape[-1]:
        x = same_conv(x, expanded, 1, activation=activation, dtype=dtype, name=f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=FanOutNormal(),
        dtype=dtype,
        name=f"{name}_depthwise",
    )(x)
    x = _norm(x, activation, dtype, f"{name}_depthwise")
    if squeezed is not None:
        weights = keras.layers.GlobalAveragePooling2D(
            keepdims=True, dtype=dtype, name=f"{name}_squeeze"
        )(x)
        for part, channels, function in (
            ("reduce", squeezed, squeeze_activation),
            ("excite", expanded, gate),
        ):
            weights = keras.layers.Conv2D(
                channels,
                1,
                activation=function,
                kernel_initializer=FanOutNormal(),
                dtype=dtype,
                name=f"{name}_{part}",
            )(weights)
        x = keras.layers.Multiply(dtype=dtype, name=f"{name}_weigh")([x, weights])
    x = same_conv(x, width, 1, activation=None, dtype=dtype, name=f"{name}_project")
    if stride > 1 or kept.shape[-1] != width:
        return x
    if drop_path:
        x = DropPath(drop_path, seed=seed, dtype=dtype, name=f"{name}_drop_path")(x)
    return keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])


def same_conv(
    x,
    width: int,
    kernel: int,
    stride: int = 1,
    *,
    activation: Activation | None,
    name: str,
    dtype: str | None = None,
):
    """A convolution without bias, its batch normalisation and an activation.

    It is padded as TensorFlow does ("same"), for which these networks were published: with stride
    2 at an even size nothing stands before the first row, where PyTorch's have zeros there.

    Args:
        x: KerasTensor [n, h, w, c].
        width: channels of the result.
        kernel: side of the convolution.
        stride: of the convolution.
        activation: function or Keras' name; None for none.
        name: of the convolution.
        dtype: Keras dtype policy of the layers.

    Returns:
        A map [n, ceil(h / stride), ceil(w / stride), width].
    """
    x = keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=FanOutNormal(),
        dtype=dtype,
        name=name,
    )(x)
    return _norm(x, activation, dtype, name)


def _norm(x, activation: Activation | None, dtype: str | None, name: str):
    """Keras' epsilon, 1e-3, is that of the published networks."""
    x = keras.layers.BatchNormalization(momentum=0.9, dtype=dtype, name=f"{name}_norm")(x)
    if activation is None:
        return x
    return keras.layers.Activation(activation, dtype=dtype, name=f"{name}_activation")(x)
