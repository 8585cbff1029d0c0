"""What an exported file says that it answers: its task, or the names of its classes alone."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from fer_tf.archives import open_zip
from fer_tf.errors import FerError, reason
from fer_tf.runtimes.tflite_files import LABELS
from fer_tf.tasks import TASKS, Task, from_json

TASK = "task.json"
"""Name of the file with the task in a TFLite file and among a SavedModel's assets."""

LIMIT = 1 << 20
"""Bytes of it, and of the label file, that are read: the longest names of all classes fit."""

ONNX_KEYS = ("task", "labels", "temperature")
"""What is read of an ONNX file's metadata."""


def tflite_task(content: bytes, path: Path) -> Task | None:
    """The task in a TFLite file, or one of its label file's classes, or None.

    Raises:
        FerError: what the file holds is no task.
    """
    try:
        with open_zip(io.BytesIO(content)) as archive:
            names = archive.namelist()
            texts = {name: _read(archive, name) for name in (TASK, LABELS) if name in names}
    except zipfile.BadZipFile:
        return None
    except Exception as error:  # zipfile and its decompressors raise a dozen kinds
        raise FerError(f"{path}: its labels can't be read: {reason(error)}") from None
    return _task(texts.get(TASK), texts.get(LABELS, "").splitlines(), path)


def onnx_task(metadata: Mapping[str, str], path: Path) -> Task | None:
    """The task in an ONNX file's metadata, or one of its labels, or None.

    Raises:
        FerError: what the file holds is no task.
    """
    try:
        labels = json.loads(metadata.get("labels", "[]"))
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise FerError(f"{path}: its metadata's labels are no JSON list of texts")
    return _task(metadata.get("task"), labels, path)


def saved_model_task(folder: Path) -> Task | None:
    """The task among a SavedModel's assets, or one of its labels, or None.

    Raises:
        FerError: what the files hold is no task.
    """
    texts = {}
    for name in (TASK, LABELS):
        file = folder / "assets" / name
        if file.is_file():
            with open(file, "rb") as opened:
                texts[name] = opened.read(LIMIT).decode(errors="replace")
    return _task(texts.get(TASK), texts.get(LABELS, "").splitlines(), folder)


def _read(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as file:
        return file.read(LIMIT).decode(errors="replace")


def _task(text: str | None, labels: list[str], path: Path) -> Task | None:
    if text is not None:
        return from_json(text, source=f"{path}: its task")
    if not labels:
        return None
    known = (task for task in TASKS.values() if (task.labels, task.values) == (tuple(labels), ()))
    try:
        return next(known, None) or Task("labels", tuple(labels))
    except FerError as error:
        raise FerError(f"{path}: {error}") from None
