"""SqueezeNet 1.1: images to one feature map."""

from __future__ import annotations

from functools import partial

import keras

from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network
from fer_tf.tasks import TASKS


def squeezenet1_1(images, *, dtype: str | None = None) -> list:
    """Build SqueezeNet 1.1's features on `images`, as torchvision's.

    A fire module squeezes with a 1x1 convolution and expands with 1x1 and 3x3 ones side by side
    (Iandola et al., 2016, "SqueezeNet", section 3.2); 1.1 is the authors' later, cheaper version.

    Args:
        images: KerasTensor [n, h, w, c], already scaled, h and w at least 17.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, h', w', 512], where h' is h, halved four times: (h - 1) // 2, and // 2 three
        times; w' likewise.

    Raises:
        ValueError: an image is too small.
    """
    if any(side is not None and side < 17 for side in images.shape[1:3]):
        raise ValueError(f"needs 17x17 pixels, got {images.shape[1]}x{images.shape[2]}")
    x = _conv(images, 64, 3, dtype, "stem", strides=2)
    for group, squeezed in enumerate(((16, 16), (32, 32), (48, 48, 64, 64)), start=1):
        # One more row and column of zeros is what PyTorch's "ceil mode" comes to behind a ReLU.
        x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), dtype=dtype, name=f"pool{group}_pad")(x)
        x = keras.layers.MaxPooling2D(3, 2, dtype=dtype, name=f"pool{group}")(x)
        for i, width in enumerate(squeezed, start=1):
            x = _fire(x, width, dtype, f"group{group}_fire{i}")
    return [x]


def _fire(x, squeezed: int, dtype: str | None, name: str):
    x = _conv(x, squeezed, 1, dtype, f"{name}_squeeze")
    expanded = [_conv(x, 4 * squeezed, side, dtype, f"{name}_expand{side}") for side in (1, 3)]
    return keras.layers.Concatenate(dtype=dtype, name=f"{name}_expanded")(expanded)


def _conv(x, width: int, kernel: int, dtype: str | None, name: str, strides: int = 1):
    return keras.layers.Conv2D(
        width,
        kernel,
        strides=strides,
        padding="valid" if strides > 1 else "same",
        activation="relu",
        kernel_initializer="he_uniform",
        dtype=dtype,
        name=name,
    )(x)


NETWORKS: dict[str, Network] = {
    # The source has a ReLU behind each answer, which keeps valence from being negative, and
    # averages after it; here the answers are linear, where averaging first is the same, and the
    # values come by tanh. Its count of 1,235,496 is that of 1,000 classes.
    "squeezenet1_1": Network(
        family=squeezenet1_1,
        head=partial(pooled_head, dropout=0.5),
        parameters=727_626,
        multiply_adds=262_629_056,
        source="study S2; Iandola et al., 2016, version 1.1",
        task=TASKS["affectnet8"],
    ),
}
