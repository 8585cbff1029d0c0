"""Plain convolutions in stages, after VGG: images to one feature map a stage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras

from fer_tf.models.heads import dense_head, pooled_head
from fer_tf.models.network import Network


def conv_stages(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    norm: bool = True,
    bias: bool = False,
    epsilon: float = 1e-3,
    dtype: str | None = None,
) -> list:
    """Build the stages on `images` and return their maps, finest first.

    Each stage is `depth` times a 3x3 convolution, batch normalisation and ReLU, then a 2x2
    max-pooling (Khaireddin and Chen, 2021, "Facial Emotion Recognition: State of the Art
    Performance on FER2013", section 3; Simonyan and Zisserman, 2015, without the normalisation).

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: convolutions of each stage.
        norm: whether the convolutions are normalised.
        bias: whether the convolutions have one; the normalisation has one anyway.
        epsilon: of the normalisation; PyTorch's is 1e-5.
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
                use_bias=bias,
                kernel_initializer="he_normal",
                dtype=dtype,
                name=name,
            )(x)
            if norm:
                x = keras.layers.BatchNormalization(
                    momentum=0.9, epsilon=epsilon, dtype=dtype, name=f"{name}_norm"
                )(x)
            x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)
        x = keras.layers.MaxPooling2D(dtype=dtype, name=f"stage{stage}_pool")(x)
        maps.append(x)
    return maps


_AFTER = "after Khaireddin and Chen, 2021, section 3"
_KHAIREDDIN = {
    "widths": (64, 128, 256, 512),
    "depths": (2, 2, 2, 2),
    "bias": True,
    "epsilon": 1e-5,
}
_KHAIREDDIN_HEAD = partial(dense_head, grid=2, dropouts=(0.0, 0.2, 0.2))

NETWORKS: dict[str, Network] = {
    # A teacher that two CPU cores can train: half the width of its source, a convolution fewer on
    # the largest map, and pooling in place of 4096-4096.
    "vgg_half": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=1_165_735,
        multiply_adds=97_543_936,
        source=_AFTER,
        arguments={"widths": (32, 64, 128, 256), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # The same, half as wide again.
    "vgg_wide": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=2_619_511,
        multiply_adds=217_979_520,
        source=_AFTER,
        arguments={"widths": (48, 96, 192, 384), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # The whole width and all the convolutions of its source.
    "vgg_pooled": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=4_690_887,
        multiply_adds=471_125_504,
        source=_AFTER,
        arguments={"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # For the cheapest phones and browsers: 19.5 million multiply-adds at 48 px.
    "nano": Network(
        family=conv_stages,
        head=pooled_head,
        parameters=244_507,
        multiply_adds=19_492_680,
        source=_AFTER,
        arguments={"widths": (12, 28, 56, 120), "depths": (1, 2, 2, 2)},
        input_shape=(48, 48, 3),
    ),
    # The whole network of its source, for the ten crops of 40x40 pixels.
    "khaireddin_vgg": Network(
        family=conv_stages,
        head=_KHAIREDDIN_HEAD,
        parameters=29_890_759,
        multiply_adds=350_519_296,
        source="study S4; Khaireddin and Chen, 2021, section 3",
        arguments=_KHAIREDDIN,
        input_shape=(40, 40, 1),
        any_size=False,
    ),
    # A quarter of its widths, whose optimisers, schedules and dropout two CPU cores can compare.
    "khaireddin_vgg_quarter": Network(
        family=conv_stages,
        head=partial(_KHAIREDDIN_HEAD, width=1024),
        parameters=1_876_279,
        multiply_adds=22_085_632,
        source="after Khaireddin and Chen, 2021, section 3",
        arguments={**_KHAIREDDIN, "widths": (16, 32, 64, 128)},
        input_shape=(40, 40, 1),
        any_size=False,
    ),
    # The source's slide shows these four stages, while its code is VGG16 with one channel; the
    # slide's classifier is unknown. On 14x14 places it would have 433 million weights: the map is
    # averaged to the grid that Khaireddin and Chen's has at 40 pixels.
    "vggnet_lee": Network(
        family=conv_stages,
        head=_KHAIREDDIN_HEAD,
        parameters=29_890_759,
        multiply_adds=10_227_380_224,
        source="study S3; after Khaireddin and Chen, 2021, section 3",
        arguments=_KHAIREDDIN,
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
        any_size=False,
    ),
    "vgg16": Network(
        family=conv_stages,
        head=partial(dense_head, grid=7, dropouts=(0.0, 0.5, 0.5)),
        parameters=134_288_071,
        multiply_adds=591_167_488,
        source="study S4; Simonyan and Zisserman, 2015, as torchvision's, with one grey channel",
        arguments={
            "widths": (64, 128, 256, 512, 512),
            "depths": (2, 2, 3, 3, 3),
            "norm": False,
            "bias": True,
        },
        input_shape=(40, 40, 1),
        any_size=False,
        imagenet="VGG16",
    ),
}
