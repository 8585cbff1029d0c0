"""A run is a folder: recipe, history, logs, checkpoints, best model, report."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_tf import recipes
from fer_tf.errors import FerError
from fer_tf.recipes import Recipe

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
    def report(self) -> Path:
        return self.folder / "report"

    def open(self, recipe: Recipe) -> None:
        """Make the folder, or accept it when it belongs to the same recipe.

        Raises:
            FerError: the folder holds a run with other settings, or something else.
        """
        if self.recipe_file.exists():
            text = self.recipe_file.read_text(encoding="utf-8", errors="replace")
            differences = compare(recipes.from_json(text, source=str(self.recipe_file)), recipe)
            if differences:
                raise FerError(
                    f"{self.folder} is a run with other settings ({'; '.join(differences)}): "
                    "pass the same ones to go on with it, or another --run NAME"
                )
            return
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise FerError(f"{self.folder} is not a run: it holds no recipe.json, expected none")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.recipe_file, recipes.to_json(recipe))

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write history.csv anew: one row an epoch, columns `HISTORY`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history_file, text.getvalue())


def compare(old: Recipe, new: Recipe) -> list[str]:
    """The settings that differ, each as "name: was OLD, now NEW"."""
    before, after = (dataclasses.asdict(recipe) for recipe in (old, new))
    before.update(before.pop("augmentation"))
    after.update(after.pop("augmentation"))
    return [
        f"{name}: was {before[name]}, now {after[name]}"
        for name in before
        if before[name] != after[name]
    ]


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, then rename it."""
    beside = path.with_name(path.name + ".tmp")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
