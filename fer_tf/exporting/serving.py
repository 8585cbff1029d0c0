"""A folder that TensorFlow Serving runs: `write_serving`.

DIR/serving/
  compose.yaml models.config batching.config monitoring.config
  fer/1/   saved_model.pb, variables/, assets/labels.txt, assets/task.json,
           assets.extra/tf_serving_warmup_requests
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf

from fer_tf.data.synthetic import draw
from fer_tf.errors import FerError
from fer_tf.exporting.pixel_function import check_network
from fer_tf.exporting.serving_graph import ANSWERS, servable
from fer_tf.files import write_beside
from fer_tf.models.sizes import at_size
from fer_tf.runtimes.task_files import TASK
from fer_tf.runtimes.tflite_files import LABELS
from fer_tf.tasks import Task

MODEL = "fer"
"""The model's name on the server, and its folder."""

SERVER_FILES = Path(__file__).with_name("serving_files")
"""What the server reads beside the model."""

WARM_FACES = 7
"""Drawn faces in the largest of the warm-up requests."""

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where the server looks for requests to send itself before it answers anyone."""


def write_serving(
    model: keras.Model, directory: Path, *, size: tuple[int, int], task: Task
) -> Path:
    """Write the next version of a model for TensorFlow Serving.

    The version is built under a name that is no number, which a running server passes over, and
    then renamed. The server's own files are written only where they are missing: they may have
    been edited. For the signatures see `fer_tf.exporting.serving_graph.servable`.

    Args:
        model: a functional model from pixels in [0, 255], [n, h, w, 3], to logits [n, classes], or
            to {"logits", "values"}, with a layer "features".
        directory: the folder to write into; made where it is missing.
        size: (height, width) in pixels at which the network runs.
        task: what it answers.

    Returns:
        The new folder: directory/fer/1, or the number after the highest there.

    Raises:
        FerError: as of `check_network`, or the model has no layer "features",
            tensorflow-serving-api is not installed, or the folder can't be written.
    """
    check(model, task)
    versions = directory / MODEL
    new = versions / ".new"
    try:
        versions.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        write_model(at_size(model, size), new, task)
        write_warmup(new / WARM_UP, draw(np.arange(WARM_FACES)))
        write_server_files(directory)
        version = versions / str(next_version(versions))
        os.rename(new, version)
    except (OSError, tf.errors.OpError) as error:
        raise FerError(f"{directory}: the servable cannot be written: {error}") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return version


def check(model: keras.Model, task: Task) -> None:
    """Refuse what can't be served, before any work.

    Raises:
        FerError: as `write_serving`.
    """
    if "features" not in [layer.name for layer in model.layers]:
        raise FerError(f"{model.name}: has no layer 'features': expected one, whose output embeds")
    check_network(model, task)
    if clash := set(ANSWERS) & set(task.values):
        raise FerError(
            f"{model.name}: a value is named {', '.join(clash)}, as an output is already"
        )
    prediction_protos()


def write_model(model: keras.Model, folder: Path, task: Task) -> None:
    """Write the SavedModel of a model of one size."""
    with tempfile.TemporaryDirectory() as place:
        labels_file, task_file = Path(place, LABELS), Path(place, TASK)
        labels_file.write_text("".join(f"{label}\n" for label in task.labels), encoding="utf-8")
        task_file.write_text(task.to_json(), encoding="utf-8")
        assets = {"labels_file": labels_file, "task_file": task_file}
        module, signatures = servable(model, task, assets)
        # Nobody trains a servable, and its gradients would drag the variables in again.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(folder), signatures=signatures, options=options)


def write_warmup(file: Path, faces: np.ndarray) -> None:
    """Write the warm-up requests for faces, uint8 [n, h, w]."""
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in warmup_logs(faces):
            writer.write(log.SerializeToString())


def warmup_logs(faces: np.ndarray) -> Iterator[Any]:
    """PredictionLog records: each signature with one face and with all, each kind of file."""
    predict, log = prediction_protos()
    png, jpeg = ([encoded(face, kind) for face in faces] for kind in (".png", ".jpg"))
    grey = faces[..., None]
    inputs: list[tuple[str, str, Any]] = [
        (signature, "image_bytes", files)
        for signature in ("serving_default", "embed")
        for files in (png[:1], jpeg[:1], png)
    ]
    inputs += [
        ("predict_pixels", "pixels", pixels)
        for pixels in (grey[:1], grey, np.repeat(grey, 3, axis=-1))
    ]
    for signature, name, values in inputs:
        request = predict.PredictRequest()
        request.model_spec.name = MODEL
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        yield log.PredictionLog(predict_log=log.PredictLog(request=request))


def encoded(face: np.ndarray, kind: str) -> bytes:
    """A grey face, uint8 [h, w], as a file; kind is ".png" or ".jpg"."""
    return cv2.imencode(kind, face)[1].tobytes()


def prediction_protos() -> tuple[Any, Any]:
    """The modules predict_pb2 and prediction_log_pb2.

    Raises:
        FerError: tensorflow-serving-api is not installed.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        raise FerError(
            f"tensorflow-serving-api can't be imported ({error}): expected it, for the warm-up "
            "requests of the servable"
        ) from None
    return predict_pb2, prediction_log_pb2


def write_server_files(directory: Path) -> None:
    """Write the files of `SERVER_FILES` that are missing."""
    for source in sorted(SERVER_FILES.iterdir()):
        target = directory / source.name
        if not target.exists():
            write_beside(target, source.read_bytes())


def next_version(versions: Path) -> int:
    """One more than the highest number in a folder, or 1."""
    names = [path.name for path in versions.iterdir()]
    return 1 + max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)
