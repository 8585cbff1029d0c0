"""Which packages an exported format needs, and one sentence where they are missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from fer_tf.errors import FerError

TFLITE = ("ai_edge_litert", "ai_edge_quantizer")
PACKAGES = {
    "serving": ("tensorflow_serving",),
    "tflite": TFLITE,
    "onnx": ("tf2onnx", "onnx", "onnxscript", "onnxruntime"),
    "web": TFLITE,
}
"""What each format needs beyond the package's own dependencies: the extra "export"."""


def check_installed(formats: Iterable[str]) -> None:
    """Refuse a format whose converter is not installed, before long work.

    Args:
        formats: keys of `PACKAGES`.

    Raises:
        FerError: names the format, the package and the extra that brings it.
    """
    for name in formats:
        for package in PACKAGES[name]:
            if importlib.util.find_spec(package) is None:
                raise FerError(
                    f"{name}: needs {package}, which is not installed: expected fer_tf[export]"
                )
