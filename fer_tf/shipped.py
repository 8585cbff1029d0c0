"""The trained networks that come with the package: where their files lie, their faces' sizes."""

from __future__ import annotations

import json
from pathlib import Path

from fer_tf.errors import FerError

SHIPPED = ("mit_b0_fusion", "nano")
"""Their names in the registry, `fer_tf.list_models()`, and of their folders."""

SHIPPED_NETWORK = SHIPPED[0]
"""What answers where no other is named."""

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "saved_models"
MODELS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "saved_models"
"""Where the folders lie: in the installed package, or beside it in the repository."""

WEIGHTS, LITERT = "float16.weights.h5", "int8.tflite"
LABELS, RECIPE, HISTORY = "labels.txt", "recipe.json", "history.csv"
METRICS, CARD = "metrics.json", "README.md"
FILES = (WEIGHTS, LITERT, LABELS, RECIPE, HISTORY, METRICS, CARD)
"""All that a folder holds; `scripts/ship.py` makes it from a run."""


def shipped_model(network: str = SHIPPED_NETWORK) -> Path:
    """The LiteRT file, int8, of `shipped_size()`: what a picture is answered with.

    Args:
        network: one of `SHIPPED`.

    Raises:
        FerError: it is not there.
    """
    return shipped_file(LITERT, network)


def shipped_weights(network: str = SHIPPED_NETWORK) -> Path:
    """The same network's weights, float16, for `fer_tf.create_model`: what explains an answer.

    Args:
        network: one of `SHIPPED`.

    Raises:
        FerError: they are not there.
    """
    return shipped_file(WEIGHTS, network)


def shipped_size(network: str = SHIPPED_NETWORK) -> tuple[int, int]:
    """(height, width) in pixels at which it was measured and answers.

    Args:
        network: one of `SHIPPED`.

    Raises:
        FerError: its metrics are not there, or don't say.
    """
    file = shipped_file(METRICS, network)
    try:
        height, width = json.loads(file.read_text(encoding="utf-8"))["size"]
    except (ValueError, KeyError, TypeError):
        raise FerError(f"{file}: has no 'size': expected [height, width] in pixels") from None
    return height, width


def shipped_accuracy(network: str = SHIPPED_NETWORK) -> float:
    """Share of PublicTest that it recognises, in [0, 1].

    Args:
        network: one of `SHIPPED`.

    Raises:
        FerError: its metrics are not there, or don't say.
    """
    file = shipped_file(METRICS, network)
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["accuracy"]["value"])
    except (ValueError, KeyError, TypeError):
        raise FerError(f"{file}: has no 'accuracy': expected its 'value' in [0, 1]") from None


def shipped_file(name: str, network: str = SHIPPED_NETWORK) -> Path:
    """One of `FILES` of one of `SHIPPED`.

    Raises:
        FerError: it is not there.
    """
    file = MODELS / network / name
    if not file.is_file():
        raise FerError(
            f"{file}: the trained network is not there: expected the package installed "
            "whole, or a model given"
        )
    return file
