"""Each person's probabilities and values over time, as one picture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.files import write_beside, writing
from fer_tf.vision.drawing import BRIGHT, class_colours, colour
from fer_tf.vision.text_measures import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 600
"""In which the time is held at most: a picture has few more columns."""

PANELS = 6
"""People who are drawn at most."""

_FINEST_S = 0.02
_HELD = 512  # people whose bins are held at most
_LINES = (4, 0, 1, 2)  # indices in `BRIGHT` of the values' lines
_WIDTH = 9.6  # inches
_NAMES = 9.5  # points, the text's height in the legend
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600)
_LABELLED = 0.055  # share of the width from which a stretch is named


class Timeline:
    """Collects answers in bins of time, which grow with the video: memory is bounded.

    Args:
        labels: the names of the classes, in the probabilities' order.
        value_names: names of the values that follow the probabilities; often none.
        start: second of the video at which the picture begins; the collected times count from it.
    """

    def __init__(
        self, labels: tuple[str, ...], value_names: tuple[str, ...] = (), *, start: float = 0.0
    ):
        self.start = start
        self.labels, self.value_names = labels, value_names
        self.end = 0.0
        self._width = _FINEST_S
        self._tracks: dict[int, dict[int, np.ndarray]] = {}
        self._looked: set[int] = set()  # bins of all frames, whoever was seen
        self._forgotten: set[int] = set()

    def add(self, track: int, time: float, answers: np.ndarray) -> None:
        """One answer.

        Args:
            track: the person's number.
            time: seconds of the video, at least `start`.
            answers: float [k], probabilities and then values.
        """
        index = self.extend(time)
        bins = self._tracks.get(track)
        if bins is None:
            bins = self._tracks[track] = {}
            self._forget()
        total = bins.get(index)
        new = np.append(answers, 1.0)  # the last of a bin counts its answers
        bins[index] = new if total is None else total + new

    def extend(self, time: float) -> int:
        """Take note of a frame, whoever is seen then; returns its bin."""
        elapsed = max(time - self.start, 0.0)
        self.end = max(self.end, elapsed)
        while self.end >= BINS * self._width:
            self._widen()
        index = int(elapsed / self._width)
        self._looked.add(index)
        return index

    def __len__(self) -> int:
        """How many people were seen."""
        return len(self._tracks.keys() | self._forgotten)

    def stretches(self, track: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The stretches of time in which a person was seen.

        Yields:
            edges: float64 [n + 1], seconds.
            means: float64 [n, k], the mean answers between them.
        """
        bins = self._tracks[track]
        indices = np.array(sorted(bins))
        # A person missed for less than a tenth of a second, or by the rounding of bins, was there;
        # and so was one between two frames, however slowly they come.
        gap = max(2, math.ceil(0.1 / self._width) + 1)
        missed = np.diff(np.searchsorted(sorted(self._looked), indices)) > 1
        for run in np.split(indices, np.flatnonzero(missed & (np.diff(indices) > gap)) + 1):
            edges = np.append(run, run[-1] + 1) * self._width
            totals = np.array([bins[index] for index in run])
            yield edges, totals[:, :-1] / totals[:, -1:]

    def longest(self) -> list[int]:
        """The people who were seen for longest, at most `PANELS`, by their numbers."""
        ordered = sorted(self._tracks, key=lambda track: (-len(self._tracks[track]), track))
        return sorted(ordered[:PANELS])

    def save(self, path: Path, *, mark: str) -> None:
        """Write the picture as PNG, beside its place first, with a mark of what it shows.

        Raises:
            FerError: it can't be written.
        """
        from fer_tf.report.figure_theme import png

        data = png(timeline_figure(self), comment=mark)
        with writing(path):
            write_beside(path, data)

    def _widen(self) -> None:
        self._width *= 2
        self._looked = {index // 2 for index in self._looked}
        for track, bins in self._tracks.items():
            merged: dict[int, np.ndarray] = {}
            for index, total in bins.items():
                merged[index // 2] = merged.get(index // 2, 0) + total
            self._tracks[track] = merged

    def _forget(self) -> None:
        if len(self._tracks) <= _HELD:
            return
        *older, _ = self._tracks
        shortest = min(older, key=lambda track: len(self._tracks[track]))
        del self._tracks[shortest]
        self._forgotten.add(shortest)


def timeline_figure(timeline: Timeline) -> Figure:
    """One panel a person: the probabilities stacked to 1, and above them the first emotion.

    Where there are values, each person has a second panel of them, from -1 to 1.
    """
    from matplotlib.patches import Patch

    from fer_tf.report.figure_theme import LIGHT, new_figure

    tracks = timeline.longest()
    columns = legend_columns(timeline.labels)
    head = 0.75 + 0.23 * (math.ceil(len(timeline.labels) / columns) - 1)
    foot, each = 0.55, (1.55, 1.0) if timeline.value_names else (1.55,)
    count = max(1, len(tracks))
    height = head + foot + sum(each) * count
    figure = new_figure(LIGHT, _WIDTH, height)
    figure.set_layout_engine(None)
    panels = figure.subplots(
        count * len(each),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": each * count},
    )[:, 0]
    figure.subplots_adjust(
        left=0.6 / _WIDTH,
        right=1 - 0.25 / _WIDTH,
        bottom=foot / height,
        top=1 - head / height,
        hspace=0.42,
    )
    for axes, track in zip(panels[:: len(each)], tracks, strict=False):
        _panel(axes, timeline, track)
    if timeline.value_names:
        for axes, track in zip(panels[1::2], tracks, strict=False):
            _value_panel(axes, timeline, track)
    handles = [
        Patch(facecolor=code, label=label) for label, code in class_colours(timeline.labels).items()
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.6 / _WIDTH, 1 - 0.06 / height),
        ncols=columns,
        frameon=False,
        fontsize=_NAMES,
        labelcolor=LIGHT.ink,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.4,
        handletextpad=0.5,
        borderaxespad=0,
        borderpad=0.2,
    )
    left_out = len(timeline) - len(tracks)
    if left_out:
        people = "1 person" if left_out == 1 else f"{left_out} people"
        figure.text(
            1 - 0.25 / _WIDTH,
            0.1 / height,
            f"not drawn: {people} seen for less time",
            color=LIGHT.faint,
            fontsize=8.5,
            ha="right",
        )
    return figure


def _panel(axes: Axes, timeline: Timeline, track: int) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    from fer_tf.report.figure_theme import LIGHT, style

    style(axes, LIGHT, grid=False)
    end = max(timeline.end, _FINEST_S)
    colours = [*class_colours(timeline.labels).values()]
    classes = len(colours)

    def told(seconds: float) -> str:
        return clock(timeline.start + seconds, timeline.start + end)

    stretches = list(timeline.stretches(track))
    for edges, means in stretches:
        middles = (edges[:-1] + edges[1:]) / 2
        times = np.concatenate([edges[:1], middles, edges[-1:]])
        means = means[:, :classes]
        shares = np.concatenate([means[:1], means, means[-1:]]).T
        axes.stackplot(times, shares, colors=colours, linewidth=0.4, edgecolor=LIGHT.paper)
        _ribbon(axes, edges, means, timeline.labels, end)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1.2)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.spines["left"].set_bounds(0, 1)
    axes.xaxis.set_major_locator(MultipleLocator(tick_step(end)))
    axes.tick_params(axis="x", pad=6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value)))
    first, last = stretches[0][0][0], stretches[-1][0][-1]
    axes.set_title(
        f"#{track}   {told(first)} to {told(min(last, end))}",
        loc="left",
        fontsize=10,
        color=LIGHT.ink,
    )


