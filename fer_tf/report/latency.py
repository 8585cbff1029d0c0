"""What each form of a network costs: rows, and them as a table, CSV and a picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from fer_tf.report.figure_theme import LIGHT, Theme, legend, new_figure, plain_ticks, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

NAMES = {
    "litert-float32": "LiteRT float32",
    "litert-float16": "LiteRT float16",
    "litert-int8": "LiteRT int8",
    "onnx": "ONNX Runtime",
    "onnx-int8": "ONNX Runtime int8",
    "openvino": "OpenVINO",
    "savedmodel": "SavedModel",
    "keras-graph": "Keras graph",
    "keras-eager": "Keras eager",
}
"""Of the forms, in the order of tables and pictures; another one has its own, and comes last."""


@dataclass(frozen=True)
class Row:
    """One form of a network at one size with one number of threads; None is not measured.

    Attributes:
        model: as it was named on the command line.
        format: a form's name, such as a key of `NAMES`.
        size: side in pixels at which the network runs.
        threads: that the runtime may use.
        parameters: of the network.
        multiply_adds: of one face.
        file_bytes: on the disk.
        cold_start_s: seconds from a process's start to its first answer, imports included.
        peak_memory_bytes: of that process.
        latency_ms: of one face, the median.
        latency_p95_ms: that 95 % of the calls stay below.
        images_per_second_1: at batch 1; then at batch 8 and 64.
        images_per_second_8: see above.
        images_per_second_64: see above.
        ratio: latency over the baseline's, the median of the rounds' ratios; below 1 is faster.
        ratio_q1: the ratio's lower quartile.
        ratio_q3: the ratio's upper quartile.
        accuracy: share of PublicTest classified right.
    """

    model: str
    format: str
    size: int
    threads: int
    parameters: int | None
    multiply_adds: int | None
    file_bytes: int
    cold_start_s: float
    peak_memory_bytes: int | None
    latency_ms: float
    latency_p95_ms: float
    images_per_second_1: float
    images_per_second_8: float | None
    images_per_second_64: float | None
    ratio: float | None
    ratio_q1: float | None
    ratio_q3: float | None
    accuracy: float | None


COLUMNS = tuple(field.name for field in fields(Row))


def to_csv(rows: Sequence[Row]) -> str:
    """All rows, five significant digits; what was not measured is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = asdict(row).values()
        writer.writerow(f"{v:.5g}" if isinstance(v, float) else v for v in values)
    return out.getvalue()


def latency_table(rows: Sequence[Row], baseline: str) -> Table:
    """A line for each form and size, with the latencies of each number of threads.

    Throughput is that of the most threads. What is measured but not here is in the CSV.
    """
    from rich.table import Table

    threads = sorted({row.threads for row in rows})
    several = len({row.model for row in rows}) > 1
    accurate = any(row.accuracy is not None for row in rows)
    most = _threads(threads[-1])
    table = Table(
        box=None,
        title=f"x: latency over that of {_name(baseline)}",
        title_justify="left",
        pad_edge=False,
    )
    if several:
        table.add_column("model")
    table.add_column("px", justify="right")
    table.add_column("form", no_wrap=True)
    headings = ["file\nMB", "cold\ns", "peak\nMB"]
    for count in threads:
        headings += [f"{_threads(count)}\nms", "\np95", "\nx"]
    headings += [f"{most}\nbatch 8/s", "\nbatch 64/s"]
    for heading in headings + ["\naccuracy"] * accurate:
        table.add_column(heading, justify="right", no_wrap=True)
    lines: dict[tuple, list[Row]] = {}
    for row in sorted(rows, key=_order):
        lines.setdefault((row.model, row.size, row.format), []).append(row)
    for number, ((model, size, form), same) in enumerate(lines.items()):
        if number and form == min((f for m, s, f in lines if (m, s) == (model, size)), key=_rank):
            table.add_row()
        cells = [model] * several + [str(size), _name(form), *_cells(same)]
        table.add_row(*cells[: len(table.columns)])
    return table


def _cells(same: Sequence[Row]) -> list[str]:
    """What the table tells of one form at one size, in its order."""
    first, last = same[0], same[-1]
    peak = first.peak_memory_bytes
    cells = [
        f"{first.file_bytes / 1e6:.1f}",
        f"{first.cold_start_s:.2f}",
        "" if peak is None else f"{peak / 1e6:.0f}",
    ]
    for row in same:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells += [digits(row.latency_ms), digits(row.latency_p95_ms), ratio]
    cells += [digits(last.images_per_second_8), digits(last.images_per_second_64)]
    accuracy = next((row.accuracy for row in same if row.accuracy is not None), None)
    return [*cells, "" if accuracy is None else f"{accuracy:.2%}"]


