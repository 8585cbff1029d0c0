"""The pictures of a comparison: each a function from rows or histories to a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.comparing.ranking import pareto_front
from fer_tf.comparing.table import ComparedRow
from fer_tf.report.figure_theme import LIGHT, WIDTH, Theme, legend, new_figure, plain_ticks, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
"""Panels beside each other."""

PLACES = (
    *((8, 0), (-8, 0), (6, 8), (6, -8), (-6, 8), (-6, -8), (0, 10), (0, -10)),
    *((8, 20), (8, -20), (-8, 20), (-8, -20), (8, 32), (-8, -32)),
)
"""Where a point's name may stand, in points from it."""

COSTS = {
    "litert_ms": "milliseconds a face, LiteRT, batch 1, one thread (log scale)",
    "keras_ms": "milliseconds a face, Keras, batch 1 (log scale)",
    "multiply_adds": "multiply-adds of a face, millions (log scale)",
}
"""What accuracy is drawn against: its axis."""


def pareto_figure(rows: Sequence[ComparedRow], cost: str, theme: Theme = LIGHT) -> Figure:
    """Accuracy with its 95 % interval against a cost; a line joins the rows that no other beats.

    The points of rows that were trained for fewer steps than the others are hollow.

    Args:
        rows: those without the cost or an accuracy are left out; at least one has both.
        cost: a key of `COSTS`.
        theme: the colours.
    """
    known = [row for row in rows if row.accuracy is not None and getattr(row, cost)]
    scale = 1e-6 if cost == "multiply_adds" else 1.0
    x = np.array([scale * getattr(row, cost) for row in known])
    y = np.array([100 * (row.accuracy or 0.0) for row in known])
    front = pareto_front(list(zip(x, y, strict=True)))
    figure = new_figure(theme, WIDTH, 5.0)
    axes = figure.add_subplot()
    style(axes, theme)
    for place, row in enumerate(known):
        ends = [
            [y[place] - 100 * (row.accuracy_low or 0)],
            [100 * (row.accuracy_high or 0) - y[place]],
        ]
        axes.errorbar(
            x[place], y[place], ends, color=theme.faint, alpha=0.45, linewidth=1.1, zorder=1
        )
    most = max(row.steps or 0 for row in known)
    short = [place for place, row in enumerate(known) if (row.steps or 0) < most]
    full = np.setdiff1d(np.arange(len(known)), [*front, *short])
    axes.plot(x[full], y[full], "o", color=theme.faint, markersize=6)
    axes.plot(
        x[front],
        y[front],
        "-o",
        color=theme.accent,
        markersize=8,
        linewidth=1.6,
        label="Pareto front: none is cheaper and as accurate",
    )
    if short:
        axes.plot(
            x[short],
            y[short],
            "o",
            color=theme.faint,
            markerfacecolor=theme.paper,
            markersize=6,
            zorder=3,
            label=f"trained for less than the others' {most:,} steps",
        )
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    plain_ticks(axes.xaxis)
    axes.set_xlabel(COSTS[cost])
    axes.set_ylabel("accuracy on PublicTest, %")
    priors = [row.prior for row in known if row.prior is not None]
    if priors and min(y) < 100 * priors[0] + 8:
        label = "share of the commonest class"
        axes.axhline(100 * priors[0], color=theme.bad, linewidth=1, linestyle=":", label=label)
    legend(figure, theme, loc="outside upper left", ncols=2)
    _name_points(figure, axes, x, y, [row.label for row in known], front, theme)
    return figure


