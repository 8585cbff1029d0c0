"""EfficientNet: images to one feature map."""

from __future__ import annotations

import math
from functools import partial

from fer_tf.layers.pointwise import silu
from fer_tf.models.heads import pooled_head
from fer_tf.models.inverted_residual import inverted_residual, same_conv
from fer_tf.models.network import Network
from fer_tf.tasks import TASKS

_STAGES = (
    # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Of EfficientNet-B0, table 1."""


def efficientnet(
    images,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    drop_path: float = 0.2,
    dtype: str | None = None,
    seed: int | None = None,
) -> list:
    """Build EfficientNet's features on `images` (Tan and Le, ICML 2019, section 4).

    This is the authors' network, which `keras.applications` has, too, without its scaling of
    pixels. torchvision's has the same weights, but pads strided convolutions evenly, and its
    normalisation adds 1e-5 to the variance instead of 1e-3.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        width: factor of the channels, which are rounded to multiples of 8.
        depth: factor of the number of blocks of a stage, which is rounded up.
        drop_path: rate that the blocks' rates rise to, from 0 at the first.
        dtype: Keras dtype policy of the layers.
        seed: of the drop paths.

    Returns:
        One map [n, ceil(h / 32), ceil(w / 32), 1280 * width].
    """
    x = same_conv(images, _rounded(32 * width), 3, 2, activation=silu, dtype=dtype, name="stem")
    depths = [math.ceil(depth * blocks) for blocks, *_ in _STAGES]
    block = 0
    for stage, (_, kernel, stride, expansion, channels) in enumerate(_STAGES, start=1):
        for i in range(depths[stage - 1]):
            x = inverted_residual(
                x,
                _rounded(channels * width),
                expanded=expansion * x.shape[-1],
                kernel=kernel,
                stride=stride if i == 0 else 1,
                squeezed=max(1, x.shape[-1] // 4),
                activation=silu,
                gate="sigmoid",
                squeeze_activation=silu,
                drop_path=drop_path * block / sum(depths),
                seed=None if seed is None else seed + block,
                dtype=dtype,
                name=f"stage{stage}_block{i + 1}",
            )
            block += 1
    return [same_conv(x, _rounded(1280 * width), 1, activation=silu, dtype=dtype, name="top")]


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not below nine tenths of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


_PAPER = "Tan and Le, ICML 2019"

NETWORKS: dict[str, Network] = {
    # The source starts from ImageNet weights with a new first layer; here that, too, has theirs,
    # summed over the channels.
    "efficientnet_b0_gray": Network(
        family=efficientnet,
        head=pooled_head,
        parameters=4_015_939,
        multiply_adds=22_428_752,
        source=f"study S1; {_PAPER}, with one grey channel",
        input_shape=(48, 48, 1),
        imagenet="EfficientNetB0",
    ),
    # The source's values come from a linear layer; here, as everywhere, by tanh. Its text says that
    # its networks start from ImageNet weights, its table that they do not.
    "efficientnet_b0_va": Network(
        family=efficientnet,
        head=pooled_head,
        parameters=4_020_358,
        multiply_adds=384_547_552,
        source=f"study S2; {_PAPER}",
        task=TASKS["affectnet8"],
        imagenet="EfficientNetB0",
    ),
    "efficientnet_b3": Network(
        family=efficientnet,
        head=partial(pooled_head, dropout=0.3),
        parameters=10_706_991,
        multiply_adds=53_924_576,
        source=f"study S4; {_PAPER}",
        arguments={"width": 1.2, "depth": 1.4},
        input_shape=(40, 40, 3),
        imagenet="EfficientNetB3",
    ),
}
