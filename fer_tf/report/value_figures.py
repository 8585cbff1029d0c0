"""The pictures of continuous values: where faces lie, and how far the estimates are off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.report.figure_theme import LIGHT, WIDTH, Theme, legend, new_figure, short, style
from fer_tf.report.value_scores import Values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 3000
"""Faces that are drawn at most: more hide each other."""

COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#b3a100",
    "#7f7f7f",
)
"""Told apart by the colour-blind as well (Okabe and Ito, 2008), on light and on dark paper."""


def circumplex_figure(
    values: Values, labels: np.ndarray, names: Sequence[str], theme: Theme = LIGHT
) -> Figure:
    """The first two values of each face, true and estimated side by side (Russell, 1980).

    Of a single value, the estimate against the truth.

    Args:
        values: what is drawn.
        labels: integer [n], the true classes, which colour the points.
        names: the classes.
        theme: the colours of the paper.
    """
    rows = _sample(np.isfinite(values.true[:, :2]).all(axis=1))
    if len(values.names) == 1:
        panels = {"": np.stack([values.true[:, 0], values.estimated[:, 0]], axis=1)}
        axis_names = (f"true {values.names[0]}", f"estimated {values.names[0]}")
    else:
        panels = {"true": values.true[:, :2], "estimated": values.estimated[:, :2]}
        axis_names = (values.names[0], values.names[1])
    figure = new_figure(theme, WIDTH, WIDTH / len(panels) + 0.9)
    drawn = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, points) in zip(drawn, panels.items(), strict=True):
        style(axes, theme)
        for label, name in enumerate(names):
            x, y = points[rows[labels[rows] == label]].T
            if x.size:
                colour = COLOURS[label % len(COLOURS)]
                axes.scatter(x, y, s=7, color=colour, alpha=0.55, linewidths=0, label=short(name))
        axes.axhline(0, color=theme.faint, linewidth=0.8)
        axes.axvline(0, color=theme.faint, linewidth=0.8)
        axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xlabel=axis_names[0], aspect="equal")
        axes.set_title(title, pad=8)
    drawn[0].set_ylabel(axis_names[1])
    handles, titles = drawn[0].get_legend_handles_labels()
    where = {"loc": "outside lower center", "ncols": 4, "markerscale": 2.5}
    if handles:  # of faces that have both values
        legend(figure, theme, handles=handles, labels=titles, **where)
    return figure


def residuals_figure(values: Values, theme: Theme = LIGHT) -> Figure:
    """Estimated less true value against the true one, a panel for each, with the mean's line."""
    count = len(values.names)
    figure = new_figure(theme, WIDTH, WIDTH / 2 + 0.3)
    panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    edges = np.linspace(-1, 1, 11)
    for i, axes in enumerate(panels):
        style(axes, theme)
        known = np.isfinite(values.true[:, i])
        rows = _sample(known)
        true, off = values.true[:, i], values.estimated[:, i] - values.true[:, i]
        axes.scatter(true[rows], off[rows], s=6, color=theme.accent, alpha=0.35, linewidths=0)
        which = np.clip(np.digitize(true[known], edges) - 1, 0, len(edges) - 2)
        faces = np.bincount(which, minlength=len(edges) - 1)
        means = np.bincount(which, off[known], len(edges) - 1) / np.maximum(faces, 1)
        middles = (edges[:-1] + edges[1:]) / 2
        axes.plot(
            middles[faces > 0], means[faces > 0], color=theme.second, marker="o", markersize=4
        )
        axes.axhline(0, color=theme.faint, linewidth=0.8)
        axes.set(xlim=(-1.05, 1.05), xlabel=f"true {values.names[i]}")
    panels[0].set_ylabel("estimated less true")
    return figure


def _sample(chosen: np.ndarray) -> np.ndarray:
    """Indices of at most `POINTS` of the chosen faces, always the same: int64, ascending."""
    rows = np.flatnonzero(chosen)
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).astype(np.int64)]
