"""T_Net: a few small convolutions whose stages are joined, for classes and values."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_tf.layers.adaptive_pooling import AdaptiveAveragePooling
from fer_tf.models.heads import answers
from fer_tf.models.network import Network
from fer_tf.tasks import TASKS


def joined_stages(images, *, widths: Sequence[int], last: int, dtype: str | None = None) -> list:
    """Build the network on `images` and return its last map.

    A stage is a 3x3 convolution with bias, batch normalisation, ReLU and 2x2 max-pooling. The maps
    of all stages are average-pooled to the grid of the last one, concatenated, and go through one
    stage more; what it makes is average-pooled to 5x5.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of the stages that are joined.
        last: channels of the stage behind them.
        dtype: Keras dtype policy of the layers.

    Returns:
        One map [n, 5, 5, last].
    """
    x = images
    maps: list = []
    for stage, width in enumerate(widths, start=1):
        maps = [
            keras.layers.AveragePooling2D(2, dtype=dtype, name=f"join{i}_pool{stage}")(each)
            for i, each in enumerate(maps, start=1)
        ]
        x = _stage(x, width, dtype, f"stage{stage}")
        maps.append(x)
    x = keras.layers.Concatenate(dtype=dtype, name="join")(maps[::-1])
    x = _stage(x, last, dtype, f"stage{len(widths) + 1}")
    return [AdaptiveAveragePooling(5, dtype=dtype, name="pool")(x)]


def _stage(x, width: int, dtype: str | None, name: str):
    x = keras.layers.Conv2D(
        width,
        3,
        padding="same",
        kernel_initializer="he_normal",
        dtype=dtype,
        name=f"{name}_conv",
    )(x)
    x = keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, dtype=dtype, name=f"{name}_norm"
    )(x)
    x = keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)
    return keras.layers.MaxPooling2D(dtype=dtype, name=f"{name}_pool")(x)


def two_heads(maps: list, *, classes: int, values: int = 0, dtype: str | None = None):
    """Flatten the last map; 256 units with normalisation, ReLU and dropout for each kind of answer.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i]; the last one is used.
        classes: number of classes.
        values: number of continuous values.
        dtype: not used: what is left of the network here is float32.

    Returns:
        As `fer_tf.models.heads.answers`.
    """
    features = keras.layers.Flatten(dtype="float32", name="features")(maps[-1])

    def hidden(name: str):
        x = keras.layers.Dense(
            256, kernel_initializer="he_normal", dtype="float32", name=f"{name}_hidden"
        )(features)
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, dtype="float32", name=f"{name}_norm"
        )(x)
        x = keras.layers.ReLU(dtype="float32", name=f"{name}_relu")(x)
        return keras.layers.Dropout(0.5, dtype="float32", name=f"{name}_dropout")(x)

    return answers(
        hidden("logits"), classes, values, for_values=hidden("values") if values else None
    )


NETWORKS: dict[str, Network] = {
    "t_net": Network(
        family=joined_stages,
        head=two_heads,
        parameters=423_498,
        multiply_adds=19_378_688,
        source="study S2; its own network",
        arguments={"widths": (4, 8, 16), "last": 32},
        task=TASKS["affectnet8"],
        any_size=False,
    ),
}
