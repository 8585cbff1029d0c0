"""YuNet as TFLite files: bytes of a picture in, its faces out, for phones and browsers.

The weights are those of the file that `fer_tf.vision` uses. Decoding and the suppression of double
finds are in the graph, so that a client has nothing to do but to read the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

import fer_tf
from fer_tf.detecting import MIN_SCORE
from fer_tf.exporting.formats import Size, words
from fer_tf.exporting.tflite_metadata import describe
from fer_tf.exporting.tflite_model import delegate_input, sign
from fer_tf.files import write_beside
from fer_tf.models.face_detector import COLUMNS, face_detector
from fer_tf.quiet import quiet
from fer_tf.vision.detectors.yunet import FILE, OVERLAP, brought_file

SIDES = (320, 640)
"""Pixels of the squares that the files take: for a camera's frames, and for photos."""

MOST = 100
"""Faces at most."""

FOLDER, LICENCE = "face_detector", "LICENSE.txt"


def write_face_detector(folder: Path) -> None:
    """Write `FOLDER` into a folder: a file for each of `SIDES`, and their licence.

    Raises:
        FerError: YuNet's file is missing or altered.
        OSError: a file can't be written.
    """
    content: dict[str, bytes | str] = {
        path_in_export(side): face_detector_tflite((side, side)) for side in SIDES
    }
    content[f"{FOLDER}/{LICENCE}"] = licence()
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, what in content.items():
        write_beside(folder / name, what)


def path_in_export(side: int) -> str:
    """Where the file for `side` pixels lies in the folder of the networks or of the page."""
    return f"{FOLDER}/face_detector_{side}.tflite"


def licence() -> str:
    """Whose the weights are, and the terms that go with every copy of them."""
    return (files("fer_tf.exporting") / "detector_files" / LICENCE).read_text("utf-8")


@cache
def face_detector_tflite(size: Size) -> bytes:
    """The detector for pictures of one size, as a TFLite file in float32.

    From "image", uint8 RGB [1, height, width, 3], to "faces", float32 [`MOST`, 15]: a face a row,
    best first, with the columns of `fer_tf.models.face_detector.COLUMNS` in pixels of the picture.
    Scores are `fer_tf.detecting.MIN_SCORE` or more; rows after the last face are all 0. The
    file's metadata hold the licence.

    Args:
        size: (height, width) in pixels.

    Raises:
        FerError: YuNet's file is missing or altered.
    """
    graph = _function(size).get_concrete_function()
    # As constants: with variables the converter takes four times as long.
    constant = convert_variables_to_constants_v2(graph)
    with quiet():
        content = tf.lite.TFLiteConverter.from_concrete_functions([constant]).convert()
    about = {
        "name": f"fer_tf face detector {words(size)}",
        "description": f"YuNet: the weights of OpenCV Zoo's {FILE}, with decoding and suppression "
        "of double finds. Faces, a row each: left, top, width, height, x and y of right eye, left "
        "eye, nose and corners of the mouth, score.",
        "version": fer_tf.__version__,
        "license": licence(),
    }
    return describe(delegate_input(sign(content, (b"faces",))), about)


def _function(size: Size) -> tf.types.experimental.PolymorphicFunction:
    model = face_detector(size, yunet_weights())

    def find(image):
        finds = model(tf.cast(image, tf.float32))[0]
        corners = tf.concat([finds[:, :2], finds[:, :2] + finds[:, 2:4]], axis=1)
        places, count = tf.raw_ops.NonMaxSuppressionV4(
            boxes=corners,
            scores=finds[:, COLUMNS - 1],
            max_output_size=MOST,
            iou_threshold=OVERLAP,
            score_threshold=MIN_SCORE,
            pad_to_max_output_size=True,
        )
        real = tf.range(MOST)[:, None] < count
        return tf.where(real, tf.gather(finds, places), 0.0)

    signature = [tf.TensorSpec([1, *size, 3], tf.uint8, name="image")]
    return tf.function(find, input_signature=signature, autograph=False)


def yunet_weights() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each convolution of YuNet's file, as `face_detector` takes them.

    OpenCV reads the file, as it does to find faces, so that exporting needs no package for it.
    """
    # Its bytes, as OpenCV opens no path with letters beyond the system's code page on Windows.
    network = cv2.dnn.readNetFromONNX(np.fromfile(brought_file(), np.uint8))
    layers = (network.getLayer(network.getLayerId(name)) for name in network.getLayerNames())
    convolutions = [layer.blobs for layer in layers if layer.type == "Convolution"]
    for number, (kernel, bias) in enumerate(convolutions):
        # The file takes OpenCV's blue, green, red.
        yield (kernel[:, ::-1] if number == 0 else kernel), bias.ravel()