def _name_points(
    figure: Figure,
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    front: Sequence[int],
    theme: Theme,
) -> None:
    """Write each name beside its point, in the first of `PLACES` where it meets no other.

    Names on the front are placed first; one that fits nowhere takes the place where it meets least.
    """
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    points = axes.transData.transform(list(zip(x, y, strict=True)))
    taken = [Bbox.from_extents(px - 6, py - 6, px + 6, py + 6) for px, py in points]
    frame = axes.get_window_extent()
    for i in sorted(range(len(names)), key=lambda i: (i not in front, y[i])):
        tried = []
        for dx, dy in PLACES:
            text = axes.annotate(
                names[i],
                (x[i], y[i]),
                xytext=(dx, dy),
                textcoords="offset points",
                ha="left" if dx > 0 else "right" if dx < 0 else "center",
                va="bottom" if dy > 0 else "top" if dy < 0 else "center",
                color=theme.ink if i in front else theme.faint,
                fontsize=8.5,
                fontweight="bold" if i in front else "normal",
                zorder=5,
            )
            text.set_in_layout(False)  # or the axes would move from under the names
            box = text.get_window_extent()
            outside = not (frame.x0 <= box.x0 and box.x1 <= frame.x1)
            overlaps = (
                sum(_area(box, other) for place, other in enumerate(taken) if place != i)
                + 1e6 * outside
            )
            tried.append((overlaps, text, box))
            if not overlaps:
                break
        best = min(range(len(tried)), key=lambda place: tried[place][0])
        for place, (_, text, _) in enumerate(tried):
            if place != best:
                text.remove()
        taken.append(tried[best][2])


def _area(one, other) -> float:
    """Of what two boxes share, in square pixels."""
    from matplotlib.transforms import Bbox

    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)


def curves_side_by_side(
    histories: Mapping[str, Sequence[pd.DataFrame]], theme: Theme = LIGHT
) -> Figure:
    """Validation and training accuracy by epoch, a panel for each row; the others' lie behind it.

    Args:
        histories: by the row's name, the tables of its runs, as `read_history` returns them.
        theme: the colours.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    lines = -(-len(histories) // COLUMNS)
    columns = min(COLUMNS, len(histories))
    figure = new_figure(theme, 1.3 * WIDTH, 0.5 + 1.75 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(histories) :]:
        axes.set_axis_off()
    everyone = [table for tables in histories.values() for table in tables]
    marker = "o" if max(len(table) for table in everyone) < 3 else ""
    for place, (axes, (name, tables)) in enumerate(zip(grid.flat, histories.items(), strict=False)):
        style(axes, theme)
        for table in everyone:
            axes.plot(table["epoch"], table["val_accuracy"], color=theme.line, linewidth=1)
        for table in tables:
            marks = {"marker": marker, "markersize": 3}
            axes.plot(table["epoch"], table["accuracy"], ":", color=theme.faint, **marks)
            axes.plot(table["epoch"], table["val_accuracy"], color=theme.accent, **marks)
        best = max(table["val_accuracy"].max() for table in tables)
        axes.set_title(f"{name}  {best:.1%}", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
        if place + columns >= len(histories):
            axes.set_xlabel("epoch")
            axes.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=theme.accent, label="validation, and its best"),
        Line2D([], [], color=theme.faint, linestyle=":", label="training"),
        Line2D([], [], color=theme.line, label="the others' validation"),
    ]
    legend(figure, theme, handles=handles, loc="outside upper left", ncols=3)
    return figure


def small_confusion_figure(
    confusion: Sequence[Sequence[int]], names: Sequence[str], theme: Theme = LIGHT
) -> Figure:
    """A confusion matrix that is legible in a small card: the share of each row, in percent."""
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(theme, 3.6, 3.3)
    axes = figure.add_subplot()
    style(axes, theme, grid=False)
    colours = LinearSegmentedColormap.from_list("shares", [theme.paper, theme.accent])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    for row, column in np.ndindex(shares.shape):
        if counts[row, column]:
            colour = theme.paper if shares[row, column] > 0.55 else theme.ink
            axes.text(
                column, row, f"{100 * shares[row, column]:.0f}", color=colour, ha="center",
                va="center", fontsize=8,
            )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(colors=theme.ink, labelsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return figure