def latency_figure(rows: Sequence[Row], theme: Theme = LIGHT) -> Figure:
    """Accuracy against latency, or where it is not known, latency by size; latency on log scales.

    Only the rows with the fewest threads are drawn: a line for each form, a point for each size.
    Of a single size there is a bar for each form in place of lines.
    """
    threads = min(row.threads for row in rows)
    shown = [row for row in rows if row.threads == threads]
    if len({row.size for row in shown}) == 1:
        return _bars(shown, theme)
    accurate = any(row.accuracy is not None for row in rows)
    accuracy = {(r.model, r.format, r.size): r.accuracy for r in rows if r.accuracy is not None}
    figure = new_figure(theme, 8.6, 5.2)
    axes = figure.add_subplot()
    style(axes, theme)
    several = len({row.model for row in rows}) > 1
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(shown, key=_order):
        lines.setdefault((row.model, row.format), []).append(row)
    for (model, form), points in sorted(lines.items(), key=lambda item: _rank(item[0][1])):
        x = [p.latency_ms if accurate else p.size for p in points]
        y = [
            100 * (accuracy.get((p.model, p.format, p.size)) or math.nan)
            if accurate
            else p.latency_ms
            for p in points
        ]
        name = _name(form) + f", {model}" * several
        axes.plot(x, y, label=name, markersize=5.5, linewidth=1.6, **_look(form, theme))
    if accurate:
        _label_sizes(axes, shown, accuracy, theme)
        axes.set_xscale("log")
        axes.set_xlabel(f"milliseconds a face, batch 1, {_threads(threads)} (log scale)")
        axes.set_ylabel("accuracy on PublicTest, %")
        axes.set_title("Accuracy against latency", pad=12)
    else:
        axes.set_yscale("log")
        axes.set_xticks(sorted({row.size for row in shown}))
        axes.set_xlabel("side of the face, pixels")
        axes.set_ylabel(f"milliseconds a face, batch 1, {_threads(threads)} (log scale)")
        axes.set_title("Latency by size", pad=12)
    plain_ticks(axes.xaxis if accurate else axes.yaxis)
    legend(axes, theme, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _bars(rows: Sequence[Row], theme: Theme) -> Figure:
    """A bar of the latency for each form at one size, with its accuracy where that is known."""
    ordered = sorted(rows, key=lambda row: row.latency_ms)
    several = len({row.model for row in rows}) > 1
    names = [_name(row.format) + f", {row.model}" * several for row in ordered]
    figure = new_figure(theme, 8.6, 1.3 + 0.38 * len(ordered))
    axes = figure.add_subplot()
    style(axes, theme)
    axes.grid(False, axis="y")
    colours = [_look(row.format, theme)["color"] for row in ordered]
    bars = axes.barh(names, [row.latency_ms for row in ordered], 0.66, color=colours)
    texts = [
        f"{digits(row.latency_ms)} ms"
        + ("" if row.accuracy is None else f", {row.accuracy:.1%} right")
        for row in ordered
    ]
    axes.bar_label(bars, texts, padding=5, fontsize=9, color=theme.ink)
    axes.invert_yaxis()
    axes.tick_params(axis="y", colors=theme.ink)
    axes.margins(x=0.3 if any(row.accuracy is not None for row in rows) else 0.15)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"milliseconds a face, batch 1, {_threads(rows[0].threads)}")
    right = ", accuracy on PublicTest" if any(row.accuracy is not None for row in rows) else ""
    axes.set_title(f"Latency at {rows[0].size} px{right}", loc="left", pad=12)
    return figure


def _look(form: str, theme: Theme) -> dict[str, Any]:
    """One colour a family: LiteRT, ONNX, OpenVINO, TensorFlow; dashes and marks tell the rest."""
    looks = {
        "litert-float32": {"color": theme.accent, "marker": "o"},
        "litert-float16": {"color": theme.accent, "marker": "s", "linestyle": "--"},
        "litert-int8": {"color": theme.accent, "marker": "^", "linestyle": ":"},
        "onnx": {"color": theme.second, "marker": "o"},
        "onnx-int8": {"color": theme.second, "marker": "^", "linestyle": ":"},
        "openvino": {"color": theme.bad, "marker": "D"},
        "savedmodel": {"color": theme.faint, "marker": "o"},
        "keras-graph": {"color": theme.faint, "marker": "s", "linestyle": "--"},
        "keras-eager": {"color": theme.faint, "marker": "^", "linestyle": ":"},
    }
    return looks.get(form, {"color": theme.ink, "marker": "o"})


def _label_sizes(axes, rows: Sequence[Row], accuracy: dict, theme: Theme) -> None:
    """Write each size beside the fastest point that has it."""
    from matplotlib.patheffects import withStroke

    axes.margins(x=0.1)
    for size in sorted({row.size for row in rows}):
        fastest = min((r for r in rows if r.size == size), key=lambda row: row.latency_ms)
        share = accuracy.get((fastest.model, fastest.format, size))
        if share is not None:
            axes.annotate(
                f"{size} px",
                (fastest.latency_ms, 100 * share),
                xytext=(-7, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                color=theme.ink,
                fontsize=8.5,
                path_effects=[withStroke(linewidth=3, foreground=theme.paper)],
                zorder=5,
            )


def _order(row: Row) -> tuple:
    return row.model, row.size, _rank(row.format), row.threads


def _rank(form: str) -> tuple[int, str]:
    return [*NAMES, form].index(form), form


def _name(form: str) -> str:
    return NAMES.get(form, form)


def _threads(count: int) -> str:
    return f"{count} thread" + "s" * (count > 1)


def digits(value: float | None) -> str:
    """Three significant digits, without an exponent; "" for None."""
    if value is None:
        return ""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"
