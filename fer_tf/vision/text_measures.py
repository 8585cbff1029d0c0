"""How large text, labels and panels of bars are, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fer_tf.fonts import load_font


@dataclass(frozen=True)
class PanelColumns:
    """Measures of a panel of bars, in pixels; `bar` is where the bars begin."""

    padding: int
    row: int
    bar: int
    bar_width: int
    width: int
    height: int

    def middle(self, row: int) -> int:
        """The middle of a row, from the panel's upper edge."""
        return self.padding + int((row + 0.5) * self.row)


@lru_cache(maxsize=64)
def panel_columns(font: int, labels: tuple[str, ...]) -> PanelColumns:
    """The measures of a panel with a row for each label, its text `font` pixels high."""
    padding = max(font * 3 // 4, 3)
    row = round(1.42 * font)
    names = max(text_width(label, font, labels) for label in labels)
    bar = padding + names + font * 2 // 3
    bar_width = 5 * font
    width = bar + bar_width + font // 2 + text_width("100%", font, labels) + padding
    return PanelColumns(padding, row, bar, bar_width, width, row * len(labels) + 2 * padding)


def chip_size(title: str, font: int) -> tuple[int, int]:
    """(width, height) of a label's background with the emotion's dot, in pixels."""
    lines = title.split("\n")
    text = max(text_width(line, font) for line in lines)
    width = font // 2 + max(font * 5 // 9, 3) + font // 3 + text + font // 2
    return width, round(1.6 * font) + (len(lines) - 1) * line_height(font)


def line_height(font: int) -> int:
    """From one line of a label to the next, in pixels."""
    return round(1.3 * font)


def text_width(text: str, size: int, beside: tuple[str, ...] = ()) -> int:
    """The width of a line of text that is `size` pixels high, in pixels."""
    return text_mask(text, size, beside)[0].shape[1]


@lru_cache(maxsize=512)
def text_mask(text: str, size: int, beside: tuple[str, ...] = ()) -> tuple[np.ndarray, int]:
    """A line of text in a font that can write it: Pillow's own (Aileron) for English.

    Args:
        text: the line.
        size: its height, in pixels.
        beside: other lines that stand beside it, and are to be in the same font.

    Returns:
        Its ink, float32 [h, w] in [0, 1], and how far above the middle of its capitals the
        mask begins, in pixels.
    """
    font = load_font("".join((text, *beside)), size)
    top = font.getbbox(text)[1]
    capitals = font.getbbox("H")
    mask = font.getmask(text, mode="L")
    ink = np.asarray(mask, np.float32).reshape(mask.size[1], mask.size[0]) / 255
    middle = round((capitals[1] + capitals[3]) / 2)
    return ink, middle - int(top)
