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
from fer_tf.errors import FerError
from fer_tf.files import written_beside
from fer_tf.models.adapting import adapted

CONFIG_LIMIT = 1 << 24
"""Bytes of a .keras file's JSON: 16.8 MB, where the largest network here has 0.3."""

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
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path}: not a model that can be loaded safely: {reason}") from None
    if not isinstance(model, keras.Model):
        raise FerError(f"{path}: holds a {type(model).__name__}, expected a Keras model")
    return adapted(model, path)


def _check_cost(path: Path) -> None:
    """Refuse what would unpack to more memory than a network takes: Keras reads members whole."""
    try:
        with zipfile.ZipFile(path) as archive:
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


def save_model(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a .keras file beside its place, then rename it."""
    path = Path(path)
    try:
        with written_beside(path, ".tmp.keras") as beside:
            model.save(beside)
    except OSError as error:
        raise FerError(f"{path}: the model could not be written, {error.strerror}") from None


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
        reason = error.strerror or error
        raise FerError(f"{path}: the weights could not be written, {reason}") from None


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


def load_into(model: keras.Model, weights: str) -> None:
    """Set a model's weights.

    Args:
        model: built by `create_model`.
        weights: "imagenet", or the path of a .keras or .weights.h5 file of the same network.

    Raises:
        FerError: the file is not there, does not fit or holds NaN; no ImageNet weights to be had.
    """
    if weights == "imagenet":
        from fer_tf.models.imagenet import copy_imagenet_encoder

        copy_imagenet_encoder(model)
        return
    path = Path(weights)
    if not path.is_file():
        raise FerError(f"{weights}: no such weights file, expected .keras, .weights.h5 or imagenet")
    try:
        if path.suffix == ".keras":
            model.set_weights(load_model(path).get_weights())
        else:
            model.load_weights(path)
    except FerError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{weights}: these weights don't fit {model.name}: {reason}") from None
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise FerError(f"{weights}: NaN or infinity is among the weights: expected finite numbers")


def _register_layers() -> None:
    """Import every module whose classes a file may name."""
    for module in pkgutil.iter_modules(layers.__path__):
        importlib.import_module(f"{layers.__name__}.{module.name}")
