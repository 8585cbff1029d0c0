"""What the registry knows of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fer_tf.tasks import TASKS, Task


@dataclass(frozen=True)
class Network:
    """A network as a value.

    Attributes:
        family: (images, **arguments) -> feature maps.
        head: (maps, classes=..., values=...) -> `fer_tf.models.heads.answers`, which classify what
            a layer "features" gives.
        parameters: expected number of trainable weights, for its task and input.
        multiply_adds: of one picture of `input_shape`, counted by hand or by PyTorch's tools.
        source: where it was published. S0 to S4 are the five studies of facial expressions whose
            systems the package has.
        arguments: of the family.
        input_shape: the published input, (height, width, channels). One channel is grey: given
            pictures in colour, the network averages their channels.
        pixel_scale: (scale, offset): what the first layer makes of pixels in [0, 255].
        imagenet: whose ImageNet weights fit its features: a network's name in `keras.applications`
            or KerasCV's preset; None where theirs is another network.
        task: what the published network answers; it can be built for any.
        any_size: one set of weights runs at any size; else the network is built for one.
        centre_loss: weight of the sparse centre loss beside the task's loss in its training
            (`fer_tf.training.centre_loss`); above 0, its layer "attended" takes the features and
            their attention.
    """

    family: Callable[..., list]
    head: Callable[..., Any]
    parameters: int
    multiply_adds: int
    source: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, int, int] = (224, 224, 3)
    pixel_scale: tuple[float, float] = (1 / 127.5, -1.0)
    imagenet: str | None = None
    task: Task = TASKS["fer2013"]
    any_size: bool = True
    centre_loss: float = 0.0
