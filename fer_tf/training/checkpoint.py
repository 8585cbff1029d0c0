"""Checkpoints that are whole or not there: written beside, renamed, checked when read.

A checkpoint is one uncompressed .npz, arrays and a JSON text, without pickles.
The zip format holds a CRC-32 of every member, so that a file cut short or
changed on disk is noticed.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf.errors import FerError
from fer_tf.files import written_beside
from fer_tf.trained.run_folder import disk_trouble

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
    """Write checkpoint `number`, higher than the one gone on from, and keep the last `KEPT`.

    Raises:
        FerError: the disk is full or not writable; earlier checkpoints are untouched.
    """
    path = folder / f"checkpoint-{number:09d}.npz"
    text = np.frombuffer(json.dumps(checkpoint.state).encode(), np.uint8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_beside(path) as beside, open(beside, "wb") as file:
            np.savez(file, allow_pickle=False, state=text, **checkpoint.arrays)
            file.flush()
            os.fsync(file.fileno())
        _remove_all_but(newest(folder), path)
    except OSError as error:
        last = newest(folder)
        good = f"the last good one is {last[0]}" if last else "there is none before it"
        raise FerError(
            f"{path}: the checkpoint could not be written, {disk_trouble(error)}; {good}"
        ) from None
    return path


def _remove_all_but(found: list[Path], newest_good: Path) -> None:
    """Remove the older ones; and those of higher numbers, which the run passed over as damaged."""
    kept = [path for path in found if path.name <= newest_good.name][:KEPT]
    for path in found:
        if path not in kept:
            path.unlink(missing_ok=True)


def newest(folder: Path) -> list[Path]:
    """The checkpoints in a folder, newest first."""
    return sorted(folder.glob("checkpoint-*.npz"), reverse=True)


def newest_whole(folder: Path, tell: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None where there is none at all.

    Args:
        folder: of the checkpoints.
        tell: called with a sentence about each damaged one that is passed over.

    Raises:
        FerError: there are checkpoints, and every one is damaged.
    """
    found = newest(folder)
    for path in found:
        try:
            return load(path)
        except DamagedCheckpoint as damage:
            before = ": using the one before it" if path != found[-1] else ""
            tell(f"{path} is damaged ({damage}){before}")
    if found:
        raise FerError(
            f"{folder}: all {len(found)} checkpoints are damaged, expected one whole: "
            "remove this folder to train from the start"
        )
    return None


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint.

    Raises:
        DamagedCheckpoint: it is not as it was written.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise DamagedCheckpoint(f"{damaged} is not as it was written")
            # One wrong bit can turn the rest of the zip's directory into a comment.
            file.seek(-12, os.SEEK_END)
            stated = int.from_bytes(file.read(2), "little")
            if stated != len(archive.namelist()):
                raise DamagedCheckpoint(f"it lists {len(archive.namelist())} of {stated} arrays")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return Checkpoint(arrays, json.loads(arrays.pop("state").tobytes()))
    except DamagedCheckpoint:
        raise
    except Exception as error:
        raise DamagedCheckpoint(str(error) or type(error).__name__) from None
