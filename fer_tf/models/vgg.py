"""Plain convolutions in stages, after VGG: images to one feature map a stage."""

from __future__ import annotations

from collections.abc import Sequence

import keras


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
