"""Measure a trained network and write its report: `python -m fer_tf.evaluate runs/scratch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.recipes.as_json import from_json
from fer_tf.recipes.schema import Reading, Recipe
from fer_tf.report.writing import check_directory
from fer_tf.tasks import FER2013
from fer_tf.trained.run_folder import DEFAULT_SIZE, Run
from fer_tf.trained.shipped import (
    HISTORY,
    METRICS,
    RECIPE,
    shipped_file,
    shipped_size,
    shipped_weights,
)

if TYPE_CHECKING:
    import keras
    import numpy as np

    from fer_tf.data.faces import Faces
    from fer_tf.report import Metrics


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained network and write its report."""

    model: Annotated[Positional[str | None], arg(metavar="MODEL_OR_RUN")] = None
    """A run folder, or a .keras file."""
    shipped: bool = False
    """Instead of MODEL_OR_RUN: the network that comes with the package."""
    data: str | None = None
    """fer2013.csv (plain or packed), a folder of images, or "synthetic"; of a run: its own."""
    reading: Reading = field(default_factory=Reading)
    votes: str | None = None
    """fer2013new.csv: the FERPlus votes of the same rows."""
    split: Literal["Training", "PublicTest", "PrivateTest"] = "PublicTest"
    """Which rows to judge; of a run's own data, divided as the run divided it."""
    size: str | None = None
    """N or HxW pixels; of a run: its best epoch's, else what the network was built for, or 224;
    of what ships: its own."""
    tta: Literal["none", "flip", "ten-crop"] = "none"
    """Test-time augmentation: mean probability of the face and its mirror image, or ten crops."""
    corruptions: bool = False
    """Measure in poor light, blurred, noisy, compressed, coarse and covered as well: a table of
    accuracy at three strengths or more each, beside the clean figure. Takes 29 times as long."""
    out: str | None = None
    """Folder to write; else RUN/report, MODEL-report or shipped-report, with split and tta unless
    the defaults."""


@dataclass(frozen=True)
class Target:
    """What a MODEL_OR_RUN names.

    Attributes:
        model: the .keras file.
        report: where its report goes by default, without the suffix for split and augmentation.
        recipe: how it was trained, where that is known.
        history: its epochs, where they are known.
        size: (height, width) in pixels at which it is best, where that is known.
        shipped: it is the network that comes with the package; `model` are its weights.
    """

    model: Path
    report: Path
    recipe: Recipe | None = None
    history: Path | None = None
    size: tuple[int, int] | None = None
    shipped: bool = False

    @property
    def name(self) -> str:
        """The folder's of a run or of what ships, else the file's."""
        return self.model.stem if self.recipe is None else self.model.resolve().parent.name

    @property
    def metrics(self) -> Path:
        """Where its scores on PublicTest are, if it was measured."""
        return (self.model.parent if self.shipped else self.report) / METRICS


def find_either(model: str | None, shipped: bool) -> Target:
    """Resolve MODEL_OR_RUN or --shipped, of which one is given.

    Raises:
        FerError: both or neither are, or as of `find` and `find_shipped`.
    """
    if shipped and model is not None:
        raise FerError(f"found both --shipped and {model}: expected one of them")
    if shipped:
        return find_shipped()
    if model is None:
        raise FerError(
            "MODEL_OR_RUN: found nothing, expected a run folder, a .keras file or --shipped"
        )
    return find(model)


def find_shipped() -> Target:
    """The network that comes with the package; its report goes into the working directory.

    Raises:
        FerError: a file of it is not there or not as expected.
    """
    recipe = shipped_file(RECIPE)
    return Target(
        shipped_weights(),
        Path("shipped-report"),
        from_json(recipe.read_text(encoding="utf-8"), source=str(recipe)),
        shipped_file(HISTORY),
        shipped_size(),
        shipped=True,
    )


def find(path: str) -> Target:
    """Resolve a run folder or a model file.

    Raises:
        FerError: there is neither, or the run has no best.keras or no readable recipe.json.
    """
    place = Path(path)
    if place.is_file():
        return Target(place, place.with_name(f"{place.stem}-report"))
    if not place.is_dir():
        raise FerError(f"{path}: no such file or folder: expected a run folder or a .keras file")
    run = Run(place)
    if not run.best_file.is_file():
        raise FerError(run.why_no_best())
    if not run.recipe_file.is_file():
        raise FerError(f"{path}: has no recipe.json: expected a run folder, or the .keras file")
    text = run.recipe_file.read_text(encoding="utf-8", errors="replace")
    recipe = from_json(text, source=str(run.recipe_file))
    return Target(
        run.best_file,
        run.report,
        recipe,
        run.history_file if run.history_file.is_file() else None,
        (run.best_size(recipe),) * 2,
    )


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) in pixels from "N" or "HxW".

    Raises:
        FerError: anything else, or less than 1 pixel.
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise FerError(f"--size is {text!r}: expected pixels as N or HxW, like 224 or 96x128")
    return int(sides[0]), int(sides[-1])


def load(target: Target) -> keras.Model:
    """The network of a target: from float32 pixels in [0, 255], [n, h, w, 3], to logits [n, 7].

    Raises:
        FerError: it can't be loaded, or has other inputs or outputs.
    """
    cli.start_keras()
    from fer_tf.models.saving import load_model

    model = load_model(None if target.shipped else target.model)
    check_model(target.model, model)
    return model


