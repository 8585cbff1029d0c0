"""The colours that figures and pages share, for light paper and for dark."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_tf.fonts import font_file, lacking_letters, matplotlib_font

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


WIDTH = 6.4
"""Of most figures, in inches: at one width their texts have one size on the page."""


@dataclass(frozen=True)
class Theme:
    """CSS hex colours.

    Attributes:
        paper: behind figures and cards.
        page: behind the cards of a page.
        ink: text.
        faint: secondary text and axes.
        line: grids and borders.
        accent: the first series.
        second: the second series.
        bad: mistakes.
    """

    paper: str
    page: str
    ink: str
    faint: str
    line: str
    accent: str
    second: str
    bad: str


LIGHT = Theme(
    paper="#ffffff",
    page="#f4f5f7",
    ink="#1c2330",
    faint="#5d6778",
    line="#dfe3ea",
    accent="#2f62c9",
    second="#d9731a",
    bad="#c0343c",
)
DARK = Theme(
    paper="#1b202a",
    page="#12151c",
    ink="#e6e9ef",
    faint="#9aa4b5",
    line="#323a48",
    accent="#79a6ff",
    second="#f0a35c",
    bad="#ff7b80",
)


def short(name: str, letters: int = 24) -> str:
    """A class's name, cut where it would leave no room for the rest of a figure."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def new_figure(theme: Theme, width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches.

    It belongs to no pyplot state and needs no display: saving it to PNG uses Agg by itself.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor=theme.paper, layout="constrained")


def style(axes: Axes, theme: Theme, *, grid: bool = True) -> None:
    """Give `axes` the theme's colours, two spines instead of four, and a quiet grid."""
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.faint, labelsize=9, length=0)
    for side, spine in axes.spines.items():
        spine.set_color(theme.line)
        spine.set_visible(side in ("left", "bottom"))
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.faint)
        text.set_fontsize(9.5)
    axes.title.set_color(theme.ink)
    axes.title.set_fontsize(11)
    if grid:
        axes.grid(color=theme.line, linewidth=0.8)
        axes.set_axisbelow(True)


def legend(of: Axes | Figure, theme: Theme, **options: Any) -> None:
    """A legend in the theme's ink, without a frame; `options` are those of Matplotlib."""
    of.legend(frameon=False, labelcolor=theme.ink, fontsize=9, **options)


def plain_ticks(axis: Axis) -> None:
    """1, 2, 5, 10 on a log scale, instead of powers of ten; fewer of them over several decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1e3 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def png(figure: Figure, dpi: int = 150, comment: str = "") -> bytes:
    """The figure as the bytes of a PNG file, with a comment in it if there is one."""
    buffer = BytesIO()
    metadata = {"Comment": comment} if comment else None
    with _texts_as_they_are(figure):
        figure.savefig(buffer, format="png", dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def rendered(figure: Figure, dpi: int = 150) -> np.ndarray:
    """The figure as pixels, RGB, uint8 [h, w, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with _texts_as_they_are(figure):
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


@contextmanager
def _texts_as_they_are(figure: Figure) -> Iterator[None]:
    """Letters that Matplotlib's own font lacks come from another one, and dollars are dollars."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    for text in texts:
        text.set_parse_math(False)  # else a class called "$^$" would be a formula, and a wrong one
    written = "".join(text.get_text() for text in texts)
    file = font_file(lacking_letters(written, matplotlib_font()))
    if file is not None:
        fontManager.addfont(file)
        name = FontProperties(fname=file).get_name()
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), name])
    with warnings.catch_warnings():
        # A letter that no font has is a box, which needs no lines in the terminal.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
