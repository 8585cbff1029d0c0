"""Makes saved_models/NETWORK/, what ships, from a finished run: files, figures, model card.

    python scripts/ship.py runs/NAME --data fer2013.csv

The figures are those of the float16 weights that ship. A network that recognises fewer faces of
PublicTest than the one that is there is refused, and the folder is replaced whole or not at all.
"""

from __future__ import annotations

import csv
import datetime
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

from _machine import ROOT
from tyro.conf import Positional, arg

import fer_tf
from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.evaluate import print_metrics
from fer_tf.export import gather
from fer_tf.recipes.as_json import from_json
from fer_tf.report import machine
from fer_tf.report.writing import replace_folder
from fer_tf.shipped import (
    CARD,
    FILES,
    HISTORY,
    LABELS,
    LITERT,
    METRICS,
    RECIPE,
    SHIPPED,
    SHIPPED_NETWORK,
    WEIGHTS,
)
from fer_tf.tasks import FER2013, TASKS
from fer_tf.trained.model import open_trained, parse_size

if TYPE_CHECKING:
    import keras

    from fer_tf.exporting.exporter import Exported, Material
    from fer_tf.report.metrics import Metrics

LIMIT = 12_000_000
"""Bytes of all files: they stay in the repository's history and in every wheel."""

TEMPLATE = Path(__file__).with_name("ship_card.md")


@dataclass(frozen=True, kw_only=True)
class Ship:
    """Make what ships from a finished run."""

    run: Annotated[Positional[str], arg(metavar="RUN")]
    """The run's folder: best.keras, recipe.json, history.csv."""
    data: str | None = None
    """fer2013.csv: PublicTest is measured, and 200 faces of Training give int8 its ranges; the
    run's own if not given."""
    size: str | None = None
    """N or HxW pixels at which to measure and to ship; the run's best if not given."""
    hardware: str | None = None
    """What it was trained on, for the card; this machine if not given."""
    to: Path | None = None
    """Folder to replace, named like its network; saved_models/NETWORK if not given."""
    force: bool = False
    """Also where the network that is there is better, or was measured on other faces."""


@dataclass(frozen=True)
class Measured:
    """What ships, and how good it is.

    Attributes:
        size: (height, width) in pixels of the faces.
        material: the faces that it was measured on.
        metrics: of the float16 weights in Keras.
        temperature: that calibrates them.
        calibrated_ece: calibration error with it.
        int8: the LiteRT file.
    """

    size: tuple[int, int]
    material: Material
    metrics: Metrics
    temperature: float
    calibrated_ece: float
    int8: Exported


def ship(args: Ship) -> tuple[Path, Metrics]:
    """Measure, export and replace the folder, which is returned with the figures.

    Raises:
        FerError: the run is not whole or of another network, data can't be read, the network is
            worse than the one that is there, int8 is out of tolerance, or the files are too large.
    """
    trained = open_trained(args.run)
    recipe, history = trained.recipe, trained.history
    if recipe is None or history is None:
        raise FerError(f"{args.run}: expected a run folder with recipe.json and {HISTORY}")
    if args.to is None and recipe.model not in SHIPPED:
        raise FerError(
            f"{args.run}: holds {recipe.model}, expected {' or '.join(SHIPPED)}, or --to"
        )
    to = args.to or ROOT / "saved_models" / recipe.model
    if recipe.model != to.name:
        raise FerError(f"{args.run}: holds {recipe.model}, expected {to.name} as --to is")
    _check_folder(to)
    size = None if args.size is None else parse_size(args.size)

    network = trained.network()
    from fer_tf.models.registry import create_model
    from fer_tf.models.saving import save_half_weights

    with tempfile.TemporaryDirectory(prefix="fer_tf-ship-") as folder:
        weights = Path(folder) / WEIGHTS
        save_half_weights(network, weights)
        model = create_model(recipe.model, input_shape=(None, None, 3), weights=str(weights))
        material = gather(args.data or recipe.data, recipe.reading, trained, verify=True)
        measured = _measure(args, to, model, trained.size(size), material, Path(folder))
        accuracy = round(measured.metrics.accuracy.value, 4)
        written = (trained.path.parent / RECIPE).read_text(encoding="utf-8")
        shipped = neutral(written, expected_accuracy=accuracy)
        assert measured.int8.path is not None
        files = {
            WEIGHTS: weights.read_bytes(),
            LITERT: measured.int8.path.read_bytes(),
            LABELS: "".join(f"{label}\n" for label in FER2013).encode(),
            RECIPE: shipped.encode(),
            HISTORY: history.read_bytes(),
            METRICS: _metrics_json(measured).encode(),
        }
        hardware = args.hardware or machine.header().splitlines()[0].partition(": ")[2]
        files[CARD] = _card(model, hardware, measured, files).encode()
    total = sum(map(len, files.values()))
    if total > LIMIT:
        raise FerError(f"{to}: would have {total:,} bytes, expected at most {LIMIT:,}")
    try:
        replace_folder(to.resolve(), files)
    except OSError as error:
        raise FerError(f"{to}: can't be written, {error.strerror}") from None
    return to, measured.metrics


