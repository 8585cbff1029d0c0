"""A run is a folder: recipe, history, logs, checkpoints, best model, report."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fer_tf.errors import FerError
from fer_tf.files import write_beside
from fer_tf.recipes.as_json import from_json, to_json
from fer_tf.recipes.schema import Recipe

HISTORY = (
    "epoch",
    "size",
    "steps",
    "learning_rate",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "images_per_second",
    "seconds",
)
"""Columns of history.csv. Losses in nats, accuracies in [0, 1], seconds since the run began."""

LEFTOVERS = (".recipe.json.*", ".history.csv.*", ".wandb-id.txt.*", ".best.keras.*")
"""What a process that is killed may leave half-written in a run's folder."""


@dataclasses.dataclass(frozen=True)
class Run:
    """The paths of a run's folder."""

    folder: Path

    @property
    def recipe_file(self) -> Path:
        return self.folder / "recipe.json"

    @property
    def history_file(self) -> Path:
        return self.folder / "history.csv"

    @property
    def best_file(self) -> Path:
        return self.folder / "best.keras"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.folder / "tensorboard"

    @property
    def wandb_file(self) -> Path:
        return self.folder / "wandb-id.txt"

    @property
    def report(self) -> Path:
        return self.folder / "report"

    def recipe(self) -> Recipe:
        """How it was or is trained.

        Raises:
            FerError: recipe.json is not there, or is no recipe.
        """
        if not self.recipe_file.is_file():
            raise FerError(f"{self.folder}: has no recipe.json: expected a run folder")
        text = self.recipe_file.read_text(encoding="utf-8-sig", errors="replace")
        return from_json(text, source=str(self.recipe_file))

    @contextlib.contextmanager
    def open(self, recipe: Recipe) -> Iterator[None]:
        """Hold the folder for one process, making it where it is missing.

        What killed processes left half-written is removed. What was begun here and has no
        checkpoint when an error ends the block is removed again.

        Raises:
            FerError: the folder holds a run with other settings, or something else, or another
                process trains in it; or the disk is full or not writable.
        """
        made = not self.recipe_file.exists()
        try:
            self.check(recipe)
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder):
                self._remove_leftovers()
                if made:
                    write_beside(self.recipe_file, to_json(recipe))
                try:
                    yield
                except BaseException:
                    if made and not any(self.checkpoints.glob("*.npz")):
                        self._remove_own()
                    raise
        except OSError as error:
            if error.errno not in DISK:
                raise
            place = error.filename or self.folder
            raise FerError(f"{place}: could not be written, {disk_trouble(error)}") from None

    def check(self, recipe: Recipe) -> None:
        """Refuse a folder that holds something else than a run of this recipe.

        Raises:
            FerError: says what.
        """
        if self.recipe_file.exists():
            differences = compare(self.recipe(), recipe)
            if differences:
                raise FerError(
                    f"{self.folder} is a run with other settings ({'; '.join(differences)}): "
                    "pass the same ones to go on with it, or another --run NAME"
                )
        elif self.folder.exists() and not self.folder.is_dir():
            raise FerError(f"{self.folder} is a file, expected a run's folder or a new name")
        elif self.folder.exists() and not all(map(_is_leftover, self.folder.iterdir())):
            raise FerError(
                f"{self.folder} is not a run: it holds files but no recipe.json, expected "
                "a run's folder, an empty one or a new name"
            )

    def _remove_leftovers(self) -> None:
        for pattern in (*LEFTOVERS, "checkpoints/.checkpoint-*.tmp"):
            for path in self.folder.glob(pattern):
                path.unlink()

    def _remove_own(self) -> None:
        """Remove what a run writes; the folder stays where somebody else's files are in it."""
        for path in (self.recipe_file, self.history_file, self.best_file, self.wandb_file):
            path.unlink(missing_ok=True)
        theirs = (self.folder / "answers", self.folder / "wandb")  # the teachers' and wandb's own
        for path in (self.checkpoints, self.logs, self.report, *theirs):
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def best_size(self, recipe: Recipe) -> int:
        """Side in pixels at which best.keras was validated; the last stage's if unknown.

        Raises:
            FerError: history.csv is damaged.
        """
        if not self.history_file.is_file():
            return recipe.stages[-1][0]
        try:
            with open(self.history_file, encoding="utf-8", newline="") as file:
                table = csv.DictReader(file)
                rows = [(float(row["val_accuracy"]), int(row["size"])) for row in table]
            if not all(0 <= accuracy <= 1 and size > 0 for accuracy, size in rows):
                raise ValueError("a number out of its range")
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise FerError(
                f"{self.history_file}: is damaged ({error!r}), expected a run's history: run its "
                "training again, which writes it anew"
            ) from None
        if recipe.keep == "last":
            rows = rows[-1:]
        _, size = max(rows, key=lambda row: row[0], default=(0.0, recipe.stages[-1][0]))
        return size

    def why_no_best(self) -> str:
        """Why there is no best.keras, and what to do, in a sentence."""
        if newest := max(self.checkpoints.glob("*.npz"), default=None):
            if self.history_file.is_file():
                return (
                    f"{self.best_file}: is lost, and {newest.name} holds the weights of the last "
                    "step, not of the best epoch: put the file back from a copy, or train anew "
                    "with another --run NAME"
                )
            return (
                f"{self.folder}: has no best.keras: go on with the run, which writes it after the "
                "first epoch"
            )
        return f"{self.folder}: has no best.keras: expected a run with an epoch trained to its end"

    def report_is_current(self) -> bool:
        """Whether the report was written after the last checkpoint."""
        page = self.report / "report.html"
        written = [path.stat().st_mtime for path in self.checkpoints.glob("*.npz")]
        return page.is_file() and page.stat().st_mtime >= max(written, default=0.0)

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write history.csv anew: one row an epoch, columns `HISTORY`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_beside(self.history_file, text.getvalue())


def compare(old: Recipe, new: Recipe) -> list[str]:
    """The settings that differ, each as "name: was OLD, now NEW".

    Not `expected_accuracy`, which changes nothing in a training.
    """
    before, after = old.settings(), new.settings()
    return [
        f"{name}: was {before[name]}, now {after[name]}"
        for name in before
        if before[name] != after[name] and name != "expected_accuracy"
    ]


DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed here",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EIO: "the disk fails",
    errno.EEXIST: "a file is in the way",
    errno.ENOTDIR: "a file is in the way",
}
"""What an OSError's number says about the place that was written to."""


def disk_trouble(error: OSError) -> str:
    """An error in words."""
    return DISK.get(error.errno or 0) or error.strerror or str(error)


def _is_leftover(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in LEFTOVERS)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder that dies with the process; no lock where there is no flock."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FerError(
                f"{folder}: another process is training in it, expected one at a time"
            ) from None
        except OSError as error:
            # Some network disks have no locks: better train there than refuse.
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        yield
    finally:
        os.close(handle)
