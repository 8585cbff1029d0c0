"""Every exported form of the network behind one call: uint8 faces in, answers out.

A runtime is imported when the first file of its kind is opened: a .tflite file needs neither
TensorFlow nor Keras.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from fer_tf.errors import FerError, reason
from fer_tf.runtimes import backends
from fer_tf.runtimes.graph import Base as Runner

Runtime = Literal["litert", "onnxruntime", "openvino", "savedmodel", "keras-eager", "keras-graph"]
SERVABLE = "serving/fer"
"""Where an export folder keeps its SavedModels, one folder a version."""


def open_runner(
    path: str | os.PathLike[str],
    *,
    threads: int = 1,
    runtime: Runtime | None = None,
    size: tuple[int, int] | None = None,
) -> Runner:
    """Open an exported file by its kind.

    Args:
        path: a .tflite, .onnx or .keras file, a SavedModel folder, or a folder of numbered
            SavedModels or an export folder, of which the newest version is taken.
        threads: how many the runtime computes with. TensorFlow takes it only before its first
            operation; later it goes on with those it has.
        runtime: "openvino" for a .tflite or .onnx file, "keras-graph" for a .keras file; None
            for the kind's own: LiteRT, ONNX Runtime, Keras eager, TensorFlow.
        size: (height, width) of the images, for a form that takes any; None for its task's
            faces', or of a .keras file for what it was built for, or 224x224.

    Raises:
        FerError: no such file, a damaged one or one with other inputs or outputs, a size that it
            does not take, a runtime that is not installed or not for this kind.
    """
    path = Path(path)
    if not (path.is_file() or path.is_dir()):  # a FIFO would be waited for
        raise FerError(f"{path}: no such file or folder: expected an exported model")
    if path.is_dir():
        path, kind = newest_version(path), "SavedModel"
    else:
        kind = path.suffix
    openers = KINDS.get(kind)
    if openers is None:
        raise FerError(f"{path}: expected a .tflite, .onnx or .keras file or a SavedModel folder")
    default: str = next(iter(openers))
    chosen = runtime or default
    if chosen not in openers:
        raise FerError(f"{path}: {chosen} runs no such file: expected {' or '.join(openers)}")
    try:
        return openers[chosen](path, threads, size)
    except FerError:
        raise
    except Exception as error:
        raise FerError(f"{path}: {chosen} cannot open this file: {reason(error)}") from None


def newest_version(directory: Path) -> Path:
    """The SavedModel that `directory` is or holds: its highest number, or that of its servable.

    An export folder will do, its folder serving/, and the servable in there.

    Raises:
        FerError: there is none.
    """
    if (directory / "saved_model.pb").is_file():
        return directory
    for place in (directory, directory / SERVABLE, directory / Path(SERVABLE).name):
        files = place.glob("*/saved_model.pb")
        versions = [file.parent for file in files if file.parent.name.isdecimal()]
        if versions:
            return max(versions, key=lambda version: int(version.name))
    raise FerError(
        f"{directory}: holds no SavedModel and no best.keras: expected a run folder, an export "
        "folder with serving/, a servable, or a .tflite, .onnx or .keras file"
    )


Opener = Callable[[Path, int, tuple[int, int] | None], Runner]

KINDS: dict[str, dict[str, Opener]] = {
    ".tflite": {"litert": backends.LiteRT, "openvino": backends.OpenVino},
    ".onnx": {"onnxruntime": backends.OnnxRuntime, "openvino": backends.OpenVino},
    ".keras": {"keras-eager": backends.Keras, "keras-graph": backends.KerasGraph},
    "SavedModel": {"savedmodel": backends.SavedModel},
}
"""What opens each kind of file, (path, threads, size) -> Runner, by the runtime's name; the first
unless asked otherwise. A new kind is a row."""
