"""A trained network in every form: `python -m fer_tf.export runs/scratch --to exported`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.exporting.formats import FORMATS, check_installed
from fer_tf.files import refuse_strangers
from fer_tf.quiet import quiet
from fer_tf.recipes.schema import Reading
from fer_tf.runtimes.resizing import to_input
from fer_tf.tasks import Task
from fer_tf.trained.model import TrainedModel, open_either, parse_size

if TYPE_CHECKING:
    import numpy as np

    from fer_tf.data.mapped import Images
    from fer_tf.exporting.exporter import Exported, Material

CALIBRATION_FACES = 200
COMPARED_FACES = 512
SEED = 0
"""Seed of the choice of faces."""
PARTS = ("export.json", "model_card.md", *FORMATS)
"""What an export writes into its folder."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a trained network in every form that its users load, and compare each with Keras."""

    model: Annotated[Positional[str | None], arg(metavar="MODEL_OR_RUN")] = None
    """The network that is exported is a run folder's, a .keras file, or "nano", the small one that
    ships."""
    shipped: bool = False
    """The network mit_b0_fusion that comes with the package is exported, in place of
    MODEL_OR_RUN."""
    to: Path
    """The formats' folders serving/, tflite/, onnx/ and web/, and the model card, are written into
    this folder."""
    formats: tuple[str, ...] = tuple(FORMATS)
    """These formats are written: serving is for TensorFlow Serving, tflite for phones, onnx for
    ONNX Runtime, web for browsers."""
    size: tuple[str, ...] = ()
    """The files take faces of these sizes, N or HxW pixels; the SavedModel and the page have the
    first. If not given, it is the size at which a run was best, else the one that the network was
    built for, or 224."""
    grey: bool = False
    """TFLite files for grey faces of the data's own size, [1, 48, 48, 1], are written as well, of a
    network that learnt from grey ones."""
    data: str | None = None
    """The ranges of int8 are taken from this data's Training faces, and its PublicTest faces are
    compared. If not given, it is a run's own, or drawn faces where that is not there."""
    reading: Reading = field(default_factory=Reading)
    verify: bool = False
    """All of PublicTest is compared, not 512 of its faces, and the accuracy is judged."""


def main(argv: Sequence[str] | None = None) -> None:
    """The command; exits with 1 where a form was out of tolerance and is not there.

    Raises:
        FerError: as of `export`.
    """
    args = cli.parse(Export, argv, "python -m fer_tf.export")
    cli.end_on_sigterm()
    results = export(args)
    print_results(results)
    failed = [result for result in results if result.parity.failure]
    for result in failed:
        print(f"fer_tf: {result.form.name} not kept: {result.parity.failure}", file=sys.stderr)
    if failed:
        sys.exit(1)


def export(args: Export) -> list[Exported]:
    """Write, compare and publish every form, and the model card.

    Raises:
        FerError: the model or the data can't be read, a size or a format does not fit, or the
            folder can't be written.
    """
    trained = open_either(args.model, args.shipped)
    asked = [parse_size(text) for text in args.size]
    if len({*asked}) < len(asked):
        raise FerError(f"--size {' '.join(args.size)}: expected each once")
    if len({*args.formats}) < len(args.formats):
        raise FerError(f"--formats {' '.join(args.formats)}: expected each once")
    if args.to.exists() and not args.to.is_dir():
        raise FerError(f"--to {args.to}: is a file, expected a folder")
    refuse_strangers(args.to, PARTS, sign="export.json", text='"fer_tf"')
    if not args.formats:
        raise FerError("--formats names none, expected one or more")
    check_installed(args.formats)

    model = trained.network()
    from fer_tf.exporting.card import scores_of, write_card
    from fer_tf.exporting.exporter import Exporter

    scores_of(trained)  # damaged ones are told before long work
    task = trained.task
    if args.grey and task.face[2] == 3:
        raise FerError(f"--grey: {trained.path} has learnt from colours, expected grey faces")
    sizes = [trained.size(size) for size in asked] or [trained.size()]
    temperatures = {}
    if trained.best_size:
        with quiet():  # LiteRT tells of itself as it opens the file that has it
            temperatures[trained.best_size] = trained.temperature
    exporter = Exporter(
        model=model,
        task=task,
        directory=args.to,
        sizes=sizes,
        formats=args.formats,
        grey=args.grey,
        material=gather(args.data, args.reading, trained, verify=args.verify),
        temperatures=temperatures,
        say=lambda form: print(f"writing {form}", flush=True),
    )
    results = exporter.export()
    write_card(args.to, trained, exporter, results)
    return results


