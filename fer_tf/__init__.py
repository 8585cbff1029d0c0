"""Facial expression recognition: train, compare, explain and ship one small network.

Importing this package loads neither Keras nor TensorFlow: each public name is
loaded from its module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_tf.data import load_faces
    from fer_tf.data.faces import Faces
    from fer_tf.errors import FerError
    from fer_tf.models.registry import create_model, list_models
    from fer_tf.recipes import RECIPES
    from fer_tf.recipes.schema import Recipe
    from fer_tf.tasks import TASKS, Task
    from fer_tf.trained.model import TrainedModel, load_model, open_trained
    from fer_tf.vision import Analysis, Box, Face, FaceAnalyzer
    from fer_tf.vision.face_table import to_pandas
    from fer_tf.vision.results import VideoFrame

__version__ = "0.1.0"

_HOMES = {
    "Analysis": "fer_tf.vision.results",
    "Box": "fer_tf.vision.results",
    "Face": "fer_tf.vision.results",
    "FaceAnalyzer": "fer_tf.vision.analyzer",
    "FerError": "fer_tf.errors",
    "Faces": "fer_tf.data.faces",
    "RECIPES": "fer_tf.recipes",
    "Recipe": "fer_tf.recipes",
    "TASKS": "fer_tf.tasks",
    "Task": "fer_tf.tasks",
    "TrainedModel": "fer_tf.trained.model",
    "VideoFrame": "fer_tf.vision.results",
    "create_model": "fer_tf.models.registry",
    "list_models": "fer_tf.models.registry",
    "load_faces": "fer_tf.data",
    "load_model": "fer_tf.trained.model",
    "open_trained": "fer_tf.trained.model",
    "to_pandas": "fer_tf.vision.face_table",
}

__all__ = [
    "RECIPES",
    "TASKS",
    "Analysis",
    "Box",
    "Face",
    "FaceAnalyzer",
    "Faces",
    "FerError",
    "Recipe",
    "Task",
    "TrainedModel",
    "VideoFrame",
    "create_model",
    "list_models",
    "load_faces",
    "load_model",
    "open_trained",
    "to_pandas",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fer_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
