"""One network at one input size, in float32, as a graph of constants: what every format is made of."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as in OpenCV and Pillow."""


def at_size(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """The same network with the same weights for faces of one size only, in float32.

    A known size is what lets the converters fold the shapes into constants.

    Args:
        model: a functional model from pixels in [0, 255], [n, h, w, 3], to logits [n, classes].
        size: (height, width) in pixels.

    Returns:
        A functional model from float32 pixels [n, height, width, 3] to float32 logits.
    """

    def rebuild(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    images = keras.Input((*size, 3), name="images")
    copy = keras.models.clone_model(model, input_tensors=images, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy


def to_luma(pixels):
    """Colour to grey, three equal channels: [n, h, w, 3] to the same; grey stays as it is.

    The network has seen nothing but grey faces, so colour must not reach it. As a multiplication
    by a constant matrix it costs next to nothing, and no converter needs an operation of its own.
    """
    mix = tf.constant([[share] * 3 for share in LUMA], tf.float32)
    return tf.nn.conv2d(pixels, mix[None, None], strides=1, padding="VALID")


def constant_graph(
    model: keras.Model, *, channels: int = 3, batch: int | None = None
) -> tf.types.experimental.ConcreteFunction:
    """The network from uint8 pixels to probabilities, its weights constants of the graph.

    Args:
        model: as `at_size` returns it.
        channels: 3 for RGB (colour is made grey within), 1 for grey.
        batch: number of faces; None for any.

    Returns:
        A function from "image", uint8 [batch, height, width, channels], to a dict with
        "probabilities", float32 [batch, classes].
    """
    height, width = model.input_shape[1:3]

    def answer(image):
        pixels = tf.cast(image, tf.float32)
        pixels = to_luma(pixels) if channels == 3 else tf.repeat(pixels, 3, axis=-1)
        return {"probabilities": tf.nn.softmax(model(pixels, training=False))}

    signature = tf.TensorSpec([batch, height, width, channels], tf.uint8, name="image")
    traced = tf.function(answer, input_signature=[signature], autograph=False)
    return convert_variables_to_constants_v2(traced.get_concrete_function())