def _check_folder(folder: Path) -> None:
    """Refuse a folder whose files are not all ours: they would be gone.

    Raises:
        FerError: names one of them.
    """
    if folder.exists() and not folder.is_dir():
        raise FerError(f"--to {folder}: is a file, expected a folder")
    foreign = sorted({path.name for path in folder.iterdir()} - {*FILES}) if folder.exists() else []
    if foreign:
        raise FerError(f"--to {folder}: holds {foreign[0]}, expected {', '.join(FILES)} alone")


def _measure(
    args: Ship,
    to: Path,
    model: keras.Model,
    size: tuple[int, int],
    material: Material,
    folder: Path,
) -> Measured:
    """Measure the weights, compare them with the ones that are there, then make the int8 file.

    Raises:
        FerError: they are worse, or int8 is out of tolerance.
    """
    from fer_tf.exporting.exporter import Exporter
    from fer_tf.report.metrics import calibration_bins, evaluate, expected_calibration_error
    from fer_tf.runtimes.calibration import apply_temperature
    from fer_tf.trained.inference import predict_logits, softmax

    faces = material.faces
    probabilities = softmax(predict_logits(model, faces.images, size=size))
    metrics = evaluate(faces.labels, probabilities, FER2013)
    if not args.force:
        check_better(args.run, metrics, to)
    exporter = Exporter(
        model=model,
        task=TASKS["fer2013"],
        directory=folder / "exported",
        sizes=[size],
        formats=["tflite"],
        grey=False,
        material=material,
        precisions=["int8"],
    )
    (int8,) = exporter.export()
    if int8.path is None:
        raise FerError(f"{args.run}: int8 is out of tolerance: {int8.parity.failure}")
    temperature = exporter.temperature(size)
    calibrated = calibration_bins(faces.labels, apply_temperature(probabilities, temperature))
    ece = expected_calibration_error(calibrated)
    return Measured(size, material, metrics, temperature, ece, int8)


def check_better(run: str, new: Metrics, folder: Path) -> None:
    """Refuse a network that recognises fewer faces than the one that is there.

    Raises:
        FerError: it does, or the two were measured on different faces.
    """
    file = folder / METRICS
    if not file.is_file():
        return
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
        rows, accuracy = old["rows"], old["accuracy"]["value"]
    except (ValueError, KeyError, TypeError):
        raise FerError(f"{file}: is no metrics.json of ours: mend it, or pass --force") from None
    if rows != new.rows:
        raise FerError(
            f"{run}: measured on {new.rows:,} faces, {folder} on {rows:,}: expected the same, "
            "or --force"
        )
    if new.accuracy.value < accuracy:
        raise FerError(
            f"{run}: recognises {new.accuracy.value:.2%}, but {folder} {accuracy:.2%}: expected "
            "a better network, or --force"
        )


