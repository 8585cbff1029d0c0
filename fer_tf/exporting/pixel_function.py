"""One network at one size, in float32, as a function of pixels: what every format is made of."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from fer_tf.errors import FerError
from fer_tf.exporting.folding import can_fold, folded
from fer_tf.models.sizes import rebuilt
from fer_tf.tasks import Task

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as in OpenCV and Pillow."""


def check_network(model: keras.Model, task: Task) -> None:
    """Refuse a network that TensorFlow can't trace, or that gives other answers than a task names.

    Raises:
        FerError: Keras runs on another backend, or the number of classes or of values is another.
    """
    if (backend := keras.backend.backend()) != "tensorflow":
        raise FerError(f"KERAS_BACKEND: found {backend}, expected tensorflow to export with")
    outputs = model.output if isinstance(model.output, dict) else {"logits": model.output}
    widths = [outputs[name].shape[-1] if name in outputs else 0 for name in ("logits", "values")]
    named = [len(task.labels), len(task.values)]
    if widths != named:
        raise FerError(
            f"{model.name}: has {widths[0]} classes and {widths[1]} values: expected as many as "
            f"its task names, {named[0]} and {named[1]}"
        )


def grey_input(model: keras.Model, channels: int) -> keras.Model:
    """The same network, but whatever the colours of a face, it sees their luma.

    That is linear, and so is the first convolution: the shares of the colours go into its
    weights, and grey costs nothing at run time. For grey faces the answers are the same. Before
    a network that begins otherwise, it is computed.

    Args:
        model: as `fer_tf.models.sizes.at_size` returns it.
        channels: of the new input: 3 for RGB, 1 for grey.
    """
    first, *others = model.get_weights() or [np.zeros(0, np.float32)]
    if first.ndim != 4 or first.shape[-2] != 3:
        return _luma_before(model, channels)
    shares = np.asarray(LUMA if channels == 3 else (1.0,), np.float32)
    kernel = first.sum(axis=2, keepdims=True) * shares[:, None]
    return rebuilt(model, (*model.input_shape[1:3], channels), [kernel, *others])


def _luma_before(model: keras.Model, channels: int) -> keras.Model:
    images = keras.Input((*model.input_shape[1:3], channels), name="images")
    mix = np.repeat(np.reshape(LUMA if channels == 3 else (1.0,), (-1, 1)), 3, axis=1)
    return keras.Model(images, model(keras.ops.matmul(images, mix.astype(np.float32))))


def pixel_function(
    model: keras.Model,
    *,
    colour: bool = False,
    channels: int = 3,
    batch: int | None = None,
    face: tuple[int, int] | None = None,
) -> tf.types.experimental.PolymorphicFunction:
    """The network from uint8 pixels to its answers, its weights as variables.

    Args:
        model: as `at_size` returns it.
        colour: it has learnt from faces in colour; else what is RGB is made grey within.
        channels: 3 for RGB, 1 for grey.
        batch: number of faces; None for any.
        face: (height, width) of the faces, which the graph resizes as evaluation does; None for
            those of the network's own size.

    Returns:
        A function from "image", uint8 [batch, height, width, channels], to a dict with
        "probabilities", float32 [batch, classes], and of a network with k values "values",
        float32 [batch, k].
    """
    network = model if colour and channels == 3 else grey_input(model, channels)
    answers = folded(network) if can_fold(network) else network

    size = network.input_shape[1:3]

    def answer(image):
        pixels = tf.cast(image, tf.float32)
        if face not in (None, size):
            pixels = tf.image.resize(pixels, size)
        found = answers(pixels)
        if not isinstance(found, dict):
            return {"probabilities": tf.nn.softmax(found)}
        return {"probabilities": tf.nn.softmax(found["logits"]), "values": found["values"]}

    shape = [batch, *(face or size), channels]
    signature = tf.TensorSpec(shape, tf.uint8, name="image")
    return tf.function(answer, input_signature=[signature], autograph=False)
