"""Deep attentive centre loss (DACL): a ResNet18, and what decides which features count.

Farzaneh and Qi, "Facial Expression Recognition in the Wild via Deep Attentive Center Loss",
WACV 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from fer_tf.layers.combining import AttendedFeatures, PairwiseSoftmax
from fer_tf.layers.shared_query import SharedQueryAttention
from fer_tf.layers.tokens import Tokens
from fer_tf.models.heads import answers, mean_token_head
from fer_tf.models.network import Network
from fer_tf.models.resnet import residual_stages

EPSILON = 1e-5


def attentive_head(
    maps: list,
    *,
    classes: int,
    values: int = 0,
    hidden: Sequence[int] = (3584, 512, 64),
    dtype: str | None = None,
):
    """Average the last map and classify; beside it, the attention that the training needs.

    The attention network sees the flattened map, so that it is built for one size (section 3):
    dense layers, each with batch normalisation, ReLU, behind the last of them tanh; then two
    numbers for each feature, of whose softmax the second is how much the feature counts in the
    sparse centre loss (`fer_tf.training.centre_loss`). The answers don't depend on it.

    Args:
        maps: KerasTensors [n, h_i, w_i, c_i]; the last one is used.
        classes: number of classes.
        values: number of continuous values.
        hidden: units of the attention network's layers.
        dtype: Keras dtype policy of the attention network; what is left is float32.

    Returns:
        As `fer_tf.models.heads.answers`.
    """
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps[-1])
    x = keras.layers.Flatten(dtype=dtype, name="attention_flat")(maps[-1])
    for i, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(
            units, kernel_initializer="he_normal", dtype=dtype, name=f"attention{i}"
        )(x)
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=EPSILON, dtype=dtype, name=f"attention{i}_norm"
        )(x)
        activation = "relu" if i < len(hidden) else "tanh"
        x = keras.layers.Activation(activation, dtype=dtype, name=f"attention{i}_{activation}")(x)
    pairs = keras.layers.Dense(2 * features.shape[-1], dtype="float32", name="attention_pairs")(x)
    attention = PairwiseSoftmax(dtype="float32", name="attention")(pairs)
    attended = AttendedFeatures(dtype="float32", name="attended")([features, attention])
    return answers(attended, classes, values)


def pooled_self_attention(
    images,
    *,
    widths: Sequence[int],
    depths: Sequence[int],
    query: int = 64,
    dtype: str | None = None,
) -> list:
    """Build S3's lighter DACL on `images`: a ResNet18 and self-attention over its pooled map.

    The source attends to one place, the mean over all: a softmax over one number is 1, so that
    the layer computes x + V x whatever its queries are, and these get no gradient. There is no
    centre loss. Its name is all that it has of the paper, which `attentive_head` builds.

    Args:
        images: KerasTensor [n, h, w, c], already scaled.
        widths: channels of each stage.
        depths: blocks of each stage.
        query: channels of the queries, which are the keys, too.
        dtype: Keras dtype policy of the layers.

    Returns:
        One row of one token, [n, 1, widths[-1]].
    """
    x = residual_stages(
        images, widths=widths, depths=depths, stem="imagenet", epsilon=EPSILON, dtype=dtype
    )[-1]
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, dtype=dtype, name="pool")(x)
    x = Tokens(dtype=dtype, name="tokens")(x)
    return [SharedQueryAttention(query, dtype=dtype, name="attention")(x)]


RESNET18 = {"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)}

NETWORKS: dict[str, Network] = {
    "dacl": Network(
        family=residual_stages,
        head=attentive_head,
        # The 3,584 numbers of the centres are not among them: the training alone has them.
        parameters=103_042_311,
        # 91.8 million of them are those of the attention, which exports leave out.
        multiply_adds=1_905_413_632,
        source="Farzaneh and Qi, WACV 2021",
        arguments={**RESNET18, "stem": "imagenet", "epsilon": EPSILON},
        any_size=False,
        centre_loss=0.01,
    ),
    "dacl_lite": Network(
        family=pooled_self_attention,
        head=mean_token_head,
        parameters=11_469_319,
        multiply_adds=1_735_184_448,
        source="study S3; after its DACL, which has no centre loss",
        arguments=RESNET18,
        input_shape=(224, 224, 1),
        pixel_scale=(1 / 255, 0.0),
    ),
}
