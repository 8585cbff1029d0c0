"""Measure a trained network and write its report: `python -m fer_tf.evaluate runs/scratch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Reading
from fer_tf.report.writing import check_directory
from fer_tf.trained.model import TrainedModel, open_either, parse_size

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from fer_tf.data.faces import Faces
    from fer_tf.report import Metrics
    from fer_tf.report.value_scores import ValueScore


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained network and write its report."""

    model: Annotated[Positional[str | None], arg(metavar="MODEL_OR_RUN")] = None
    """The network that is measured is a run folder's, a .keras file, or "nano", the small one that
    ships."""
    shipped: bool = False
    """The network mit_b0_fusion that comes with the package is measured, in place of
    MODEL_OR_RUN."""
    data: str | None = None
    """The network is measured on this data, in any layout that a reader knows (docs/data.md):
    fer2013.csv, a folder of images, "synthetic". If not given, it is a run's own. Its classes may
    be others than the network's: those that both have are compared (docs/evaluation.md)."""
    reading: Reading = field(default_factory=Reading)
    votes: str | None = None
    """FERPlus' votes for the rows of fer2013.csv are read from this file, fer2013new.csv."""
    split: Literal["Training", "PublicTest", "PrivateTest", "training", "validation", "test"] = (
        "PublicTest"
    )
    """The network is measured on this part of the data. A run's own data is divided as the run
    divided it. PublicTest is FER2013's word for validation, and PrivateTest the one for test."""
    size: str | None = None
    """The network runs at this size, N or HxW pixels. If not given, it is the size at which a run
    was best, else the one that the network was built for, or 224."""
    clean: bool = False
    """Blank pictures and copies of Training's faces are not measured."""
    tta: Literal["none", "flip", "ten-crop"] = "none"
    """Test-time augmentation: the answer is the mean over the face and its mirror image (flip), or
    over ten crops of it."""
    corruptions: bool = False
    """The faces are also measured in poor light, blurred, noisy, compressed, coarse and covered,
    each at three strengths or more, beside the clean figure. It takes 29 times as long."""
    out: str | None = None
    """The report is written into this folder. If not given, it is RUN/report, MODEL-report or
    shipped-report, with split, tta and clean in its name unless they are the defaults, and with
    data and size that are not the run's own."""


def report_directory(trained: TrainedModel, args: Evaluate) -> Path:
    """Where the report goes."""
    if args.out:
        return Path(args.out)
    told = f"-{args.split}-{args.tta}{'-clean' * args.clean}{foreign_to(trained, args)}"
    if told == f"-{Evaluate.split}-{Evaluate.tta}":
        return trained.report
    return trained.report.with_name(trained.report.name + told)


def foreign_to(trained: TrainedModel, args: Evaluate) -> str:
    """Data and size that are not a run's own, such as "-RAF-DB-64x64": `export` and `compare` take
    what RUN/report says for the run's."""
    own, told = trained.recipe, ""
    if own is None or trained.shipped:
        return told
    if args.data is not None:
        data = Path(args.data).resolve()
        asked = (data, args.reading, args.votes or own.votes, None)
        if asked != (Path(own.data).resolve(), own.reading, own.votes, own.split):
            told = f"-{data.stem}".replace(":", "-")
    size = args.size and parse_size(args.size)
    return told + (f"-{size[0]}x{size[1]}" if size and size != trained.best_size else "")


