"""The pictures of a data set's page: each a function from faces or counts to a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.mapped import PIECE
from fer_tf.report.dataset import DatasetSummary
from fer_tf.report.figure_theme import LIGHT, WIDTH, Theme, legend, new_figure, short, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, GROUP_COLUMNS = 8, 6  # faces in a line; those with labels below them need more room


def counts_figure(summary: DatasetSummary, theme: Theme = LIGHT) -> Figure:
    """Bars of the faces by class and split; empty splits are left out."""
    counts, names = summary.counts, [short(name) for name in summary.labels]
    present = [i for i in range(len(SPLITS)) if counts[i].any()]
    colours = (theme.accent, theme.second, theme.faint)
    figure = new_figure(theme, WIDTH, 0.9 + 0.22 * len(names) * (len(present) + 0.6))
    axes = figure.add_subplot()
    style(axes, theme)
    axes.grid(False, axis="y")
    height = 0.8 / len(present)
    for place, split in enumerate(present):
        at = np.arange(len(names)) + (place - (len(present) - 1) / 2) * height
        bars = axes.barh(at, counts[split], 0.88 * height, color=colours[split])
        bars.set_label(f"{SPLITS[split]} ({counts[split].sum():,})")
        labels = [f"{count:,}" for count in counts[split]]
        axes.bar_label(bars, labels, padding=3, fontsize=9, color=theme.faint)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", colors=theme.ink)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * counts.max())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("faces")
    where = {"loc": "outside upper center", "ncols": 3}
    legend(figure, theme, **where, handlelength=1, handleheight=0.8)
    return figure


def samples_figure(faces: Faces, theme: Theme = LIGHT) -> Figure:
    """A row of up to `COLUMNS` faces for each class that has any, always the same."""
    names = faces.task.labels
    chosen = chosen_rows(faces.labels, len(names), seed=0)
    present = [label for label, rows in enumerate(chosen) if rows]
    figure = new_figure(theme, WIDTH, 0.68 * len(present) + 0.05)
    # One axes for all: to lay out one for each face takes minutes where there are many classes.
    axes = figure.add_subplot()
    axes.set_axis_off()
    height, width = np.array(faces.images.shape[1:3]) / max(faces.images.shape[1:3]) * 0.93
    for line, label in enumerate(present):
        for column, row in enumerate(chosen[label]):
            left, top = column + (1 - width) / 2, line + (1 - height) / 2
            _show(axes, faces.images[row], extent=(left, left + width, top + height, top))
        axes.text(
            -0.1,
            line + 0.5,
            short(names[label]),
            color=theme.ink,
            fontsize=11,
            ha="right",
            va="center",
        )
    axes.set(xlim=(0, COLUMNS), ylim=(len(present), 0), anchor="W")
    return figure


def chosen_rows(labels: np.ndarray, classes: int, seed: int) -> list[list[int]]:
    """Up to `COLUMNS` rows of each class, in their order; the labels are gone through twice."""
    random = np.random.default_rng(seed)
    starts = range(0, len(labels), PIECE)
    counts = np.zeros(classes, int)
    for start in starts:
        counts += np.bincount(labels[start : start + PIECE], minlength=classes)
    # Which of its class's rows each one is, from 0.
    wanted = [random.choice(n, min(COLUMNS, n), replace=False) if n else [] for n in counts]
    rows: list[list[int]] = [[] for _ in range(classes)]
    before = np.zeros(classes, int)
    for start in starts:
        for label in range(classes):
            here = np.flatnonzero(labels[start : start + PIECE] == label)
            places = np.sort(wanted[label]) - before[label]
            places = places[(places >= 0) & (places < len(here))].astype(int)
            rows[label] += (start + here[places]).tolist()
            before[label] += len(here)
    return rows


def groups_figure(faces: Faces, groups: Sequence[tuple[int, ...]], theme: Theme = LIGHT) -> Figure:
    """One face of each group of equal pictures, over the labels that its rows have.

    Args:
        faces: what the groups are of.
        groups: at least one; rows from 1, as in `DatasetSummary`.
        theme: colours.
    """
    lines = -(-len(groups) // GROUP_COLUMNS)
    figure = new_figure(theme, WIDTH, 1.75 * lines)
    grid = figure.subplots(lines, GROUP_COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, group in zip(grid.flat, groups, strict=False):
        rows = np.array(group) - 1
        _show(axes, faces.images[rows[0]])
        labels = "\n".join(
            short(faces.task.labels[label], 12) for label in np.unique(faces.labels[rows])[:3]
        )
        axes.text(
            0.5, -0.08, labels, color=theme.ink, fontsize=10, ha="center", va="top",
            transform=axes.transAxes,
        )  # fmt: skip
    return figure


def _show(
    axes: Axes, image: np.ndarray, extent: tuple[float, float, float, float] | None = None
) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="bicubic", extent=extent)
