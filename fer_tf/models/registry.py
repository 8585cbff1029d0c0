"""Every network by name: a variant is a row of its family's file, not code."""

from __future__ import annotations

import difflib
import inspect
import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import keras

from fer_tf.errors import FerError, reason
from fer_tf.models import (
    alexnet,
    cbam,
    dacl,
    densenet,
    efficientnet,
    local_attention,
    mix_transformer,
    mobilenet,
    residual_attention,
    residual_masking,
    resnet,
    squeezenet,
    t_net,
    vgg,
)
from fer_tf.models.imagenet import imagenet_scale, load_imagenet
from fer_tf.models.network import Network
from fer_tf.models.saving import go_on_from, load_into
from fer_tf.shipped import SHIPPED, shipped_weights
from fer_tf.tasks import TASKS, Task

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        **mix_transformer.NETWORKS,
        **vgg.NETWORKS,
        **resnet.NETWORKS,
        **residual_attention.NETWORKS,
        **residual_masking.NETWORKS,
        **cbam.NETWORKS,
        **t_net.NETWORKS,
        **local_attention.NETWORKS,
        **dacl.NETWORKS,
        **densenet.NETWORKS,
        **efficientnet.NETWORKS,
        **mobilenet.NETWORKS,
        **squeezenet.NETWORKS,
        **alexnet.NETWORKS,
    }
)


def list_models() -> list[str]:
    """The names that `create_model` takes."""
    return sorted(NETWORKS)


def create_model(
    name: str,
    *,
    task: Task | None = None,
    classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    weights: str | None = None,
    dtype: str | None = None,
    **overrides: Any,
) -> keras.Model:
    """Build a network from the registry.

    Args:
        name: one of `list_models()`.
        task: what it answers; None for what the published one does. The class names are not part of
            the network.
        classes: width of the logits, where that is not the number of the task's classes.
        input_shape: (height, width, channels); None for the published one. Height and width may
            be None, for any size, where the network's row says so; the exporters need them known.
        weights: None for random ones, "shipped" for those of a network that ships, "imagenet"
            for features trained on ImageNet, where the row names them (needs a connection once,
            and for KerasCV's preset the extra "imagenet"), or the path of a run's folder or of a
            .keras or .weights.h5 file of ours. Of another task's network, the last layers give only
            the classes and values that both name. ImageNet weights bring a scale of pixels, which a
            .keras file holds and a .weights.h5 file does not.
        dtype: Keras dtype policy, such as "mixed_bfloat16"; None for Keras' default.
        overrides: arguments of the family or the head, such as drop_path=0.2, seed=1, dropout=0.3.

    Returns:
        A functional model from float32 pixels in [0, 255], [n, height, width, channels], to
        float32 logits [n, classes]; for a task with values, to {"logits": these, "values":
        float32 [n, values] in [-1, 1]}. Scaling the pixels is its first layer.

    Raises:
        FerError: an unknown name or argument, an unusable shape, or weights that do not fit or
            can't be had.
    """
    known = network_arguments(name)
    row = find_network(name)
    task = task or row.task
    shape = input_shape or row.input_shape
    sides = [side for side in shape[:2] if side is not None]
    if len(shape) != 3 or any(not isinstance(n, int) or n < 1 for n in (*sides, shape[2])):
        raise FerError(f"input_shape must be (height, width, channels), got {tuple(shape)}")
    if len(sides) < 2 and not row.any_size:
        raise FerError(f"{name} is built for one size: expected it as input_shape, got {shape}")
    classes = len(task.labels) if classes is None else operator.index(classes)
    if classes < 2:
        raise FerError(f"classes must be at least 2, got {classes}")
    for key in overrides:
        if key not in known:
            raise FerError(f"{name} has no argument {key!r}{_nearest(key, known)}")
    pixel_scale: tuple[Any, Any] = row.pixel_scale
    if weights == "imagenet":
        pixel_scale = imagenet_scale(name, row.imagenet, row.input_shape[2])
    images = keras.Input(shape, name="images")
    try:
        grey = row.input_shape[2] == 1 < shape[2]
        x = keras.ops.mean(images, axis=-1, keepdims=True) if grey else images
        x = keras.layers.Rescaling(*pixel_scale, dtype=dtype, name="scale")(x)
        family = inspect.signature(row.family).parameters
        mine = {key: overrides[key] for key in overrides if key in family}
        others = {key: overrides[key] for key in overrides if key not in family}
        maps = row.family(x, **{**row.arguments, **mine}, dtype=dtype)
        answers = row.head(maps, classes=classes, values=len(task.values), **others, dtype=dtype)
    except ValueError as error:
        raise FerError(f"{name} can't be built: {reason(error)}") from error
    model = keras.Model(images, answers, name=name)
    if weights == "shipped":
        if name not in SHIPPED:
            raise FerError(f"weights: {' and '.join(SHIPPED)} ship, {name} does not")
        weights = str(shipped_weights(name))
        source = create_model(name, input_shape=(None, None, 3), weights=weights)
        try:
            go_on_from(source, TASKS["fer2013"], model, task)
        except ValueError as error:
            raise FerError(
                f"the weights that ship don't fit this {name}: {reason(error)}"
            ) from None
    elif row.imagenet and weights == "imagenet":
        load_imagenet(model, row.imagenet)
    elif weights is not None:
        load_into(model, weights, task)
    return model


def find_network(name: str) -> Network:
    """A network's row in the registry.

    Raises:
        FerError: an unknown name; the nearest one is named.
    """
    if name not in NETWORKS:
        raise FerError(f"unknown model {name!r}{_nearest(name, NETWORKS)}")
    return NETWORKS[name]


def network_arguments(name: str) -> Mapping[str, inspect.Parameter]:
    """What `create_model` takes as overrides for a network: its family's arguments and its head's.

    Raises:
        FerError: an unknown name; the nearest one is named.
    """
    row = find_network(name)
    head, family = (inspect.signature(part).parameters for part in (row.head, row.family))
    own = ("images", "maps", "classes", "values", "dtype")
    return {key: each for key, each in {**head, **family}.items() if key not in own}


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f", did you mean {close[0]!r}?" if close else f": expected one of {', '.join(known)}"
