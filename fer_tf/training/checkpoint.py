"""Checkpoints that are whole or not there: written beside, renamed, checked when read.

A checkpoint is one uncompressed .npz, arrays and a JSON text, without pickles.
The zip format holds a CRC-32 of every member, so that a file cut short or
changed on disk is noticed.
"""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf.errors import FerError

KEPT = 2
"""Checkpoints kept: the newest, and the one before it in case the newest is damaged."""


class DamagedCheckpoint(Exception):
    """A checkpoint that is cut short or changed on disk."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that a run needs to go on.

    Attributes:
        arrays: weights, optimiser, metrics, by name.
        state: epoch, step, best score, history: what JSON can hold.
    """

    arrays: Mapping[str, np.ndarray]
    state: dict[str, Any]


def save(folder: Path, number: int, checkpoint: Checkpoint) -> Path:
    """Write checkpoint `number` (rising) and remove all but the last `KEPT`.

    Raises:
        FerError: the disk is full or not writable; earlier checkpoints are untouched.
    """
    path = folder / f"checkpoint-{number:09d}.npz"
    beside = path.with_suffix(".tmp")
    text = np.frombuffer(json.dumps(checkpoint.state).encode(), np.uint8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            np.savez(file, state=text, **dict(checkpoint.arrays))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        last = newest(folder)
        good = f"the last good one is {last[0]}" if last else "there is none before it"
        raise FerError(f"{path}: the checkpoint could not be written, {reason}; {good}") from None
    for old in newest(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def newest(folder: Path) -> list[Path]:
    """The checkpoints in a folder, newest first."""
    return sorted(folder.glob("checkpoint-*.npz"), reverse=True)


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint.

    Raises:
        DamagedCheckpoint: it is not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise DamagedCheckpoint(f"{damaged} is not as it was written")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return Checkpoint(arrays, json.loads(arrays.pop("state").tobytes()))
    except DamagedCheckpoint:
        raise
    except Exception as error:
        raise DamagedCheckpoint(str(error) or type(error).__name__) from None
