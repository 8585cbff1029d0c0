"""Residual blocks in stages, after ResNet: images to one feature map a stage."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network


def residual_stages(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    dtype: str | None = None,
) -> list:
    """Build the stages on `images` and return their maps, finest first.

    Each stage is `depth` times the basic block: two 3x3 convolutions with batch normalisation, and
    what went in added before the last ReLU (He et al., CVPR 2016, "Deep Residual Learning for Image
    Recognition", section 3.3). Each stage but the first begins with stride 2, and with a 1x1
    convolution of what is added. For small faces the first convolution is 3x3 with stride 1, as
    theirs for CIFAR-10 (section 4.2); a 2x2 max-pooling follows it.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: blocks of each stage.
        dtype: Keras dtype policy of the layers.

    Returns:
        Maps [n, ceil(h' / s), ceil(w' / s), widths[i]] for s = 1, 2, 4, ..., where h' = h // 2 and
        w' = w // 2.

    Raises:
        ValueError: sequences of different lengths.
    """
    if len(widths) != len(depths):
        raise ValueError(f"widths and depths must be as long, got {len(widths)} and {len(depths)}")
    x = _conv(images, widths[0], 3, 1, dtype, "stem")
    x = keras.layers.ReLU(dtype=dtype, name="stem_relu")(x)
    x = keras.layers.MaxPooling2D(dtype=dtype, name="stem_pool")(x)
    maps = []
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, width, stride, dtype, f"stage{stage}_block{block}")
        maps.append(x)
    return maps


def _block(x, width: int, stride: int, dtype: str | None, name: str):
    kept = x
    if stride > 1 or x.shape[-1] != width:
        kept = _conv(x, width, 1, stride, dtype, f"{name}_shortcut")
    x = _conv(x, width, 3, stride, dtype, f"{name}_conv1")
    x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu1")(x)
    x = _conv(x, width, 3, 1, dtype, f"{name}_conv2")
    x = keras.layers.Add(dtype=dtype, name=f"{name}_add")([x, kept])
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu2")(x)


def _conv(x, width: int, kernel: int, stride: int, dtype: str | None, name: str):
    """With stride 2, output pixel i is around input pixel 2 i, whatever the kernel and the size."""
    padding = "same"
    if stride > 1 and kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, dtype=dtype, name=f"{name}_pad")(x)
        padding = "valid"
    x = keras.layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        dtype=dtype,
        name=name,
    )(x)
    return keras.layers.BatchNormalization(momentum=0.9, dtype=dtype, name=f"{name}_norm")(x)


NETWORKS: dict[str, Network] = {
    "resnet18": Network(
        family=residual_stages,
        head=pooled_head,
        parameters=11_172_423,
        source="He et al., CVPR 2016, table 1, with a first layer for small faces",
        arguments={"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # Three quarters of its width: what two CPU cores can train.
    "resnet18_narrow": Network(
        family=residual_stages,
        head=pooled_head,
        parameters=6_287_287,
        source="after He et al., CVPR 2016, table 1",
        arguments={"widths": (48, 96, 192, 384), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
}