def check_model(path: Path, model: Any) -> None:
    """Refuse a network that is not one from RGB images to FER2013's classes.

    Raises:
        FerError: other inputs or outputs.
    """
    shape, classes = model.input_shape, model.output_shape[-1]
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[-1] != 3:
        raise FerError(f"{path}: takes {shape}: expected images [n, height, width, 3]")
    if classes != len(FER2013):
        raise FerError(
            f"{path}: has {classes} classes: expected {len(FER2013)} ({', '.join(FER2013)})"
        )


def input_size(target: Target, model: Any, asked: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) of the faces: as asked, where it is best, built for, or 224x224.

    Raises:
        FerError: the network takes another size only.
    """
    height, width = model.input_shape[1:3]
    size = asked or target.size or (height or DEFAULT_SIZE[0], width or DEFAULT_SIZE[1])
    if height not in (None, size[0]) or width not in (None, size[1]):
        raise FerError(
            f"{target.model}: takes faces of {height}x{width} pixels only: expected that as "
            f"--size, found {size[0]}x{size[1]}"
        )
    return size


def report_directory(target: Target, split: str, tta: str) -> Path:
    """Where the report goes unless --out says otherwise."""
    if (split, tta) == (Evaluate.split, Evaluate.tta):
        return target.report
    return target.report.with_name(f"{target.report.name}-{split}-{tta}")


def evaluate(
    args: Evaluate, say: Callable[[str], None] = lambda line: None
) -> tuple[Metrics, Path]:
    """Predict, measure and write the report.

    Args:
        args: see `Evaluate`.
        say: is given what the reader left out, and the lines of the table of corruptions.

    Returns:
        The scores, and the report folder.

    Raises:
        FerError: a file is missing or malformed, or network and data do not fit together.
    """
    target = find_either(args.model, args.shipped)
    asked = None if args.size is None else parse_size(args.size)
    data, votes, reading, shares = args.data, args.votes, args.reading, None
    if data is None:
        if target.recipe is None or target.shipped:
            raise FerError("--data is missing: expected fer2013.csv, a folder or 'synthetic'")
        data, votes = target.recipe.data, votes or target.recipe.votes
        reading, shares = target.recipe.reading, target.recipe.split
    directory = Path(args.out) if args.out else report_directory(target, args.split, args.tta)
    check_directory(directory)

    # After the cheap checks: these need Keras and its backend.
    model = load(target)
    from fer_tf.data import load_faces
    from fer_tf.models.checks import check_finite
    from fer_tf.report import write_report
    from fer_tf.trained.inference import predict_logits, softmax

    size = input_size(target, model, asked)
    faces = load_faces(data, votes=votes, split=shares, say=say, **vars(reading)).of(args.split)
    logits = predict_logits(model, faces.images, size=size, tta=args.tta)
    check_finite(logits, target.model)
    probabilities = softmax(logits)
    metrics = write_report(
        directory,
        faces.labels,
        probabilities,
        faces.images,
        faces.task.labels,
        history=target.history,
        title=f"{target.name} on {args.split}",
        facts={
            "Network": f"{args.model or 'shipped'}, {model.count_params():,} parameters",
            "Data": f"{data}, {args.split}",
            "Input size": f"{size[0]}x{size[1]} pixels",
            "Test-time augmentation": args.tta,
        },
    )
    if args.corruptions:
        predict = partial(predict_logits, model, size=size, tta=args.tta)
        say(f"| {args.split}, {size[0]}x{size[1]} pixels | accuracy | points lost |")
        say("|---|---|---|")
        say(f"| as they are | {metrics.accuracy.value:.1%} | |")
        for name, accuracy in corrupted_accuracy(predict, faces):
            lost = 100 * (metrics.accuracy.value - accuracy)
            say(f"| {name} | {accuracy:.1%} | {lost:.1f} |")
    return metrics, directory


def corrupted_accuracy(
    predict: Callable[[np.ndarray], np.ndarray], faces: Faces
) -> Iterator[tuple[str, float]]:
    """The name of each of `fer_tf.data.corrupted.CORRUPTIONS`, and the accuracy on such faces.

    Args:
        predict: from uint8 [n, h, w] to logits [n, classes].
        faces: what is corrupted and judged.
    """
    import numpy as np

    from fer_tf.data.corrupted import CORRUPTIONS

    for name, corrupt in CORRUPTIONS.items():
        answers = predict(corrupt(np.asarray(faces.images))).argmax(axis=1)
        yield name, float((answers == faces.labels).mean())


def print_metrics(metrics: Metrics) -> None:
    """Two tables on stdout: the headlines with their intervals, and the classes."""
    from rich.console import Console
    from rich.table import Table

    from fer_tf.report.evaluation_page import headlines

    scores = Table("score", box=None, title=f"{metrics.rows:,} faces", title_justify="left")
    scores.add_column("", justify="right", style="bold")
    scores.add_column("95% interval", justify="right")
    for row in headlines(metrics):
        scores.add_row(*row)
    classes = Table("class", box=None)
    for column in ("precision", "recall", "F1", "faces"):
        classes.add_column(column, justify="right")
    for c in metrics.classes:
        shares = [f"{s:.1%}" if c.support else "-" for s in (c.precision, c.recall, c.f1)]
        classes.add_row(c.name, *shares, f"{c.support:,}")
    console = Console()
    console.print(scores, "", classes, "", sep="\n")


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `evaluate`.
    """
    args = cli.parse(Evaluate, argv, "fer_tf.evaluate")
    metrics, directory = evaluate(args, say=partial(print, flush=True))
    print_metrics(metrics)
    print(f"report: {directory / 'report.html'}")


if __name__ == "__main__":
    cli.run(main)
