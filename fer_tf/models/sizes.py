"""The size at which a network runs, and the same network for faces of one size only."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from fer_tf.errors import FerError, reason

DEFAULT_SIZE = (224, 224)
"""(height, width) in pixels for a network that takes any size, where nothing says more."""


def fitting_size(
    network: keras.Model, wanted: tuple[int, int] | None, place: object
) -> tuple[int, int]:
    """(height, width) in pixels: as wanted, else what the network was built for, else 224x224.

    Args:
        network: takes [n, height, width, channels], where a side that may be any is None.
        wanted: (height, width), or None.
        place: of its file, for the sentence.

    Raises:
        FerError: the network takes another size only, or none that is so small.
    """
    height, width = network.input_shape[1:3]
    size = wanted or (height or DEFAULT_SIZE[0], width or DEFAULT_SIZE[1])
    if height not in (None, size[0]) or width not in (None, size[1]):
        raise FerError(
            f"{place}: takes faces of {height}x{width} pixels only: expected that as the size, "
            f"found {size[0]}x{size[1]}"
        )
    if None in (height, width):
        check_size(network, size, place)
    return size


def check_size(network: keras.Model, size: tuple[int, int], place: object) -> None:
    """Refuse faces that are too small for a network, of which its poolings would leave nothing.

    Args:
        network: takes [n, height, width, channels], where sides may be any.
        size: (height, width) in pixels.
        place: begins the sentence.

    Raises:
        FerError: they are.
    """
    try:
        network.compute_output_shape((None, *size, network.input_shape[-1]))
    except ValueError as error:
        told = f"can't take faces of {size[0]}x{size[1]} pixels"
        raise FerError(f"{place}: {told}: {reason(error)}") from None


def at_size(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """The same network with the same weights for faces of one size only, in float32.

    A known size is what lets the converters fold the shapes into constants.

    Args:
        model: a functional model from pixels in [0, 255], [n, h, w, 3], to logits [n, classes].
        size: (height, width) in pixels.

    Returns:
        A functional model from float32 pixels [n, height, width, 3] to float32 logits.
    """
    return rebuilt(model, (*size, 3), model.get_weights())


def rebuilt(
    model: keras.Model, shape: tuple[int, int, int], weights: Sequence[np.ndarray]
) -> keras.Model:
    """The same layers in float32 on an input of another shape, with these weights."""

    def again(layer):
        config = layer.get_config()
        if isinstance(layer, keras.Layer):
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    images = keras.Input(shape, name="images")
    copy = keras.models.clone_model(model, input_tensors=images, clone_function=again)
    copy.set_weights(weights)
    return copy