def neutral(recipe: str, **changes: Any) -> str:
    """A recipe's JSON, changed, without this machine's folders.

    Of a path it keeps what begins with runs/, or else the file's name. What the run did not write
    is not added: a default of today was not chosen then.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each) for each in value]
        parts = PurePath(value).parts if isinstance(value, str) else ()
        if len(parts) < 2:
            return value
        return "/".join(parts[parts.index("runs") :]) if "runs" in parts else parts[-1]

    return json.dumps({**walk(json.loads(recipe)), **changes}, indent=2) + "\n"


def _metrics_json(measured: Measured) -> str:
    """The report's metrics, and what else was measured; shares in 0..1."""
    parity = measured.int8.parity
    table = {
        "split": "PublicTest",
        "size": measured.size,
        "temperature": measured.temperature,
        "calibrated_ece": measured.calibrated_ece,
        "int8": {
            "accuracy": parity.accuracy,
            "keras_accuracy": parity.keras_accuracy,
            "agreement": parity.agreement,
            "difference": parity.difference,
        },
        **measured.metrics.to_dict(),
    }
    return json.dumps(table, indent=2) + "\n"


def _card(
    model: keras.Model,
    hardware: str,
    measured: Measured,
    files: Mapping[str, bytes],
) -> str:
    """The page of the folder.

    Raises:
        FerError: the recipe among `files` can't be read again.
    """
    from fer_tf.benchmarking.multiply_adds import multiply_adds
    from fer_tf.exporting.card import render
    from fer_tf.models.registry import NETWORKS
    from fer_tf.report.evaluation_page import headlines

    assert measured.int8.path is not None
    height, width = measured.size
    recipe_json = files[RECIPE].decode()
    recipe = from_json(recipe_json, source=RECIPE)
    epochs = list(csv.DictReader(files[HISTORY].decode().splitlines()))
    what = {
        WEIGHTS: f'`fer_tf.create_model("{recipe.model}", weights=...)`',
        LITERT: f"LiteRT, one face of {height}x{width}x3 bytes; labels and temperature inside",
        LABELS: "the classes, in order",
        RECIPE: "how it was trained",
        HISTORY: "every epoch of it",
        METRICS: "all figures of this page",
    }
    votes = ", with the FERPlus votes of the same faces" if recipe.votes else ""
    drawn = recipe.data == "synthetic"
    return render(
        TEMPLATE.read_text(encoding="utf-8"),
        name=recipe.model,
        first=recipe.model == SHIPPED_NETWORK,
        labels=FER2013,
        fer2013=True,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=fer_tf.__version__,
        source=NETWORKS[recipe.model].source,
        parameters=model.count_params(),
        multiply_adds=multiply_adds(measured.int8.path).total(),
        size=f"{height}x{width}",
        files=[(name, text, len(files[name])) for name, text in what.items()],
        data="drawn faces" if drawn else f"FER2013's Training split{votes}",
        recipe=recipe,
        recipe_json=recipe_json.strip(),
        epochs=len(epochs),
        time=_duration(float(epochs[-1]["seconds"]) if epochs else 0.0),
        hardware=hardware,
        weights=WEIGHTS,
        litert=LITERT,
        metrics=measured.metrics,
        headlines=headlines(measured.metrics),
        temperature=measured.temperature,
        calibrated_ece=measured.calibrated_ece,
        calibration=len(measured.material.calibration),
        int8=measured.int8.parity,
    )


def _duration(seconds: float) -> str:
    """ "2 h 42 min"."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `ship`.
    """
    args = cli.parse(Ship, argv, "scripts/ship.py")
    folder, metrics = ship(args)
    print_metrics(metrics)
    print(f"written: {', '.join(str(folder / name) for name in FILES)}")


if __name__ == "__main__":
    cli.run(main)