def evaluate(
    args: Evaluate, say: Callable[[str], None] = lambda line: None
) -> tuple[Metrics, Path]:
    """Predict, measure and write the report.

    Args:
        args: see `Evaluate`.
        say: is given what the reader left out, which classes and values have no match, and the
            lines of the table of corruptions.

    Returns:
        The scores, and the report folder.

    Raises:
        FerError: a file is missing or malformed, or network and data have fewer than two classes
            in common.
    """
    trained = open_either(args.model, args.shipped)
    asked = None if args.size is None else parse_size(args.size)
    data, votes, reading, shares = args.data, args.votes, args.reading, None
    if data is None:
        if trained.recipe is None or trained.shipped:
            raise FerError("--data is missing: expected fer2013.csv, a folder or 'synthetic'")
        if reading != Reading():
            raise FerError(
                "--reader, --face-size, --task and --unpack-limit are for --data: without it, the "
                "run's own data is read as it was for the training"
            )
        data, votes = trained.recipe.data, votes or trained.recipe.votes
        reading, shares = trained.recipe.reading, trained.recipe.split
    directory = report_directory(trained, args)
    check_directory(directory)

    # After the cheap checks: these need Keras and its backend.
    model, task = trained.network(), trained.task
    from fer_tf.data import load_faces
    from fer_tf.models.checks import check_finite
    from fer_tf.report import write_report
    from fer_tf.report.judging import judged
    from fer_tf.trained.inference import predict_answers, predict_logits, softmax

    size = trained.size(asked)
    loaded = load_faces(data, votes=votes, split=shares, say=say, **vars(reading))
    if args.clean:
        loaded = _clean(loaded, args.split, say)
    common = judged(loaded, args.split, task, data)
    for line in common.left_out:
        say(line)
    faces = common.faces
    logits, values = predict_answers(model, faces.images, size=size, tta=args.tta)
    check_finite(logits, trained.path)
    metrics = write_report(
        directory,
        faces.labels,
        softmax(common.logits(logits)),
        faces.images,
        faces.task.labels,
        values=common.estimates(values),
        history=trained.history,
        title=f"{trained.name} on {args.split}",
        facts={
            "Network": f"{args.model or 'shipped'}, {model.count_params():,} parameters",
            "Data": f"{data}, {args.split}" + ", neither blank nor in Training" * args.clean,
            "Input size": f"{size[0]}x{size[1]} pixels",
            "Test-time augmentation": args.tta,
            **({"Left out": "; ".join(common.left_out)} if common.left_out else {}),
        },
    )
    if args.corruptions:

        def predict(images: np.ndarray) -> np.ndarray:
            return common.logits(predict_logits(model, images, size=size, tta=args.tta))

        say(f"| {args.split}, {size[0]}x{size[1]} pixels | accuracy | points lost |")
        say("|---|---|---|")
        say(f"| as they are | {metrics.accuracy.value:.1%} | |")
        for name, accuracy in corrupted_accuracy(predict, faces):
            lost = 100 * (metrics.accuracy.value - accuracy)
            say(f"| {name} | {accuracy:.1%} | {lost:.1f} |")
    return metrics, directory


def _clean(faces: Faces, split: str, say: Callable[[str], None]) -> Faces:
    """The faces without a split's blank pictures and copies of Training's faces.

    Raises:
        FerError: nothing is left, or there is no such split, or no Training to compare with.
    """
    import numpy as np

    from fer_tf.data.copies import learnable
    from fer_tf.data.faces import SPLITS, WORDS

    split = WORDS.get(split, split)
    if split == "Training":
        raise FerError("--clean: expected --split PublicTest or PrivateTest, found Training")
    kept = learnable(faces.of(split), faces.of("Training"))
    say(f"--clean: {(~kept).sum():,} of {len(kept):,} faces are blank or in Training, too")
    if not kept.any():
        raise FerError("--clean: found no face that is neither blank nor in Training")
    rows = np.ones(len(faces), bool)
    rows[faces.split == SPLITS.index(split)] = kept
    return faces.take(rows)


def corrupted_accuracy(
    predict: Callable[[np.ndarray], np.ndarray], faces: Faces
) -> Iterator[tuple[str, float]]:
    """The name of each of `fer_tf.data.corrupted.CORRUPTIONS`, and the accuracy on such faces.

    Args:
        predict: from uint8 [n, h, w] or [n, h, w, 3] to logits [n, classes].
        faces: what is corrupted and judged.
    """
    import numpy as np

    from fer_tf.data.corrupted import CORRUPTIONS

    for name, corrupt in CORRUPTIONS.items():
        answers = predict(corrupt(np.asarray(faces.images))).argmax(axis=1)
        yield name, float((answers == faces.labels).mean())


def print_metrics(metrics: Metrics) -> None:
    """Tables on stdout: the headlines with their intervals, the classes, and the values."""
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
    console = Console(markup=False)  # a class may be called "smile [open]"
    console.print(scores, "", classes, "", sep="\n")
    if metrics.values:
        console.print(_value_table(metrics.values), "", sep="\n")


def _value_table(scores: Sequence[ValueScore]) -> Table:
    """A row for each value, with what is reached without looking at a face."""
    from rich.table import Table

    table = Table("value", box=None)
    columns = ("RMSE", "MAE", "Pearson", "CCC", "95% interval", "class's mean", "constant", "SAGR")
    for column in columns:
        table.add_column(column, justify="right")
    for v in scores:
        interval = f"{v.ccc.low:.3f} to {v.ccc.high:.3f}"
        guess = "-" if v.class_mean_ccc is None else f"{v.class_mean_ccc:.3f}"
        numbers = [f"{each.value:.3f}" for each in (v.rmse, v.mae, v.pearson, v.ccc)]
        table.add_row(v.name, *numbers, interval, guess, "0.000", f"{v.sagr.value:.1%}")
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `evaluate`.
    """
    args = cli.parse(Evaluate, argv, "python -m fer_tf.evaluate")
    metrics, directory = evaluate(args, say=partial(print, flush=True))
    print_metrics(metrics)
    print(f"report: {directory / 'report.html'}")


if __name__ == "__main__":
    cli.run(main)
