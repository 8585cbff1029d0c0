"""A comparison as people read it: the cells of its tables, and compare.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fer_tf.comparing.ranking import NO_IMPROVEMENT, RULE, no_improvement, ranked
from fer_tf.comparing.table import VALUE_SCORES, ComparedRow
from fer_tf.report.latency import digits

TITLES = {
    "networks": "Networks",
    "optimizers": "Optimisers and schedules",
    "schedules": "Schedules",
    "dropout": "Dropout",
    "fine-tuning": "Fine-tuning from the best run",
    "speed": "Speed",
}
"""Of the experiments, in the order of the page."""

TIMES = (
    "Times are of one face (batch 1) and random weights, the median over the rounds; x is over "
    "mit_b0_fusion, for times that of the same round."
)

SCORE_NAMES = {"ccc": "CCC", "rmse": "RMSE", "pearson": "Pearson", "sagr": "SAGR"}


@dataclass(frozen=True)
class ShownTable:
    """A table as text.

    Attributes:
        title: heading.
        note: a sentence below it, or "".
        header: of the columns; those with "published" in them are not measured.
        rows: as many cells each; the first names the row.
    """

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Shown:
    """All that a comparison's page says.

    Attributes:
        tables: in order.
        remarks: numbered from 1, what the tables' numbers in brackets refer to.
    """

    tables: tuple[ShownTable, ...]
    remarks: tuple[str, ...]


def shown(rows: Sequence[ComparedRow], ranking: bool = False) -> Shown:
    """The tables of a comparison: one an experiment, without the columns that hold nothing."""
    said = list(dict.fromkeys(remark for row in rows for remark in row.remarks))
    tables = []
    for experiment, title in TITLES.items():
        own = [row for row in rows if row.experiment == experiment]
        if own:
            note = TIMES if experiment == "speed" else f"{RULE}. {TIMES}"
            cells = _speed_cells if experiment == "speed" else _cells
            tables.append(_table(title, note, [cells(row, said) for row in own]))
    if ranking and ranked(rows):
        tables.append(_table("Ranking", RULE + ".", [_rank_cells(row) for row in ranked(rows)]))
    return Shown(tuple(tables), tuple(said))


def _table(title: str, note: str, rows: Sequence[Mapping[str, str]]) -> ShownTable:
    names = list(dict.fromkeys(name for row in rows for name in row))
    header = [name for name in names if any(row.get(name) for row in rows)]
    cells = tuple(tuple(row.get(name, "") for name in header) for row in rows)
    return ShownTable(title, note, tuple(header), cells)


def _cells(row: ComparedRow, said: Sequence[str]) -> dict[str, str]:
    """A trained row's cells by column, what is not known being ""."""
    published = accuracy_in_words(row.published_accuracy, row.published_accuracy_high)
    return {
        "network": row.label,
        "accuracy": _percent(row.accuracy) or "failed" * bool(row.failure),
        "95 % interval": _interval(row),
        "sd over seeds": "" if row.accuracy_sd is None else f"{100 * row.accuracy_sd:.1f}",
        "published accuracy": published,
        "source": _source(row, said),
        "macro-F1": "" if row.macro_f1 is None else f"{row.macro_f1:.3f}",
        **value_cells(row.values),
        "parameters": _count(row.parameters),
        "published parameters": _count(row.published_parameters),
        "M multiply-adds": _millions(row.multiply_adds),
        "Keras ms": digits(row.keras_ms),
        "Keras, x": digits(row.keras_ratio),
        "LiteRT ms": digits(row.litert_ms),
        "LiteRT, x": digits(row.litert_ratio),
        "from": row.start,
        "px": str(row.size or ""),
        "epochs": str(row.epochs or ""),
        "steps": _count(row.steps),
        "minutes": digits(row.minutes),
        "note": note_of(row),
    }


def _speed_cells(row: ComparedRow, said: Sequence[str]) -> dict[str, str]:
    """The cells of a row that was not trained."""
    return {
        "network": row.label,
        "px": str(row.size or ""),
        "Keras ms": digits(row.keras_ms),
        "Keras, x": digits(row.keras_ratio),
        "LiteRT ms": digits(row.litert_ms),
        "LiteRT, x": digits(row.litert_ratio),
        "published time": row.published_time,
        "published time, x": digits(row.published_ratio),
        "parameters": _count(row.parameters),
        "published parameters": _count(row.published_parameters),
        "parameters, x": digits(row.parameter_ratio),
        "published parameters, x": digits(row.published_parameter_ratio),
        "M multiply-adds": _millions(row.multiply_adds),
        "published FLOPs": row.published_flops,
        "source": _source(row, said),
        "note": note_of(row),
    }


def _source(row: ComparedRow, said: Sequence[str]) -> str:
    """Where the published figures are from, and the numbers of the remarks on them."""
    numbers = " ".join(f"[{said.index(remark) + 1}]" for remark in row.remarks)
    return f"{row.source} {numbers}".strip()


def _rank_cells(row: ComparedRow) -> dict[str, str]:
    """The columns of S3's table."""
    rate = "" if row.learning_rate is None else f"{row.learning_rate:g}"
    return {
        "network": row.label,
        "augmentation": row.augmentation,
        "optimiser": f"{row.optimizer}, {row.schedule}",
        "rate": rate,
        "epochs": str(row.epochs or ""),
        "accuracy": _percent(row.accuracy),
        "note": NO_IMPROVEMENT if no_improvement(row) else "",
    }


def note_of(row: ComparedRow) -> str:
    """What is wrong with a row, or ""."""
    told = [NO_IMPROVEMENT] if no_improvement(row) else []
    return "; ".join(filter(None, [*told, row.failure]))


def value_cells(values: Mapping[str, float]) -> dict[str, str]:
    """The scores of continuous values by column, such as "valence CCC"."""
    cells = {}
    for key in values:
        name, _, score = key.rpartition("_")
        if score in VALUE_SCORES:
            text = f"{values[key]:.1%}" if score == "sagr" else f"{values[key]:.3f}"
            cells[f"{name} {SCORE_NAMES[score]}"] = text
    return cells


def accuracy_in_words(low: float | None, high: float | None = None) -> str:
    """ "73.47 %", or "72.1 to 72.4 %"."""
    if low is None:
        return ""
    if high is None or high == low:
        return f"{100 * low:.4g} %"
    return f"{100 * low:.4g} to {100 * high:.4g} %"


def as_markdown(
    title: str, told: Shown, pictures: Mapping[str, str], facts: Mapping[str, str]
) -> str:
    """compare.md: the tables, the pictures (title by file), the remarks, what was measured."""
    lines = [f"# {title}", ""]
    for table in told.tables:
        lines += [f"## {table.title}", ""]
        lines += [table.note, ""] if table.note else []
        lines += [_line(table.header), _line(["---"] * len(table.header))]
        lines += [*map(_line, table.rows), ""]
    for file, name in pictures.items():
        lines += [f"## {name}", "", f"![{name}]({file})", ""]
    if told.remarks:
        lines += ["## Of the published figures", ""]
        lines += [f"{i}. {remark}." for i, remark in enumerate(told.remarks, start=1)] + [""]
    lines += ["## What was measured", "", *(f"- {name}: {fact}" for name, fact in facts.items())]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _interval(row: ComparedRow) -> str:
    if row.accuracy_low is None or row.accuracy_high is None:
        return ""
    return f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _millions(number: int | None) -> str:
    return "" if number is None else digits(number / 1e6)
