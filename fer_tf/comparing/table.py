"""The rows of a comparison, from what its runs and measurements left; and as CSV."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fer_tf.comparing.costs import BASELINE, Costs
from fer_tf.comparing.published_tables import (
    published_networks,
    published_schedules,
    remarks,
    stated,
    stated_parameters,
    whole_network,
)
from fer_tf.comparing.trials import Trial, read_metrics
from fer_tf.recipes.schema import Augmentation, Recipe
from fer_tf.trained.run_folder import Run

VALUE_SCORES = ("ccc", "rmse", "pearson", "sagr")
"""Of each continuous value; SAGR is the share of faces whose signs agree."""


@dataclass(frozen=True)
class ComparedRow:
    """A network or a setting: what was measured, and beside it what its source states.

    None is not measured, or not stated. Accuracies and F1 are in 0..1.

    Attributes:
        experiment: as of `Trial`, or "speed".
        network: its name in the registry.
        setting: what the experiment changes; "" for nothing.
        start: the run from whose weights a fine-tuning began, or "".
        optimizer, schedule, learning_rate, augmentation, batch_size: of the recipe.
        size: side in pixels.
        epochs: that were trained, of the last seed.
        steps: in these epochs.
        minutes: that they took.
        seeds: how many trainings the row is the mean of.
        accuracy: on PublicTest, the mean over the seeds.
        accuracy_low: of its 95 % bootstrap interval over faces, the mean over the seeds.
        accuracy_high: likewise.
        accuracy_sd: standard deviation over seeds; None for one.
        macro_f1: the mean over the seeds.
        prior: the share of the commonest class.
        values: scores of continuous values, such as "valence_ccc".
        parameters: trainable weights, for this task and size.
        parameter_ratio: over `mit_b0_fusion`'s for FER2013.
        multiply_adds: of one face.
        keras_ms, litert_ms: of one face, batch 1; Keras on `device`, LiteRT on one thread.
        keras_ratio, litert_ratio: over `mit_b0_fusion`'s in the same rounds.
        device: what ran Keras.
        source: of the published figures.
        published_accuracy, published_accuracy_high, published_data: see `PublishedNetwork`.
        published_parameters: see `stated_parameters`.
        published_parameter_ratio, published_ratio: weights and time over `mit_b0_fusion`'s.
        published_flops, published_time: with their units, or "".
        remarks: what has to be known about the published figures.
        failure: why something is missing, or "".
        runs: names of the run folders that are finished.
    """

    experiment: str
    network: str
    setting: str = ""
    start: str = ""
    optimizer: str = ""
    schedule: str = ""
    learning_rate: float | None = None
    augmentation: str = ""
    batch_size: int | None = None
    size: int | None = None
    epochs: int | None = None
    steps: int | None = None
    minutes: float | None = None
    seeds: int = 0
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    accuracy_sd: float | None = None
    macro_f1: float | None = None
    prior: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    parameters: int | None = None
    parameter_ratio: float | None = None
    multiply_adds: int | None = None
    keras_ms: float | None = None
    keras_ratio: float | None = None
    litert_ms: float | None = None
    litert_ratio: float | None = None
    device: str = ""
    source: str = ""
    published_accuracy: float | None = None
    published_accuracy_high: float | None = None
    published_data: str = ""
    published_parameters: int | None = None
    published_parameter_ratio: float | None = None
    published_flops: str = ""
    published_time: str = ""
    published_ratio: float | None = None
    remarks: tuple[str, ...] = ()
    failure: str = ""
    runs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The network, and the setting where there is one."""
        return f"{self.network}, {self.short}" if self.setting else self.network

    @property
    def short(self) -> str:
        """The setting, told from those of other experiments; the network where there is none."""
        told = {"dropout": f"dropout {self.setting}", "fine-tuning": f"fine-tuned, {self.setting}"}
        return told.get(self.experiment, self.setting or self.network)


def speed_row(costs: Costs) -> ComparedRow:
    """The row of a network that is not trained."""
    row = ComparedRow("speed", costs.network, failure=costs.failure)
    return with_published(with_costs(row, costs))


def trained_row(
    trials: Sequence[Trial], runs: Path, failures: Mapping[str, str], costs: Costs | None
) -> ComparedRow:
    """The row of trials that differ by their seeds.

    Args:
        trials: at least one.
        runs: the folder of their run folders.
        failures: why a trial is not finished, by its name.
        costs: of the network at their size, where they are known.

    Raises:
        FerError: a run's files are damaged.
    """
    first = trials[0]
    finished = {
        trial.name: found
        for trial in trials
        if trial.name not in failures and (found := read_metrics(runs / trial.name))
    }
    row = ComparedRow(
        first.experiment,
        first.network,
        first.setting,
        first.start,
        size=first.recipe.stages[-1][0],
        seeds=len(finished),
        failure="; ".join(dict.fromkeys(failures[t.name] for t in trials if t.name in failures)),
        runs=tuple(finished),
        **_recipe_columns(first.recipe),
    )
    if finished:
        row = replace(row, **_scores(list(finished.values())), **_history(runs / row.runs[-1]))
    return with_published(row if costs is None else with_costs(row, costs))


