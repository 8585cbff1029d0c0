"""The trained network that comes with the package: where its files lie, and its faces' size."""

from __future__ import annotations

import json
from pathlib import Path

from fer_tf.errors import FerError

SHIPPED_NETWORK = "mit_b0_fusion"
"""Its name in the registry, `fer_tf.list_models()`, and of its folder."""

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "saved_models" / SHIPPED_NETWORK
FOLDER = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "saved_models" / SHIPPED_NETWORK
"""Where its files lie: in the installed package, or beside it in the repository."""

WEIGHTS, LITERT = "float16.weights.h5", "int8.tflite"
LABELS, RECIPE, HISTORY = "labels.txt", "recipe.json", "history.csv"
METRICS, CARD = "metrics.json", "README.md"
FILES = (WEIGHTS, LITERT, LABELS, RECIPE, HISTORY, METRICS, CARD)
"""All that the folder holds; `scripts/ship.py` makes it from a run."""


def shipped_model() -> Path:
    """The LiteRT file, int8, of `shipped_size()`: what a picture is answered with.

    Raises:
        FerError: it is not there.
    """
    return shipped_file(LITERT)


def shipped_weights() -> Path:
    """The same network's weights, float16, for `fer_tf.create_model`: what explains an answer.

    Raises:
        FerError: they are not there.
    """
    return shipped_file(WEIGHTS)


def shipped_size() -> tuple[int, int]:
    """(height, width) in pixels at which it was measured and answers.

    Raises:
        FerError: its metrics are not there, or don't say.
    """
    file = shipped_file(METRICS)
    try:
        height, width = json.loads(file.read_text(encoding="utf-8"))["size"]
    except (ValueError, KeyError, TypeError):
        raise FerError(f"{file}: has no 'size': expected [height, width] in pixels") from None
    return height, width


def shipped_accuracy() -> float:
    """Share of PublicTest that it recognises, in [0, 1].

    Raises:
        FerError: its metrics are not there, or don't say.
    """
    file = shipped_file(METRICS)
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["accuracy"]["value"])
    except (ValueError, KeyError, TypeError):
        raise FerError(f"{file}: has no 'accuracy': expected its 'value' in [0, 1]") from None


def shipped_file(name: str) -> Path:
    """One of `FILES`.

    Raises:
        FerError: it is not there.
    """
    if not (FOLDER / name).is_file():
        raise FerError(
            f"{FOLDER / name}: the trained network is not there: expected the package installed "
            "whole, or a model given"
        )
    return FOLDER / name
