"""Model files: loading never runs code that a file brings."""

from __future__ import annotations

import importlib
import os
import pkgutil
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from fer_tf import layers
from fer_tf.archives import open_file, open_zip
from fer_tf.errors import FerError, reason
from fer_tf.files import written_beside
from fer_tf.models.adapting import adapted
from fer_tf.tasks import TASKS, Task, canonical, from_json, task_of_classes

CONFIG_LIMIT = 1 << 24
"""Bytes of a .keras file's JSON: 16.8 MB, where the largest network here has 0.3."""

TASK = "task.json"
"""Member of a .keras file that says what the network answers; Keras passes over it."""

UNPACKED_LIMIT = 1 << 32
"""Bytes that a .keras file may unpack to: 4.3 GB."""


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """Load a .keras file.

    One for grey images, or one that ends in softmax, comes as `fer_tf.models.adapting` makes it.

    Args:
        path: the file.

    Returns:
        A model from float32 pixels in [0, 255], [n, h, w, 3], to float32 logits [n, classes].

    Raises:
        FerError: no such file, one that is not a Keras model or would run code of its own, or a
            network that can't be run or answers NaN.
    """
    path = Path(path)
    if not path.is_file():
        raise FerError(f"{path}: no such model file, expected a .keras file")
    if path.name.endswith(".weights.h5"):
        raise FerError(
            f"{path}: holds weights without their network: expected a .keras file, or "
            "fer_tf.create_model(NAME, weights=...) with these"
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise FerError(f"{path}: not a .keras file")
    _check_cost(path)
    _register_layers()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise FerError(f"{path}: not a model that can be loaded safely: {reason(error)}") from None
    if not isinstance(model, keras.Model):
        raise FerError(f"{path}: holds a {type(model).__name__}, expected a Keras model")
    return adapted(model, path)


def _check_cost(path: Path) -> None:
    """Refuse what would unpack to more memory than a network takes: Keras reads members whole."""
    try:
        with open_zip(open_file(str(path))) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise FerError(f"{path}: not a whole .keras file: {error}") from None
    texts = sum(size for name, size in sizes.items() if name.endswith(".json"))
    if texts > CONFIG_LIMIT or sum(sizes.values()) > UNPACKED_LIMIT:
        raise FerError(
            f"{path}: unpacks to {texts / 1e6:,.0f} MB of configuration and "
            f"{sum(sizes.values()) / 1e6:,.0f} MB in all: expected at most "
            f"{CONFIG_LIMIT / 1e6:,.0f} and {UNPACKED_LIMIT / 1e6:,.0f}"
        )


def task_of(path: str | os.PathLike[str], model: keras.Model) -> Task:
    """What a model answers: as its .keras file says, or FER2013's classes where it says nothing.

    Args:
        path: of the file that `model` was loaded from.
        model: as `load_model` returns it.

    Raises:
        FerError: the file holds no sound task, another one than the model answers, or none
            although the model has another number of classes than FER2013.
    """
    outputs = model.output if isinstance(model.output, dict) else {"logits": model.output}
    widths = {name: output.shape[-1] for name, output in outputs.items()}
    text = None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if TASK in archive.namelist():
                text = archive.read(TASK).decode(errors="replace")
    if text is None:
        return task_of_classes(widths.get("logits", 0), path)
    task = from_json(text, source=f"{path}: {TASK}")
    if (len(task.labels), len(task.values)) != (widths.get("logits"), widths.get("values", 0)):
        raise FerError(f"{path}: {TASK} names another number of answers than the network gives")
    return task


def save_model(
    model: keras.Model, path: str | os.PathLike[str], task: Task = TASKS["fer2013"]
) -> None:
    """Write a .keras file that holds its task, too, beside its place, then rename it.

    Raises:
        FerError: it can't be written.
    """
    path = Path(path)
    try:
        with written_beside(path, ".tmp.keras") as beside:
            model.save(beside)
            with zipfile.ZipFile(beside, "a") as archive:
                archive.writestr(TASK, task.to_json())
    except OSError as error:
        why = error.strerror or error
        raise FerError(f"{path}: the model could not be written, {why}") from None


def save_half_weights(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a .weights.h5 file with weights in float16, half the size, which `load_into` takes.

    It appears complete or not at all; `path` ends with ".weights.h5".

    Raises:
        FerError: it can't be written.
    """
    path = Path(path)
    try:
        with written_beside(path) as half, tempfile.TemporaryDirectory() as folder:
            full = Path(folder) / "full.weights.h5"
            model.save_weights(full)
            with h5py.File(full) as source, h5py.File(half, "w") as target:
                _copy_halved(source, target)
    except OSError as error:
        raise FerError(
            f"{path}: the weights could not be written, {error.strerror or error}"
        ) from None


def _copy_halved(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a group of an HDF5 file, its float32 arrays as float16 and packed."""
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, target.create_group(name))
            continue
        array = item[()]
        half = array.astype(np.float16) if array.dtype == np.float32 else array
        packed = {"compression": "gzip", "shuffle": True} if half.ndim else {}
        target.create_dataset(name, data=half, **packed).attrs.update(item.attrs)


def load_into(model: keras.Model, weights: str, task: Task | None = None) -> None:
    """Set a model's weights.

    Args:
        model: built by `create_model`.
        weights: path of a run's folder (its best.keras) or of a .keras or .weights.h5 file, of the
            same network.
        task: of the model. A .keras file of another task gives all but its last layers, and of
            these the classes and values that both name; the others stay as they are.

    Raises:
        FerError: the file is not there, does not fit or holds NaN.
    """
    path = Path(weights)
    if path.is_dir():
        path /= "best.keras"
    if not path.is_file():
        raise FerError(
            f"{path}: no such weights file, expected a run's folder, a .keras or .weights.h5 file, "
            "shipped or imagenet"
        )
    try:
        if path.suffix == ".keras":
            source = load_model(path)
            its_task = task_of(path, source)
            if task is None or its_task.same_answers(task):
                model.set_weights(source.get_weights())
            else:
                go_on_from(source, its_task, model, task)
            copy_scale(source, model)
        else:
            model.load_weights(path)
    except FerError:
        raise
    except Exception as error:
        raise FerError(
            f"{weights}: these weights don't fit {model.name}: {reason(error)}"
        ) from None
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise FerError(f"{weights}: NaN or infinity is among the weights: expected finite numbers")


def go_on_from(source: keras.Model, its_task: Task, model: keras.Model, task: Task) -> None:
    """Set a model's weights to those of the same network for another task.

    Args:
        source: gives all its weights but, of its last layers, those of classes and values that
            `task` does not name.
        its_task: of `source`.
        model: is changed; what `source` can't give stays as it is.
        task: of `model`.
    """
    heads = {"logits": its_task.labels, "values": its_task.values}
    bodies = (
        [layer for layer in each.layers if layer.name not in heads] for each in (source, model)
    )
    for known, layer in zip(*bodies, strict=True):
        layer.set_weights(known.get_weights())
    for name, theirs in heads.items():
        ours = task.labels if name == "logits" else task.values
        if not theirs or not ours:
            continue
        known, layer = source.get_layer(name), model.get_layer(name)
        arrays = layer.get_weights()
        plain = [canonical(each) for each in theirs]
        for i, each in enumerate(map(canonical, ours[: layer.units])):
            if each in plain:
                for array, old in zip(arrays, known.get_weights(), strict=True):
                    array[..., i] = old[..., plain.index(each)]
        layer.set_weights(arrays)


def copy_scale(source: keras.Model, model: keras.Model) -> None:
    """Let a network scale pixels as another one does: ImageNet weights bring a scale of their own.

    Args:
        source: of the same kind as `model`.
        model: built by `create_model`, not called yet.
    """
    for theirs in source.layers:
        if theirs.name == "scale":
            ours = model.get_layer("scale")
            ours.scale, ours.offset = theirs.scale, theirs.offset


def _register_layers() -> None:
    """Import every module whose classes a file may name."""
    for module in pkgutil.iter_modules(layers.__path__):
        importlib.import_module(f"{layers.__name__}.{module.name}")