def with_costs(row: ComparedRow, costs: Costs) -> ComparedRow:
    """The row with what its network costs."""
    keras, litert = costs.keras, costs.litert
    return replace(
        row,
        size=row.size or (costs.size and costs.size[0]),
        parameters=costs.parameters,
        parameter_ratio=costs.parameters and costs.parameters / _baseline_parameters(),
        multiply_adds=costs.multiply_adds,
        keras_ms=None if keras is None else keras.ms,
        keras_ratio=None if keras is None else keras.ratio,
        litert_ms=None if litert is None else litert.ms,
        litert_ratio=None if litert is None else litert.ratio,
        device=costs.device if keras else "",
        failure="; ".join(dict.fromkeys(filter(None, [row.failure, costs.failure]))),
    )


def _baseline_parameters() -> int:
    count = published_networks()[BASELINE].parameters
    assert count is not None
    return count


def with_published(row: ComparedRow) -> ComparedRow:
    """The row with what the network's source states: of its accuracy, or of the schedule's."""
    if row.experiment == "schedules":
        whole = whole_network(row.network)
        accuracy = published_schedules().get((whole, row.setting))
        source = published_networks()[whole].source if accuracy else ""
        told = f"{source}'s schedules are of {whole}, from its own training"
        said = (told,) if accuracy else ()
        return replace(row, source=source, published_accuracy=accuracy, remarks=said)
    known = published_networks().get(row.network)
    if known is None or row.experiment not in ("networks", "speed"):
        return row
    return replace(
        row,
        source=known.source,
        published_parameters=stated_parameters(row.network),
        published_parameter_ratio=_value(row.network, f"parameters over {BASELINE}'s"),
        published_flops=_number(row.network, "FLOPs"),
        published_time=_number(row.network, "time"),
        published_ratio=_value(row.network, f"time over {BASELINE}'s"),
        remarks=tuple(remarks(row.network)),
        published_accuracy=known.accuracy,
        published_accuracy_high=known.accuracy_high,
        published_data=known.data,
    )


def _value(network: str, quantity: str) -> float | None:
    figure = stated(network, quantity)
    return None if figure is None else figure.value


def _number(network: str, quantity: str) -> str:
    figure = stated(network, quantity)
    return "" if figure is None else figure.number


def to_csv(rows: Sequence[ComparedRow]) -> str:
    """All rows, five significant digits; what is not known is empty."""
    values = sorted({name for row in rows for name in row.values})
    plain = [each.name for each in fields(ComparedRow) if each.name != "values"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*plain, *values])
    for row in rows:
        cells = asdict(row)
        written = [cells[name] for name in plain] + [row.values.get(name) for name in values]
        writer.writerow(map(_cell, written))
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.5g}"
    return "; ".join(value) if isinstance(value, tuple) else value


def _recipe_columns(recipe: Recipe) -> dict[str, Any]:
    return {
        "optimizer": recipe.optimizer,
        "schedule": recipe.schedule,
        "learning_rate": recipe.learning_rate,
        "batch_size": recipe.batch_size,
        "augmentation": augmentation_in_words(recipe.augmentation),
    }


def augmentation_in_words(augmentation: Augmentation) -> str:
    """What differs from no augmentation, such as "flip, rotation 10"."""
    told = []
    for each in fields(augmentation):
        value = getattr(augmentation, each.name)
        if value != each.default:
            name = each.name.replace("_", " ")
            told.append(name if value is True else f"{name} {_plainly(value)}")
    return ", ".join(told) or "none"


def _plainly(value: Any) -> str:
    """A number, a word or a range."""
    if isinstance(value, tuple):
        return " to ".join(map(_plainly, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _scores(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds' reports."""
    accuracies = [each["accuracy"]["value"] for each in metrics]
    support = [score["support"] for score in metrics[0]["classes"]]
    values = {
        f"{value['name']}_{score}": statistics.fmean(
            each["values"][i][score]["value"] for each in metrics
        )
        for i, value in enumerate(metrics[0].get("values", ()))
        for score in VALUE_SCORES
    }
    return {
        "accuracy": statistics.fmean(accuracies),
        "accuracy_low": statistics.fmean(each["accuracy"]["low"] for each in metrics),
        "accuracy_high": statistics.fmean(each["accuracy"]["high"] for each in metrics),
        "accuracy_sd": statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        "macro_f1": statistics.fmean(each["macro_f1"]["value"] for each in metrics),
        "prior": max(support) / sum(support),
        "values": values,
    }


def _history(folder: Path) -> dict[str, Any]:
    """How long a run was."""
    with open(Run(folder).history_file, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        "epochs": len(rows),
        "steps": sum(int(row["steps"]) for row in rows),
        "minutes": float(rows[-1]["seconds"]) / 60,
    }
