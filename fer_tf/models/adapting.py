"""A Keras network of any make as the package uses it: from RGB pixels to finite logits."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from fer_tf.errors import FerError, reason
from fer_tf.models.checks import are_probabilities, check_finite

_SIDE = 224  # pixels, where a network takes any
_TINY = 1e-30  # stands for a probability of 0, whose logarithm is infinite


def adapted(model: keras.Model, path: Path) -> keras.Model:
    """The network with colour in and logits out, after it has answered for two pictures of noise.

    A network for grey images gets its three equal channels made one, and one that ends in softmax
    is freed of it, or its probabilities become their logarithms, of which softmax makes the same
    probabilities again. A network with other inputs or outputs than an image and one row of
    numbers is returned as it is.

    Args:
        model: from float32 pixels in [0, 255], [n, h, w, 1 or 3], to logits or probabilities
            [n, classes].
        path: of its file, for the sentence.

    Raises:
        FerError: it has no known input, can't be run, or answers NaN or infinity.
    """
    try:
        image, answer = model.input_shape, model.output_shape
    except (AttributeError, ValueError):
        raise FerError(f"{path}: says of no input what it takes: expected images") from None
    if not (isinstance(image, tuple) and isinstance(answer, tuple)):
        return model
    if len(image) != 4 or len(answer) != 2 or image[-1] not in (1, 3):
        return model
    if image[-1] == 1:
        model = _for_colour(model)
    sides = [side or _SIDE for side in image[1:3]]
    noise = np.random.default_rng(0).uniform(0, 255, (2, *sides, 3)).astype(np.float32)
    try:
        answers = keras.ops.convert_to_numpy(model(noise, training=False))
    except Exception as error:
        raise FerError(f"{path}: can't be run: {reason(error)}") from None
    check_finite(answers, path)
    return _to_logits(model) if are_probabilities(answers) else model


def _for_colour(model: keras.Model) -> keras.Model:
    """For three equal channels, the grey network's answers."""
    images = keras.Input((*model.input_shape[1:3], 3), name="images")
    return keras.Model(images, model(keras.ops.mean(images, axis=-1, keepdims=True)))


def _to_logits(model: keras.Model) -> keras.Model:
    last = model
    while isinstance(last, keras.Model):
        last = last.outputs[0]._keras_history.operation
    if getattr(last, "activation", None) is keras.activations.softmax:
        last.activation = keras.activations.linear
        return model
    logits = keras.ops.log(keras.ops.maximum(model.outputs[0], _TINY))
    return keras.Model(model.inputs[0], logits, name=model.name)
