"""MobileNetV3-Small: images to one feature map."""

from __future__ import annotations

from functools import partial

from fer_tf.models.heads import separate_head
from fer_tf.models.inverted_residual import inverted_residual, same_conv
from fer_tf.models.network import Network
from fer_tf.tasks import TASKS

_BLOCKS = (
    # kernel, expanded and final channels, squeezed channels, activation, stride
    (3, 16, 16, 8, "relu", 2),
    (3, 72, 24, None, "relu", 2),
    (3, 88, 24, None, "relu", 1),
    (5, 96, 40, 24, "hard_swish", 2),
    (5, 240, 40, 64, "hard_swish", 1),
    (5, 240, 40, 64, "hard_swish", 1),
    (5, 120, 48, 32, "hard_swish", 1),
    (5, 144, 48, 40, "hard_swish", 1),
    (5, 288, 96, 72, "hard_swish", 2),
    (5, 576, 96, 144, "hard_swish", 1),
    (5, 576, 96, 144, "hard_swish", 1),
)
"""Table 2; the squeezed channels are a quarter of the expanded ones, as a multiple of 8."""


def mobilenet_v3_small(images, *, dtype: str | None = None) -> list:
    """Build MobileNetV3-Small's features on `images` (Howard et al., ICCV 2019, table 2).

    This is the authors' network, which `keras.applications` has, too; torchvision's has the same
    weights, but pads strided convolutions evenly.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, ceil(h / 32), ceil(w / 32), 576].
    """
    x = same_conv(images, 16, 3, 2, activation="hard_swish", dtype=dtype, name="stem")
    for i, (kernel, expanded, width, squeezed, activation, stride) in enumerate(_BLOCKS, start=1):
        x = inverted_residual(
            x,
            width,
            expanded=expanded,
            kernel=kernel,
            stride=stride,
            squeezed=squeezed,
            activation=activation,
            gate="hard_sigmoid",
            squeeze_activation="relu",
            dtype=dtype,
            name=f"block{i}",
        )
    return [same_conv(x, 576, 1, activation="hard_swish", dtype=dtype, name="top")]


NETWORKS: dict[str, Network] = {
    # As in `efficientnet_b0_va`, the values come by tanh, and the source's start is not known.
    "mobilenet_v3_small": Network(
        family=mobilenet_v3_small,
        head=partial(separate_head, width=1024, activation="hard_swish", dropout=0.2),
        parameters=2_118_954,
        multiply_adds=56_086_464,
        source="study S2; Howard et al., ICCV 2019",
        task=TASKS["affectnet8"],
        imagenet="MobileNetV3Small",
    ),
}
