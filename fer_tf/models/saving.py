"""Model files: loading never runs code that a file brings."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import keras

from fer_tf.errors import FerError


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """Load a .keras file of ours.

    Args:
        path: the file.

    Returns:
        A model from float32 pixels in [0, 255], [n, h, w, 3], to float32 logits [n, classes].

    Raises:
        FerError: no such file, or one that is not a Keras model or would run code of its own.
    """
    path = Path(path)
    if not path.is_file():
        raise FerError(f"{path}: no such model file, expected a .keras file")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise FerError(f"{path}: not a .keras file")
    _register_layers()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path}: not a model that can be loaded safely: {reason}") from None
    if not isinstance(model, keras.Model):
        raise FerError(f"{path}: holds a {type(model).__name__}, expected a Keras model")
    return model


def save_model(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Write a .keras file beside its place, then rename it."""
    path = Path(path)
    beside = path.with_name(f".{path.stem}.tmp.keras")
    try:
        model.save(beside)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FerError(f"{path}: the model could not be written, {error.strerror}") from None


def load_into(model: keras.Model, weights: str) -> None:
    """Set a model's weights.

    Args:
        model: built by `create_model`.
        weights: "imagenet", or the path of a .keras or .weights.h5 file of the same network.

    Raises:
        FerError: the file is not there or does not fit, or ImageNet weights can't be had.
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


def _register_layers() -> None:
    """Import every module whose classes a file may name: the registry uses them all."""
    import fer_tf.models.registry  # noqa: F401
