"""A trained network as a value: found by its path, and loaded when asked."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_tf.cli import start_keras
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.runtimes.runner import Runner, Runtime, open_runner
from fer_tf.shipped import (
    METRICS,
    RECIPE,
    SHIPPED,
    SHIPPED_NETWORK,
    shipped_file,
    shipped_model,
    shipped_size,
    shipped_weights,
)
from fer_tf.tasks import TASKS, Task
from fer_tf.trained.run_folder import Run

if TYPE_CHECKING:
    import keras

Size = tuple[int, int]


@dataclass(frozen=True)
class TrainedModel:
    """A trained network: where it lies and what is known of it. Nothing is loaded yet.

    Attributes:
        path: the .keras file, the .weights.h5 file of a network that ships, or an exported file or
            folder.
        report: where its report goes by default.
        run: the folder of its training, where that is known.
        recipe: how it was trained, where that is known.
        best_size: (height, width) in pixels at which it is best, where that is known.
        exported: a LiteRT file of the same network, which answers sooner than `path`.
    """

    path: Path
    report: Path
    run: Run | None = None
    recipe: Recipe | None = None
    best_size: Size | None = None
    exported: Path | None = None

    @property
    def name(self) -> str:
        """The folder's of a run or of what ships, else the file's."""
        return self.path.stem if self.run is None else self.run.folder.resolve().name

    @cached_property
    def task(self) -> Task:
        """What it answers: as its file says, which is loaded for that, or FER2013's classes.

        Raises:
            FerError: as of `network` or `runner`, or the file names something else than the network
                answers.
        """
        if self._is_weights:  # of a network that ships
            return TASKS["fer2013"]
        if not self.is_keras:
            return self.runner().task
        from fer_tf.models.saving import task_of

        return task_of(self.path, self.network())

    @property
    def shipped(self) -> bool:
        """Whether it comes with the package."""
        return self.exported is not None

    @property
    def is_keras(self) -> bool:
        """Whether `network` can load it, so that it can be measured, explained and exported."""
        return self.path.suffix == ".keras" or self._is_weights

    @property
    def _is_weights(self) -> bool:
        return self.path.name.endswith(".weights.h5")

    @property
    def history(self) -> Path | None:
        """The table of its epochs, where there is one."""
        file = None if self.run is None else self.run.history_file
        return file if file and file.is_file() else None

    @property
    def metrics(self) -> dict[str, Any] | None:
        """Its scores on PublicTest, as a report's metrics.json has them; None if not measured.

        Raises:
            FerError: the file is damaged.
        """
        file = (self.path.parent if self.shipped else self.report) / METRICS
        if not file.is_file():
            return None
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise FerError(f"{file}: is no report's metrics.json: {error!r}") from None

    @cached_property
    def temperature(self) -> float:
        """What calibrates its probabilities: from the exported file, 1 for a Keras network.

        Raises:
            FerError: the exported file can't be opened.
        """
        return 1.0 if self.is_keras and self.exported is None else self.runner().temperature

    def network(self) -> keras.Model:
        """The Keras network: from float32 pixels in [0, 255], [n, h, w, 3], to logits [n, classes].

        It is loaded at the first call, and Keras with it.

        Raises:
            FerError: it can't be loaded, or has other inputs or outputs.
        """
        return self._network

    def size(self, asked: Size | None = None) -> Size:
        """(height, width) in pixels: as asked, else its best, else what it was built for, or 224.

        Raises:
            FerError: as of `network`, or it takes another size only.
        """
        from fer_tf.models.sizes import fitting_size

        return fitting_size(self.network(), asked or self.best_size, self.path)

    def runner(
        self, size: Size | None = None, *, threads: int = 1, runtime: Runtime | None = None
    ) -> Runner:
        """The network ready to answer, on the runtime that its file needs.

        Args:
            size: (height, width) in pixels, as in `size`, of a form that takes any.
            threads: as of `open_runner`.
            runtime: as of `open_runner`.

        Raises:
            FerError: as of `open_runner`.
        """
        file = self.exported or self.path
        wanted = size or (self.best_size if file == self.path else None)
        return open_runner(file, threads=threads, runtime=runtime, size=wanted)

    @cached_property
    def _network(self) -> keras.Model:
        if not self.is_keras:
            raise FerError(
                f"{self.path}: is no Keras network: expected a run folder with its best.keras, a "
                ".weights.h5 or a .keras file, as Keras saves what it loads from an older .h5"
            )
        start_keras()
        if self._is_weights:
            from fer_tf.models.registry import create_model

            recipe, any_size = self.path.with_name(RECIPE), (None, None, 3)
            name = Run(recipe.parent).recipe().model if recipe.is_file() else SHIPPED_NETWORK
            return create_model(name, input_shape=any_size, weights=str(self.path))
        from fer_tf.models.saving import load_model

        network = load_model(self.path)
        shape = network.input_shape
        if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 3:
            raise FerError(f"{self.path}: takes {shape}: expected images [n, height, width, 3]")
        return network


def open_trained(model: str | os.PathLike[str] | None = None) -> TrainedModel:
    """Find a trained network.

    Args:
        model: the name of a network that ships, "mit_b0_fusion" or "nano"; None for the first;
            a run folder, or its best.keras, which is the same; a .keras file; a .weights.h5 file
            of ours with its recipe.json beside it; an exported file or folder. "./nano" is a file
            or folder of that name, which a path object can't tell from the network.

    Raises:
        FerError: there is no such file or folder, a run has no best.keras or is damaged, or the
            network that ships is not there.
    """
    if model is None or str(model) in SHIPPED:
        name = SHIPPED_NETWORK if model is None else str(model)
        run = Run(shipped_file(RECIPE, name).parent)
        report = Path("shipped-report" if model is None else f"{name}-report")
        weights, exported = shipped_weights(name), shipped_model(name)
        return TrainedModel(weights, report, run, run.recipe(), shipped_size(name), exported)
    path = Path(model)
    run, around = Run(path), Run(path.parent)
    if path == around.best_file and around.recipe_file.is_file():
        run = around
    if run.best_file.is_file() or run.recipe_file.is_file():
        if not run.best_file.is_file():
            raise FerError(run.why_no_best())
        recipe = run.recipe()
        side = run.best_size(recipe)
        return TrainedModel(run.best_file, run.report, run, recipe, (side, side))
    if not path.exists():
        raise FerError(
            f"{path}: no such file or folder: expected a run folder, a .keras file, an exported "
            f"model, or {' or '.join(SHIPPED)}, which come with the package"
        )
    return TrainedModel(path, path.parent / f"{path.stem}-report")


def open_either(model: str | None, shipped: bool) -> TrainedModel:
    """The network of MODEL_OR_RUN or --shipped, of which one is given.

    Raises:
        FerError: both or neither are, or as of `open_trained`.
    """
    if shipped and model is not None:
        raise FerError(f"found both --shipped and {model}: expected one of them")
    if not shipped and model is None:
        raise FerError(
            "MODEL_OR_RUN: found nothing, expected a run folder, a .keras file or --shipped"
        )
    return open_trained(model)


def load_model(path: str | os.PathLike[str] | None = None) -> keras.Model:
    """Load a .keras file, a run's best one, or a network that comes with the package.

    Args:
        path: the file; a run's folder; or the name of a network that ships, "mit_b0_fusion" or
            "nano", for faces of any size and best at `open_trained(NAME).best_size`; None for the
            first.

    Returns:
        A model from float32 pixels in [0, 255], [n, h, w, 3], to float32 logits [n, classes].

    Raises:
        FerError: as of `fer_tf.models.saving.load_model` or `open_trained`.
    """
    if path is None or str(path) in SHIPPED or os.path.isdir(path):
        return open_trained(path).network()
    from fer_tf.models import saving

    return saving.load_model(path)


def parse_size(text: str) -> Size:
    """(height, width) in pixels from "N" or "HxW".

    Raises:
        FerError: anything else, or a side that is not in 1 to 1024.
    """
    sides = text.lower().split("x")
    digits = all(side.isascii() and side.isdigit() for side in sides)
    if len(sides) > 2 or not digits or not all(1 <= int(side) <= 1024 for side in sides):
        raise FerError(
            f"--size is {text!r}: expected pixels as N or HxW, up to 1024, like 224 or 96x128"
        )
    return int(sides[0]), int(sides[-1])