def gather(data: str | None, reading: Reading, trained: TrainedModel, *, verify: bool) -> Material:
    """The faces that the export is made and judged with, chosen by a fixed seed.

    Args:
        data: fer2013.csv, a folder or "synthetic"; None for a run's own, or drawn faces.
        reading: how `data` is read; a run's own is read as the run read it.
        trained: what is exported.
        verify: compare on all of PublicTest.

    Raises:
        FerError: `verify` without data, or data that can't be read or lacks a split, of faces of
            the network's classes.
    """
    import numpy as np

    from fer_tf.data import load_faces
    from fer_tf.data.faces import SPLITS
    from fer_tf.data.layouts import in_colour
    from fer_tf.data.relabel import with_classes
    from fer_tf.data.synthetic import draw_dataset
    from fer_tf.exporting.exporter import Material

    rng = np.random.default_rng(SEED)
    shares = None
    if data is None and trained.recipe is not None:
        own = trained.recipe.data
        named = own.startswith(("synthetic", "tfds:"))
        data = own if named or Path(own).exists() else None
        reading, shares = trained.recipe.reading, trained.recipe.split
    if data is None:
        if verify:
            raise FerError("--verify needs --data: expected fer2013.csv, a folder or 'synthetic'")
        print("comparing on drawn faces: pass --data fer2013.csv for real ones", flush=True)
        drawn = draw_dataset(COMPARED_FACES, SEED)
        colour = trained.task.face[2] == 3
        images = in_colour(drawn.images) if colour else drawn.images
        drawn = replace(drawn, images=_faces_of(trained.task, images))
        return Material(drawn.images[:CALIBRATION_FACES], drawn, "drawn faces", False, False)
    faces = load_faces(data, split=shares, say=print, **vars(reading))
    if faces.task.labels != trained.task.labels:
        faces = with_classes(faces, trained.task, data, print)
    if shares is None and not (faces.split == SPLITS.index("PublicTest")).any():
        raise FerError(
            f"--data {data}: has no PublicTest faces to compare on, expected some; without --data "
            "a run's own faces are divided as for its training"
        )
    training, validation = faces.of("Training"), faces.of("PublicTest")
    count = min(CALIBRATION_FACES, len(training))
    calibration = training.images[np.sort(rng.choice(len(training), count, replace=False))]
    whole = verify or len(validation) <= COMPARED_FACES
    if not whole:
        rows = np.sort(rng.choice(len(validation), COMPARED_FACES, replace=False))
        validation = validation.take(rows)
    validation = replace(validation, images=_faces_of(trained.task, validation.images))
    return Material(_faces_of(trained.task, calibration), validation, data, True, verify)


def _faces_of(task: Task, images: Images) -> np.ndarray:
    """Faces of the size and the colours of a task's own, uint8 [n, h, w] or [n, h, w, 3]."""
    height, width, channels = task.face
    faces = to_input(images, (height, width), channels)
    return faces if channels == 3 else faces[..., 0]


def print_results(results: Sequence[Exported]) -> None:
    """The table on stdout: megabytes, the largest difference of a probability from Keras', and of
    a value where there are any, the share of faces with the same class, accuracies, and
    milliseconds a face."""
    from rich.console import Console
    from rich.table import Table

    measured = [result for result in results if result.parity.measured]
    title = f"{measured[0].parity.faces:,} faces, against Keras"
    table = Table(box=None, title=title, title_justify="left")
    table.add_column("form", no_wrap=True)
    values = any(result.parity.value_difference is not None for result in measured)
    for column in ("MB", "difference", *["values"] * values, "same", "accuracy", "Keras'", "ms"):
        table.add_column(column, justify="right")
    table.add_column()
    for result in measured:
        p = result.parity
        table.add_row(
            result.form.name,
            f"{result.bytes / 1e6:.1f}",
            f"{p.difference:.1e}",
            *([f"{p.value_difference:.1e}"] if values else []),
            f"{p.agreement:.2%}",
            "-" if p.accuracy is None else f"{p.accuracy:.2%}",
            "-" if p.keras_accuracy is None else f"{p.keras_accuracy:.2%}",
            f"{p.milliseconds:.2f}",
            "not kept" if p.failure else _remark(result),
        )
    Console().print(table)


def _remark(result: Exported) -> str:
    if not result.outside:
        return "ok"
    return f"ok, but XNNPACK does not run {', '.join(sorted({*result.outside}))}"


if __name__ == "__main__":
    cli.run(main)
