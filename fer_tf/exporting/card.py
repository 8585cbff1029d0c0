"""The model card and the table that go with an export."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fer_tf
from fer_tf.errors import FerError
from fer_tf.exporting.parity import TIMED_RUNS
from fer_tf.files import write_beside, writing
from fer_tf.recipes.as_json import to_json
from fer_tf.report import machine

if TYPE_CHECKING:
    from fer_tf.exporting.exporter import Exported, Exporter
    from fer_tf.trained.model import TrainedModel

NAMES = {"fer2013": "FER2013", "ferplus": "FERPlus", "rafdb": "RAF-DB"}
"""Of data sets, by their tasks' names."""

PICTURES = ("fer2013", "ferplus")
"""Tasks whose faces are FER2013's pictures, of which the card knows more."""

CARD, TABLE = "model_card.md", "export.json"


def write_card(
    directory: Path, trained: TrainedModel, exporter: Exporter, results: Sequence[Exported]
) -> None:
    """Write `CARD` and `TABLE` into an export folder.

    Args:
        directory: the export folder.
        trained: what was exported.
        exporter: how.
        results: what came of it.

    Raises:
        FerError: a file can't be written.
    """
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        write_beside(directory / TABLE, export_json(exporter, results))
        write_beside(directory / CARD, model_card(trained, exporter, results))


def export_json(exporter: Exporter, results: Sequence[Exported]) -> str:
    """What was exported, for programs: sizes in bytes, shares in 0..1, times in milliseconds."""
    rows = [
        {
            "name": result.form.name,
            "path": _place(exporter, result),
            "precision": result.form.precision,
            "size": result.form.size,
            "face": result.form.face,
            "channels": result.form.channels,
            "temperature": round(exporter.temperature(result.form.size), 4),
            "bytes": result.bytes,
            "outside_xnnpack": result.outside,
            **_measured(result),
            "failure": result.parity.failure,
        }
        for result in results
    ]
    table: dict[str, Any] = {"model": exporter.model.name, "fer_tf": fer_tf.__version__}
    table["labels"] = exporter.task.labels
    if exporter.task.values:
        table["values"] = exporter.task.values
    return json.dumps({**table, "forms": rows}, indent=2) + "\n"


def _measured(result: Exported) -> dict[str, Any]:
    """The figures of a parity, those of values where there are any."""
    figures = dataclasses.asdict(result.parity) if result.parity.measured else {}
    if figures.get("value_difference") is None:
        figures.pop("value_difference", None)
    return figures


def model_card(trained: TrainedModel, exporter: Exporter, results: Sequence[Exported]) -> str:
    """The card, Markdown."""
    from fer_tf.models.registry import NETWORKS

    text = (
        resources.files("fer_tf.exporting").joinpath("card_files/model_card.md").read_text("utf-8")
    )
    model, recipe = exporter.model, trained.recipe
    network = NETWORKS.get(model.name)
    faces = exporter.material
    split = "all of PublicTest" if faces.whole_split else "of PublicTest"
    return render(
        text,
        name=trained.name,
        file=trained.path.name,
        labels=exporter.task.labels,
        values=exporter.task.values,
        fer2013=exporter.task.name in PICTURES,
        colour=exporter.task.face[2] == 3,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=fer_tf.__version__,
        model=model.name,
        source=network.source if network else "not in fer_tf's registry",
        parameters=model.count_params(),
        sizes=[f"{height}x{width}" for height, width in exporter.sizes],
        recipe=recipe,
        recipe_json=to_json(recipe).strip() if recipe else "",
        data=_trained_on(trained),
        weights=recipe.weights if recipe else None,
        epochs=_epochs(trained),
        **scores_of(trained),
        compared=len(faces.faces),
        faces=f"{split}, {Path(faces.source).name}" if faces.labelled else faces.source,
        calibration=len(faces.calibration),
        temperatures={
            f"{height}x{width}": exporter.temperature((height, width))
            for height, width in exporter.sizes
            if faces.labelled or exporter.temperatures.get((height, width), 1.0) != 1
        },
        fitted_on="those faces" if faces.labelled else "PublicTest",
        results=[{**vars(result), "where": _where(exporter, result)} for result in results],
        runs=TIMED_RUNS,
        machine=machine.header(),
    )


def render(text: str, **values: Any) -> str:
    """A card of a template, which may include the files of `card_files` and must get every value
    that it names."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fer_tf.exporting", "card_files"),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
    )
    return environment.from_string(text).render(
        share=lambda value: "-" if value is None else f"{value:.2%}",
        **values,
    )


def _place(exporter: Exporter, result: Exported) -> str | None:
    if result.path is None:
        return None
    return result.path.relative_to(exporter.directory).as_posix()


def _where(exporter: Exporter, result: Exported) -> str:
    """The place as the card's table names it."""
    place = _place(exporter, result)
    return f"`{place}`" if place else f"{result.form.name} (not kept)"


def _trained_on(trained: TrainedModel) -> str:
    """The faces that a network has learnt from, in words."""
    if trained.recipe and trained.recipe.data == "synthetic":
        return "drawn faces"
    return f"{NAMES.get(trained.task.name, trained.task.name)}'s Training split"


def _epochs(trained: TrainedModel) -> str:
    """A sentence on how many epochs the history has, and which was kept; "" without a history."""
    if trained.history is None or trained.recipe is None:
        return ""
    rows = len(trained.history.read_text(encoding="utf-8", errors="replace").splitlines()) - 1
    kept = "last one" if trained.recipe.keep == "last" else "best one on PublicTest"
    return f" {rows} epochs; the {kept} was kept."


def _size(trained: TrainedModel) -> str:
    """At which size its scores were measured, where that is known."""
    if trained.best_size is None or trained.recipe is None:
        return ""
    height, width = trained.best_size
    epoch = "" if trained.shipped else f", the size of its {trained.recipe.keep} epoch"
    return f" at {height}x{width}{epoch}"


def _class_row(scores: dict[str, Any]) -> tuple[str, ...]:
    """A class's name, its shares, which a class without faces has not, and its faces."""
    shares = (scores["precision"], scores["recall"], scores["f1"])
    shown = [f"{share:.0%}" if scores["support"] else "-" for share in shares]
    # A bar in a name would else begin a cell of its own.
    return scores["name"].replace("|", r"\|"), *shown, str(scores["support"])


def scores_of(trained: TrainedModel) -> dict[str, Any]:
    """The scores that were measured before, as the card names them.

    Raises:
        FerError: their file is damaged.
    """
    metrics = trained.metrics
    if metrics is None:
        return {"scores": [], "classes": [], "scores_on": ""}
    try:
        shares = {
            "Accuracy": metrics["accuracy"],
            "Top-2 accuracy": metrics["top2_accuracy"],
            "Macro-F1": metrics["macro_f1"],
            "Calibration error": metrics["ece"],
        }
        return {
            "scores": [
                (name, f"{e['value']:.2%}", f"{e['low']:.2%} to {e['high']:.2%}")
                for name, e in shares.items()
            ],
            "classes": [_class_row(each) for each in metrics["classes"]],
            "scores_on": f"Keras on the {metrics['rows']:,} faces of PublicTest{_size(trained)}",
        }
    except (KeyError, TypeError) as error:
        raise FerError(f"{trained.name}: has no report's metrics: {error!r}") from None
