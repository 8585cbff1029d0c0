"""The pictures of a report: each a function from numbers and a `Theme` to a figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.data.mapped import Images
from fer_tf.errors import FerError
from fer_tf.report.figure_theme import LIGHT, WIDTH, Theme, legend, new_figure, short, style
from fer_tf.report.metrics import Metrics
from fer_tf.report.value_scores import Values

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter
    from matplotlib.typing import ColorType

TOLD = 30
"""Classes up to which a confusion matrix tells its numbers and grows, to 24 inches."""

ROOM = 72
"""Letters that have room below a confusion matrix, of the classes' names and of one more beside it;
where there are more, names are written aslant."""

EXAMPLES = 16
LONG = 9
"""Letters of a name above a face that has room beside the probability."""

LONGEST = 12
"""Letters of a name that has room there at all."""

HISTORY_COLUMNS = (
    "epoch",
    "size",
    "learning_rate",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
)


def confusion_figure(metrics: Metrics, theme: Theme = LIGHT) -> Figure:
    """The confusion matrix: in each cell the share of its row, and the count below it.

    Of more than `TOLD` classes the colours alone tell the shares.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.array(metrics.confusion)
    names = [short(score.name) for score in metrics.classes]
    k = len(names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(WIDTH, 0.8 * min(k, TOLD))
    figure = new_figure(theme, side, side)
    axes = figure.add_subplot()
    style(axes, theme, grid=False)
    colours = LinearSegmentedColormap.from_list("shares", [theme.paper, theme.accent])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1)
    for row, column in np.ndindex(k, k) if k <= TOLD else ():
        empty = not counts[row].any()
        colour = _readable(colours(shares[row, column]), theme)
        share = "-" if empty else f"{shares[row, column]:.0%}"
        count = f"{counts[row, column]:,}"
        axes.text(column, row - 0.11, share, color=colour, ha="center", va="center", fontsize=11)
        axes.text(column, row + 0.22, count, color=colour, ha="center", va="center", fontsize=8)
    if k > 8 or (k + 1) * max(map(len, names)) > ROOM:
        axes.set_xticks(range(k), names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(range(k), names)
    axes.set_yticks(range(k), names)
    axes.tick_params(colors=theme.ink, labelsize=min(9, 1200 / k))  # k lines in 24 inches
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=theme.line, linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("predicted", labelpad=8)
    axes.set_ylabel("true", labelpad=8)
    faces = ", and number of faces" if k <= TOLD else ""
    axes.set_title(f"Share of the true class{faces}", pad=12)
    return figure


def reliability_figure(metrics: Metrics, theme: Theme = LIGHT) -> Figure:
    """Accuracy against confidence (Guo et al., 2017, figure 1) over the spread of confidence."""
    bins = [b for b in metrics.calibration if b.rows]
    width = metrics.calibration[0].high
    middles = [(b.low + b.high) / 2 for b in bins]
    figure = new_figure(theme, WIDTH, WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    for axes in (upper, lower):
        style(axes, theme)
    accuracy = [b.accuracy for b in bins]
    upper.bar(middles, accuracy, 0.9 * width, color=theme.accent, label="accuracy")
    upper.bar(
        middles,
        [b.confidence - b.accuracy for b in bins],
        0.9 * width,
        bottom=accuracy,
        facecolor="none",
        edgecolor=theme.second,
        hatch="////",
        linewidth=1,
        label="gap to confidence",
    )
    upper.plot([0, 1], [0, 1], "--", color=theme.faint, linewidth=1, label="perfectly calibrated")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    told = f"Calibration error {metrics.ece.value:.1%}; by chance alone {metrics.ece_floor:.1%}"
    upper.set_title(told, pad=10)
    legend(upper, theme)
    rows = [b.rows / metrics.rows for b in bins]
    lower.bar(middles, rows, 0.9 * width, color=theme.faint, alpha=0.6)
    lower.set(xlabel="confidence: probability of the predicted class", ylabel="share of faces")
    for axis in (upper.xaxis, upper.yaxis, lower.yaxis):
        axis.set_major_formatter(_percent())
    return figure


def read_history(path: Path) -> pd.DataFrame:
    """The epochs of a run, one row each, `size` as text and the other columns as numbers.

    Args:
        path: a history.csv with the columns of `HISTORY_COLUMNS`; others are ignored.

    Raises:
        FerError: the file is missing, not a table, or lacks a column or a number.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"size": str})
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())
        raise FerError(f"{path}: cannot be read as a history: {told}") from error
    missing = [column for column in HISTORY_COLUMNS if column not in table]
    if missing:
        raise FerError(f"{path}: column {missing[0]!r} is missing: expected a run's history.csv")
    table = table[list(HISTORY_COLUMNS)]
    for column in table.columns.drop("size"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        broken = numbers.isna() & table[column].notna()
        if broken.any():
            row = int(broken.to_numpy().argmax())
            raise FerError(
                f"{path}: row {row + 2}, column {column!r} is {table[column].iloc[row]!r}: "
                "expected a number"
            )
        table = table.assign(**{column: numbers})
    return table


def curves_figure(history: pd.DataFrame, theme: Theme = LIGHT) -> Figure:
    """Loss, accuracy and learning rate by epoch, each stage of progressive resizing marked.

    Args:
        history: at least one row, as `read_history` returns it.
        theme: the colours.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(theme, WIDTH, 1.15 * WIDTH)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.6))
    loss, accuracy, rate = panels
    epochs = history["epoch"].to_numpy()
    marker = "o" if len(epochs) < 25 else ""
    for axes in panels:
        style(axes, theme)
    for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
        series = ((column, "training", theme.accent), (f"val_{column}", "validation", theme.second))
        for name, label, colour in series:
            axes.plot(epochs, history[name], color=colour, label=label, marker=marker, markersize=3)
        axes.set_ylabel(column)
    if history["val_accuracy"].notna().any():
        best = int(np.nanargmax(history["val_accuracy"]))
        value = history["val_accuracy"].iloc[best]
        accuracy.plot(epochs[best], value, "o", color=theme.second, markersize=7, zorder=4)
        accuracy.set_title(f"Best validation accuracy {value:.1%}, epoch {epochs[best]:g}")
    rate.plot(epochs, history["learning_rate"], color=theme.faint, marker=marker, markersize=3)
    rate.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    rate.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    rate.yaxis.get_offset_text().set(color=theme.faint, fontsize=9)
    accuracy.yaxis.set_major_formatter(_percent())
    rate.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    rate.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    _mark_stages(panels, epochs, list(history["size"]), theme)
    legend(loss, theme)
    return figure


