"""Where the trained network lies that comes with the package."""

from __future__ import annotations

from pathlib import Path

from fer_tf.errors import FerError

FOLDER = Path(__file__).resolve().parents[1] / "saved_models" / "mit_b0_fusion"

SHIPPED_NETWORK = "mit_b0_fusion"
"""Its name in the registry, `fer_tf.list_models()`."""

SHIPPED_SIZE = (64, 64)
"""(height, width) in pixels at which it is best."""


def shipped_model() -> Path:
    """The LiteRT file, int8, of `SHIPPED_SIZE`: what a picture is answered with.

    Raises:
        FerError: it is not there.
    """
    return _existing("int8.tflite")


def shipped_weights() -> Path:
    """The same network's weights, float16, for `fer_tf.create_model`: what explains an answer.

    Raises:
        FerError: they are not there.
    """
    return _existing("float16.weights.h5")


def _existing(name: str) -> Path:
    if not (FOLDER / name).is_file():
        raise FerError(
            f"{FOLDER / name}: the trained network is not there: expected the package installed "
            "whole, or a model given"
        )
    return FOLDER / name
