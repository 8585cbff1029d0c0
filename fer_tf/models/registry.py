"""Every network by name: a variant is a row, not code."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import keras

from fer_tf.errors import FerError, reason
from fer_tf.models.heads import fusion_head, pooled_head
from fer_tf.models.mix_transformer import mix_transformer
from fer_tf.models.resnet import residual_stages
from fer_tf.models.saving import go_on_from, load_into
from fer_tf.models.vgg import conv_stages
from fer_tf.shipped import SHIPPED_NETWORK, shipped_weights
from fer_tf.tasks import TASKS, Task


@dataclass(frozen=True)
class Network:
    """A network as a value.

    Attributes:
        family: (images, **arguments) -> feature maps.
        head: (maps, classes=..., values=...) -> `fer_tf.models.heads.answers`.
        parameters: expected number of trainable weights with 7 classes.
        source: where it was published.
        arguments: of the family.
        input_shape: the published input, (height, width, channels).
        pixel_scale: (scale, offset): what the first layer makes of pixels in [0, 255].
    """

    family: Callable[..., list]
    head: Callable[..., Any]
    parameters: int
    source: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, int, int] = (224, 224, 3)
    pixel_scale: tuple[float, float] = (1 / 127.5, -1.0)


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        "mit_b0_fusion": Network(
            family=mix_transformer,
            head=fusion_head,
            parameters=3_452_519,
            source="Safavi, Patel, Vinjamuri, IEEE BSN 2023; MiT-B0: Xie et al., NeurIPS 2021",
            arguments={"dims": (32, 64, 160, 256), "depths": (2, 2, 2, 2)},
        ),
        # A teacher that two CPU cores can train: half the width of its source, a convolution
        # fewer on the largest map, and pooling in place of 4096-4096.
        "vgg_half": Network(
            family=conv_stages,
            head=pooled_head,
            parameters=1_165_735,
            source="after Khaireddin and Chen, 2021, section 3",
            arguments={"widths": (32, 64, 128, 256), "depths": (1, 2, 2, 2)},
            input_shape=(48, 48, 3),
        ),
        # The same, half as wide again.
        "vgg_wide": Network(
            family=conv_stages,
            head=pooled_head,
            parameters=2_619_511,
            source="after Khaireddin and Chen, 2021, section 3",
            arguments={"widths": (48, 96, 192, 384), "depths": (1, 2, 2, 2)},
            input_shape=(48, 48, 3),
        ),
        # The whole width and all the convolutions of its source.
        "vgg_pooled": Network(
            family=conv_stages,
            head=pooled_head,
            parameters=4_690_887,
            source="after Khaireddin and Chen, 2021, section 3",
            arguments={"widths": (64, 128, 256, 512), "depths": (2, 2, 2, 2)},
            input_shape=(48, 48, 3),
        ),
        # For the cheapest phones and browsers: 19.5 million multiply-adds at 48 px.
        "nano": Network(
            family=conv_stages,
            head=pooled_head,
            parameters=244_507,
            source="after Khaireddin and Chen, 2021, section 3",
            arguments={"widths": (12, 28, 56, 120), "depths": (1, 2, 2, 2)},
            input_shape=(48, 48, 3),
        ),
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
)


def list_models() -> list[str]:
    """The names that `create_model` takes."""
    return sorted(NETWORKS)


def create_model(
    name: str,
    *,
    task: Task = TASKS["fer2013"],
    classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    weights: str | None = None,
    dtype: str | None = None,
    **overrides: Any,
) -> keras.Model:
    """Build a network from the registry.

    Args:
        name: one of `list_models()`.
        task: what it answers; the class names are not part of the network.
        classes: width of the logits, where that is not the number of the task's classes.
        input_shape: (height, width, channels); None for the published one. Height and width may
            be None, for any size; the exporters need them known.
        weights: None for random ones, "shipped" for those of the network that ships, "imagenet"
            for KerasCV's `mit_b0_imagenet` encoder (needs the extra "imagenet" and, once, the
            network), or the path of a .keras or .weights.h5 file of ours. Of another task's
            network, the last layers give only the classes and values that both name.
        dtype: Keras dtype policy, such as "mixed_bfloat16"; None for Keras' default.
        overrides: arguments of the family, such as drop_path=0.2 or seed=1.

    Returns:
        A functional model from float32 pixels in [0, 255], [n, height, width, channels], to
        float32 logits [n, classes]; for a task with values, to {"logits": these, "values":
        float32 [n, values] in [-1, 1]}. Scaling the pixels is its first layer.

    Raises:
        FerError: an unknown name or argument, an unusable shape, or weights that do not fit.
    """
    known = family_arguments(name)
    row = NETWORKS[name]
    shape = input_shape or row.input_shape
    sides = [side for side in shape[:2] if side is not None]
    if len(shape) != 3 or any(not isinstance(n, int) or n < 1 for n in (*sides, shape[2])):
        raise FerError(f"input_shape must be (height, width, channels), got {tuple(shape)}")
    classes = len(task.labels) if classes is None else classes
    if classes < 2:
        raise FerError(f"classes must be at least 2, got {classes}")
    for key in overrides:
        if key not in known:
            raise FerError(f"{name} has no argument {key!r}{_nearest(key, known)}")
    scale, offset = (1 / 255, 0.0) if weights == "imagenet" else row.pixel_scale
    images = keras.Input(shape, name="images")
    try:
        x = keras.layers.Rescaling(scale, offset, dtype=dtype, name="scale")(images)
        maps = row.family(x, **{**row.arguments, **overrides}, dtype=dtype)
        answers = row.head(maps, classes=classes, values=len(task.values), dtype=dtype)
    except ValueError as error:
        raise FerError(f"{name} can't be built: {reason(error)}") from error
    model = keras.Model(images, answers, name=name)
    if weights == "shipped":
        if name != SHIPPED_NETWORK:
            raise FerError(f"weights: {SHIPPED_NETWORK} is what ships: expected that as the model")
        source = create_model(name, input_shape=(None, None, 3), weights=str(shipped_weights()))
        go_on_from(source, TASKS["fer2013"], model, task)
    elif weights is not None:
        load_into(model, weights, task)
    return model


def family_arguments(name: str) -> Mapping[str, inspect.Parameter]:
    """What `create_model` takes as overrides for a network of the registry.

    Raises:
        FerError: an unknown name; the nearest one is named.
    """
    if name not in NETWORKS:
        raise FerError(f"unknown model {name!r}{_nearest(name, NETWORKS)}")
    parameters = inspect.signature(NETWORKS[name].family).parameters
    return {key: each for key, each in parameters.items() if key not in ("images", "dtype")}


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f", did you mean {close[0]!r}?" if close else f": expected one of {', '.join(known)}"