def examples_figure(
    labels: np.ndarray,
    probabilities: np.ndarray,
    images: Images,
    names: Sequence[str],
    values: Values | None = None,
    theme: Theme = LIGHT,
) -> Figure:
    """The surest mistakes: 16 faces at most, the greatest probability of a wrong class first.

    Args:
        labels: integer [n], in 0..k-1.
        probabilities: float [n, k].
        images: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        names: the k classes.
        values: of the faces, true and estimated, told below each.
        theme: the colours.
    """
    rows = surest_mistakes(labels, probabilities)
    names = [short(name, LONGEST) for name in names]
    columns = 4
    lines = max(1, -(-len(rows) // columns))
    below = 0 if values is None else len(values.names)
    figure = new_figure(theme, WIDTH, (2.0 + 0.17 * below) * lines)
    if not len(rows):
        figure.text(0.5, 0.5, "No mistakes", color=theme.ink, ha="center", va="center", fontsize=14)
        return figure
    for axes in figure.subplots(lines, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, row in zip(figure.axes, rows, strict=False):
        guess = int(probabilities[row].argmax())
        axes.imshow(images[row], cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
        between = "\n" if len(names[guess]) > LONG else " "
        answer = f"{names[guess]}{between}{_sure(probabilities[row, guess])}"
        true = f"true: {names[int(labels[row])]}"
        axes.set_title(answer, color=theme.bad, fontsize=11, fontweight="bold", pad=18)
        axes.text(0.5, 1.03, true, transform=axes.transAxes, color=theme.faint, ha="center")
        if values is not None:
            axes.text(
                0.5,
                -0.03,
                "\n".join(_both(values, int(row))),
                transform=axes.transAxes,
                color=theme.faint,
                fontsize=8,
                ha="center",
                va="top",
            )
    return figure


def _both(values: Values, row: int) -> list[str]:
    """A line for each value: the estimate and, where it is known, the truth."""
    lines = []
    for name, true, guess in zip(
        values.names, values.true[row], values.estimated[row], strict=True
    ):
        known = "" if np.isnan(true) else f", true {true:+.2f}"
        lines.append(f"{name} {guess:+.2f}{known}")
    return lines


def surest_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Rows of the `EXAMPLES` (or fewer) mistakes with the greatest confidence, surest first.

    Args:
        labels: integer [n], in 0..k-1.
        probabilities: float [n, k].
    """
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return wrong[order[:EXAMPLES]]


def _readable(background: ColorType, theme: Theme) -> str:
    # Contrast as WCAG 2 defines it: ratio of relative luminances, each plus 0.05.
    from matplotlib.colors import to_rgb

    def luminance(colour: ColorType) -> float:
        rgb = np.asarray(to_rgb(colour), float)
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05

    behind = luminance(background)
    return max((theme.ink, theme.paper), key=lambda text: abs(np.log(luminance(text) / behind)))


def _sure(probability: float) -> str:
    # Rounding up to 100 % would claim a certainty that softmax never gives.
    return ">99.9%" if probability > 0.999 else f"{probability:.1%}"


def _mark_stages(
    panels: Sequence[Axes], epochs: np.ndarray, sizes: list[str], theme: Theme
) -> None:
    runs = [(size, len(list(rows))) for size, rows in groupby(sizes)]
    start = 0
    for i, (size, length) in enumerate(runs):
        left, right = epochs[start] - 0.5, epochs[start + length - 1] + 0.5
        start += length
        for axes in panels:
            if i:
                axes.axvline(left, color=theme.faint, linewidth=1, linestyle=":")
            if i % 2:
                axes.axvspan(left, right, color=theme.line, alpha=0.3, linewidth=0, zorder=0)
        panels[0].text(
            (left + right) / 2,
            1.03,
            f"{size} px",
            transform=panels[0].get_xaxis_transform(),
            color=theme.ink,
            ha="center",
            fontsize=10,
        )


def _percent() -> PercentFormatter:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(xmax=1, decimals=0)
