"""The multiply-adds of the networks that no library has, counted by hand, layer after layer."""

from __future__ import annotations

import pytest

from fer_tf.models.registry import NETWORKS


def conv(side: int, kernel: int, inputs: int, outputs: int) -> int:
    """Of a convolution whose result has `side` times `side` places."""
    return side**2 * kernel**2 * inputs * outputs


def resnet(channels: int, depths: tuple[int, ...], bottleneck: bool = False) -> int:
    """Of torchvision's, without its last layer, at 224 pixels: stages of 56, 28, 14 and 7."""
    total, inputs, before = conv(112, 7, channels, 64), 64, 56
    for stage, depth in enumerate(depths):
        width, side = 64 << stage, 56 >> stage
        outputs = 4 * width if bottleneck else width
        for _ in range(depth):
            if bottleneck:
                total += conv(before, 1, inputs, width) + conv(side, 3, width, width)
                total += conv(side, 1, width, outputs)
            else:
                total += conv(side, 3, inputs, width) + conv(side, 3, width, width)
            total += conv(side, 1, inputs, outputs) if inputs != outputs else 0
            inputs, before = outputs, side
    return total


def encoder(tokens: int, width: int, hidden: int) -> int:
    """Of a block: queries, keys, values and output; their two products; two dense layers."""
    return tokens * (4 * width**2 + 2 * width * hidden) + 2 * tokens**2 * width


def residual_attention() -> int:
    def unit(before: int, side: int, inputs: int, outputs: int) -> int:
        quarter = outputs // 4
        total = conv(before, 1, inputs, quarter) + conv(side, 3, quarter, quarter)
        shortcut = conv(side, 1, inputs, outputs) if inputs != outputs else 0
        return total + conv(side, 1, quarter, outputs) + shortcut

    def hourglass(side: int, width: int, depth: int) -> int:
        half = side // 2
        one = unit(half, half, width, width)
        up_sampling = side * half * half * width + side * side * half * width
        inside = one + hourglass(half, width, depth - 1) if depth else 0
        return 2 * one + inside + up_sampling

    total = conv(112, 7, 3, 64)
    for before, side, inputs, width, depth in (
        (56, 56, 64, 256, 2),
        (56, 28, 256, 512, 1),
        (28, 14, 512, 1024, 0),
    ):
        total += unit(before, side, inputs, width) + 4 * unit(side, side, width, width)
        total += hourglass(side, width, depth) + 2 * conv(side, 1, width, width)
    return total + unit(14, 7, 1024, 2048) + 2 * unit(7, 7, 2048, 2048) + 2048 * 7


def residual_masking() -> int:
    def block(side: int, inputs: int, outputs: int) -> int:
        last = conv(side, 3, outputs, outputs) + conv(side, 1, inputs, outputs)
        return conv(side, 3, inputs, outputs) + last

    total = resnet(3, (3, 4, 6, 3)) + 512 * 7
    for stage in range(4):
        side, width, pools = 56 >> stage, 64 << stage, 3 - stage
        for step in range(pools + 1):
            total += block(side >> step, width << step, width << step + 1)
        for step in range(pools, 0, -1):
            # Each place of the coarse map is multiplied with a 2x2 kernel.
            total += conv(side >> step, 2, width << step + 1, width << step)
            total += block(side >> step - 1, width << step + 1, width << step)
        total += block(side, width << 1, width)
    return total


def cbam() -> int:
    total = resnet(3, (3, 4, 6, 3), bottleneck=True) + 2048 * 7
    for stage, depth in enumerate((3, 4, 6, 3)):
        channels, side = 256 << stage, 56 >> stage
        total += depth * (2 * 2 * channels * (channels // 16) + conv(side, 7, 2, 1))
    return total


def transfer() -> int:
    total, inputs = conv(112, 3, 3, 64), 64
    for side, width, units in ((56, 64, 3), (28, 128, 4), (14, 256, 14)):
        total += conv(2 * side, 3, inputs, width) + conv(side, 3, width, width)
        total += conv(side, 1, inputs, width) if inputs != width else 0
        total += (units - 1) * 2 * conv(side, 3, width, width)
        inputs = width
    total += 2 * (conv(14, 1, 256, 16) + conv(14, 1, 16, 1)) + conv(14, 1, 256, 768)
    return total + 8 * encoder(1 + 14**2, 768, 3 * 768) + 768 * 7


def cnn_transformer() -> int:
    total = conv(224, 3, 1, 48) + conv(112, 3, 48, 96) + conv(56, 3, 96, 160)
    total += 2 * (conv(28, 1, 160, 10) + conv(28, 1, 10, 1)) + conv(28, 3, 1, 160)
    return total + 4 * encoder(28**2, 160, 2 * 160) + 160 * 7


ATTENTION = 7 * 7 * 512 * 3584 + 3584 * 512 + 512 * 64 + 64 * 1024
"""Of DACL's attention network, which the answers don't need."""

COUNTS = {
    "resattnet56": residual_attention(),
    "cbam_resnet50": cbam(),
    "resmaskingnet": residual_masking(),
    "t_net": conv(224, 3, 3, 4)
    + conv(112, 3, 4, 8)
    + conv(56, 3, 8, 16)
    + conv(28, 3, 28, 32)
    + 2 * 800 * 256
    + 256 * (8 + 2),
    "transfer": transfer(),
    "transfer_lite": resnet(1, (2, 2, 2, 2))
    + 2 * conv(7, 3, 512, 2048)
    + 8 * encoder(98, 2048, 2048)
    + 2048 * 7,
    "cnn_transformer": cnn_transformer(),
    "dacl": resnet(3, (2, 2, 2, 2)) + ATTENTION + 512 * 7,
    "dacl_lite": resnet(1, (2, 2, 2, 2)) + 512 * 64 + 512 * 512 + 64 + 512 + 512 * 7,
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_row_says_what_was_counted_by_hand(name):
    assert NETWORKS[name].multiply_adds == COUNTS[name]


def test_resnets_are_counted_as_everybody_counts_them():
    """torchvision states 1.81 and 4.09 billion for its ResNet18 and ResNet50 of 1,000 classes."""
    assert resnet(3, (2, 2, 2, 2)) + 512_000 == pytest.approx(1.814e9, rel=1e-3)
    assert resnet(3, (3, 4, 6, 3), bottleneck=True) + 2_048_000 == pytest.approx(4.089e9, rel=1e-3)