def _value_panel(axes: Axes, timeline: Timeline, track: int) -> None:
    """A line for each value; the panel above says whose."""
    from fer_tf.report.figure_theme import LIGHT, style

    style(axes, LIGHT, grid=False)
    axes.axhline(0, color=LIGHT.line, linewidth=0.8)
    for number, (edges, means) in enumerate(timeline.stretches(track)):
        middles = (edges[:-1] + edges[1:]) / 2
        values = means[:, len(timeline.labels) :].T
        for place, (name, line) in enumerate(zip(timeline.value_names, values, strict=True)):
            code = BRIGHT[_LINES[place % len(_LINES)]]
            axes.plot(
                middles,
                line,
                color=code,
                linewidth=1.6,
                clip_on=False,
                label=None if number else name,
            )
    axes.set_ylim(-1, 1)
    axes.set_yticks([-1, 0, 1], ["-1", "0", "+1"])
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(timeline.value_names),
        frameon=False,
        fontsize=8.5,
        labelcolor=LIGHT.ink,
        handlelength=1.2,
        borderaxespad=0,
        borderpad=0.1,
    )


def _ribbon(
    axes: Axes, edges: np.ndarray, means: np.ndarray, labels: tuple[str, ...], end: float
) -> None:
    """A band above the areas that names the most probable emotion wherever it changes."""
    from fer_tf.report.figure_theme import LIGHT

    start = 0
    for winner, group in itertools.groupby(means.argmax(axis=1)):
        stop = start + len(list(group))
        left, right = edges[start], edges[stop]
        label = labels[winner]
        code = class_colours(labels)[label]
        axes.broken_barh([(left, right - left)], (1.04, 0.16), facecolor=code, linewidth=0)
        if right - left > _LABELLED * end * max(1.0, len(label) / 6):
            red, green, blue = colour(label, labels)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue <= 140  # ITU-R BT.601's weights
            axes.text(
                (left + right) / 2, 1.12, label, ha="center", va="center_baseline",
                fontsize=8.5, color="#ffffff" if dark else LIGHT.ink, clip_on=True,
            )  # fmt: skip
        start = stop


def legend_columns(labels: tuple[str, ...]) -> int:
    """In how many columns the names of classes stand above the panels: in one row, if they fit."""
    # As wide as Matplotlib's font is, with a colour before each name and space after it.
    names = [1.15 * text_width(label, 100) / 100 + 2.8 for label in labels]
    width = (_WIDTH - 0.85) * 72 / _NAMES + 1.4  # all in heights of the text
    return len(labels) if sum(names) <= width else max(1, int(width / max(names)))


def tick_step(end: float) -> float:
    """Seconds between the ticks of an axis that goes to `end`: at most nine steps, round ones."""
    return next((step for step in _STEPS if end / step <= 9), end)


def clock(seconds: float, end: float) -> str:
    """A time on an axis that goes to `end`: "1.5 s", "12 s", "2:05" or "1:02:05"."""
    if end < 90:
        return f"{seconds:.1f} s" if end < 5 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if end < 3600:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
