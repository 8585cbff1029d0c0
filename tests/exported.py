"""A small network, and its servable: what the tests of serving share."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np

from fer_tf.data.synthetic import draw
from fer_tf.exporting.serving import write_serving
from fer_tf.models.registry import create_model
from fer_tf.tasks import TASKS
from fer_tf.trained.inference import predict_logits, softmax

SIZE = (40, 56)
"""(height, width) at which the network runs: not square, so that a mix-up shows."""

FACES = draw(np.arange(64) % 7, seed=3)


def network() -> keras.Model:
    """A network of any size with random weights, whose answers differ from face to face.

    The fixture `small_network` must be in use.
    """
    keras.utils.set_random_seed(1)
    model = create_model("short", input_shape=(None, None, 3))
    logits = model.get_layer("logits")
    logits.set_weights([40 * weights for weights in logits.get_weights()])
    return model


def write(model: keras.Model, folder: Path) -> Path:
    """The version folder."""
    return write_serving(model, folder / "serving", size=SIZE, task=TASKS["fer2013"])


def expected(model: keras.Model, faces: np.ndarray = FACES) -> np.ndarray:
    """The network's own probabilities, [n, 7]."""
    return softmax(predict_logits(model, faces, size=SIZE))


def file(picture: np.ndarray, kind: str = ".png") -> bytes:
    """A picture as OpenCV writes it."""
    return cv2.imencode(kind, picture)[1].tobytes()
