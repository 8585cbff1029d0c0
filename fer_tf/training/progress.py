"""Where a run stands, as a value that a checkpoint holds."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.data.mapped import pieces
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.run_folder import HISTORY
from fer_tf.training.precision import POLICIES


@dataclass
class Progress:
    """Where a run stands; JSON in every checkpoint.

    Attributes:
        data: digest of the training faces, their labels and votes.
        precision: "float32", "bfloat16" or "float16", as chosen at the start.
        validation: digest of the validation faces.
        epoch: epochs done, so the one in progress counted from 0.
        step: steps done of that epoch.
        best: highest validation accuracy.
        best_epoch: the epoch that reached it, from 1.
        rate: learning rate of the plateau schedule.
        stale: epochs since the plateau schedule last saw a better accuracy or acted.
        seconds: spent training, in all processes.
        epoch_seconds: spent on the epoch in progress.
        history: rows of history.csv.
    """

    data: str
    precision: str
    validation: str = ""
    epoch: int = 0
    step: int = 0
    best: float = -1.0
    best_epoch: int = 0
    rate: float = 0.0
    stale: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_state(cls, state: Any, place: str) -> Progress:
        """The progress that a checkpoint holds.

        Args:
            state: from JSON, whatever it is.
            place: the folder of the checkpoints, for what is said.

        Raises:
            FerError: it is not what this version writes.
        """
        wrong = _what_is_wrong(state, {each.name: str(each.type) for each in fields(cls)})
        if wrong:
            raise FerError(
                f"{place}: the newest checkpoint {wrong}, so it was written by another version of "
                "fer_tf: go on with that version, or start another --run NAME"
            )
        return cls(**state)

    def finished(self, recipe: Recipe) -> bool:
        """Whether nothing of the recipe is left to train."""
        patience = recipe.early_stop
        if patience is not None and self.epoch - self.best_epoch >= patience:
            return True
        if recipe.minutes is not None:
            return self.clock(recipe) >= 1.0
        return self.epoch >= recipe.epochs

    def clock(self, recipe: Recipe) -> float:
        """Share of `Recipe.minutes` that is over in the middle of the next epoch, in [0, 1]."""
        ends = [0.0, *(row["seconds"] for row in self.history)]
        # The first epoch is no measure: it compiles.
        half = (ends[-1] - ends[-2]) / 2 if len(ends) > 2 else 0.0
        return min((self.seconds + half) / (60.0 * (recipe.minutes or math.inf)), 1.0)

    def finish_epoch(self, row: dict[str, Any], recipe: Recipe) -> bool:
        """Move on to the next epoch.

        Args:
            row: of history.csv, for the epoch that is done.
            recipe: schedule, plateau_factor, plateau_patience, min_learning_rate.

        Returns:
            Whether its validation accuracy is the best so far.
        """
        self.history.append(row)
        self.seconds, self.epoch_seconds = row["seconds"], 0.0
        self.epoch, self.step = self.epoch + 1, 0
        better = row["val_accuracy"] > self.best
        if better:
            self.best, self.best_epoch = row["val_accuracy"], self.epoch
        # PyTorch's threshold, 1e-4 of the best, is less than one face of 3,589.
        self.stale = 0 if better else self.stale + 1
        if recipe.schedule == "plateau" and self.stale > recipe.plateau_patience:
            self.rate = max(self.rate * recipe.plateau_factor, recipe.min_learning_rate)
            self.stale = 0
        return better

    def check_faces(self, training: Faces, validation: Faces, place: str) -> None:
        """Refuse other faces than the run has seen.

        Raises:
            FerError: names `place`, the run's folder.
        """
        for name, known, faces in (
            ("trained", self.data, training),
            ("validated", self.validation, validation),
        ):
            # A run from before `validation` was kept has an empty digest.
            if known and known != digest_of(faces):
                raise FerError(
                    f"{place} was {name} on other faces than the data holds now: "
                    "pass the same data to go on with it, or another --run NAME"
                )


def digest_of(faces: Faces) -> str:
    """SHA-256 of the images, labels, votes and values, hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces(faces.images):
        digest.update(np.ascontiguousarray(piece).data)
    for array in (faces.labels, faces.votes, faces.values):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _what_is_wrong(state: Any, types: dict[str, str]) -> str:
    """Of a checkpoint's state, where `types` are the fields' as they are written above; or ""."""
    if not isinstance(state, dict):
        return "holds no state"
    if unknown := sorted(state.keys() - types):
        return f"has {unknown[0]!r}, which this version does not know"
    if missing := sorted({"data", "precision"} - state.keys()):
        return f"lacks {missing[0]!r}"
    kinds: dict[str, Any] = {"str": str, "int": int, "float": (int, float)}
    for name, value in state.items():
        if not isinstance(value, kinds.get(types[name], list)) or isinstance(value, bool):
            return f"has {name} {value!r:.40}"
    if state["precision"] not in POLICIES:
        return f"has precision {state['precision']!r:.40}"
    for row in state.get("history", ()):
        whole = isinstance(row, dict) and {"size", "seconds", "val_accuracy"} <= row.keys()
        if not whole or not row.keys() <= {*HISTORY}:
            return f"has a history with {row!r:.40}"
        if not all(isinstance(value, (int, float)) for value in row.values()):
            return f"has a history with {row!r:.40}"
    return ""
