"""Plain convolutions in stages, after VGG: images to one feature map a stage."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_tf.models.heads import pooled_head
from fer_tf.models.network import Network


def conv_stages(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    dtype: str | None = None,
) -> list:
    """Build the stages on `images` and return their maps, finest first.

    Each stage is `depth` times a 3x3 convolution, batch normalisation and ReLU, then a 2x2
    max-pooling (Khaireddin and Chen, 2021, "Facial Emotion Recognition: State of the Art
    Performance on FER2013", section 3; Simonyan and Zisserman, 2015). The convolutions have no
    bias: the normalisation has one.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: convolutions of each stage.
        dtype: Keras dtype policy of the layers.

    Returns:
        Maps [n, h // s, w // s, widths[i]] for s = 2, 4, 8, ...

    Raises:
        ValueError: sequences of different lengths.
    """
    if len(widths) != len(depths):
        raise ValueError(f"widths and depths must be as long, got {len(widths)} and {len(depths)}")
    x, maps = images, []
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for conv in range(1, depth + 1):
            name = f"stage{stage}_conv{conv}"
            x = keras.layers.Conv2D(
                width,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                dtype=dtype,
                name=name,
            )(x)
            x = keras.layers.BatchNormalization(momentum=0.9, dtype=dtype, name=f"{name}_norm")(x)
            x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)
        x = keras.layers.MaxPooling2D(dtype=dtype, name=f"stage{stage}_pool")(x)
        maps.append(x)
    return maps


_AFTER = "after Khaireddin and Chen, 2021, section 3"

NETWORKS: dict[str, Network] = {
    # A teacher that two CPU cores can train: half the width of its source, a convolution fewer on
    # the largest map, and pooling in place of 4096-4096.
    "vgg_half": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=1_165_735,
        source=_AFTER,
        arguments={"widths": (32, 64, 128, 256), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # The same, half as wide again.
    "vgg_wide": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=2_619_511,
        source=_AFTER,
        arguments={"widths": (48, 96, 192, 384), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # The whole width and all the convolutions of its source.
    "vgg_pooled": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=4_690_887,
        source=_AFTER,
        arguments={"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # For the cheapest phones and browsers: 19.5 million multiply-adds at 48 px.
    "nano": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=244_507,
        source=_AFTER,
        arguments={"widths": (12, 28, 56, 120), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
}
