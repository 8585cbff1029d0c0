"""Where labels and bars go, so that they fit the picture and keep off the faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ImageFont

from fer_tf.vision.results import Face

TEXT_SIZE, TEXT_SIDE, TEXT_POWER = 14, 480, 0.8
"""14 pixels in a picture whose shorter side is 480, and more in a larger one by the power 0.8:
large pictures are shown smaller, but not as much smaller as they are larger."""

SMALLEST_TEXT = 11
"""Pixels; smaller than that, only labels that would not fit in a tiny picture are written."""

LEAST_TEXT = 6
"""Pixels; a label that would have to be smaller is left out."""

PANEL_SHARE, PANEL_MOST = 0.13, 0.18
"""Height of the bars' text, as a share of the face's: as a rule, and where it must be legible."""


AWAY = 1.5
"""Sides of a face's box up to which its bars go away from it, in a crowd."""

LOOKED_AT = 40
"""Free places that are tried for a line that runs over nobody."""


Line = tuple[tuple[int, int], tuple[int, int]]
"""Two points, (x, y) each."""


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int

    def overlap(self, other: Rect) -> int:
        """Square pixels that both cover."""
        width = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        height = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)

    def grown(self, pixels: int) -> Rect:
        """Wider by `pixels` on each side."""
        return Rect(
            self.left - pixels,
            self.top - pixels,
            self.width + 2 * pixels,
            self.height + 2 * pixels,
        )


@dataclass(frozen=True)
class Plan:
    """Where the parts of one face's drawing go, in pixels.

    Attributes:
        box: the middle of its outline.
        line: the outline's thickness.
        radius: of its corners.
        chip: behind the label; None where no legible one fits.
        chip_font: height of the label's text.
        panel: behind the bars; None where there is no room.
        panel_font: height of the bars' text.
        link: where a line from the face or its label to its bars begins and ends, (x, y) each;
            None for the only face of a picture, and without bars.
        chip_link: likewise, from the face to its label; None where the label is at the face.
    """

    box: Rect
    line: int
    radius: int
    chip: Rect | None
    chip_font: int
    panel: Rect | None
    panel_font: int
    link: Line | None = None
    chip_link: Line | None = None


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
        """Of a row, from the panel's upper edge."""
        return self.padding + int((row + 0.5) * self.row)


def arrange(
    width: int, height: int, faces: Sequence[Face], titles: Sequence[str], *, steady: bool = False
) -> list[Plan]:
    """A plan for each face of a picture of `width` x `height` pixels.

    Labels are placed first, then bars, those of the largest faces first: beside their face, or
    where they would cover another one, at the nearest free place with a line to it; where none is
    near, they are left out. With `steady` nothing goes away from its face, as it would jump from
    frame to frame of a video, and a label stays where it covers the least of others.
    """
    base = round(TEXT_SIZE * (min(width, height) / TEXT_SIDE) ** TEXT_POWER)
    base = max(base, SMALLEST_TEXT)
    lines = [_line(base, face) for face in faces]
    boxes = [_inside(face, width, height, line) for face, line in zip(faces, lines, strict=True)]
    bounds = Rect(0, 0, width, height)
    chips: list[Rect | None] = []
    fonts: list[int] = []
    for index, (face, title) in enumerate(zip(faces, titles, strict=True)):
        others = [box for i, box in enumerate(boxes) if i != index]
        wanted = min(max(round(0.13 * face.box.height), base * 3 // 4), base)
        chip, font = _place_chip(
            boxes[index], title, max(wanted, SMALLEST_TEXT), bounds, lines[index], others, chips
        )
        chips.append(chip)
        fonts.append(font)
    chip_links: dict[int, Line] = {}
    covering = [
        index
        for index, chip in enumerate(chips)
        if chip and any(chip.overlap(other) for other in _others(boxes, index, chips[:index]))
    ]
    if not steady:
        for index in covering:
            chips[index] = None
        for index in covering:
            others = _others(boxes, index, chips)
            font = min(fonts[index], SMALLEST_TEXT)
            size = chip_width(titles[index], font), chip_height(font, titles[index].count("\n") + 1)
            away = _free_place(size, boxes[index], None, bounds, others, gap=3, step=font // 2 + 1)
            if away is not None:
                chips[index], chip_links[index] = away
                fonts[index] = font

    panels: dict[int, tuple[Rect, int]] = {}
    for place in (_place_panel, None if steady or len(faces) < 2 else _place_away):
        for index in sorted(range(len(faces)), key=lambda i: -faces[i].box.area):
            if place is None or index in panels:
                continue
            others = _others(boxes, index, [*chips[:index], *chips[index + 1 :]])
            others += [panel for panel, _ in panels.values()]
            found = place(boxes[index], chips[index], faces[index], base, bounds, others)
            if found is not None:
                panels[index] = found
    plans = []
    for index, box in enumerate(boxes):
        panel, panel_font = panels.get(index, (None, 0))
        radius = min(box.width, box.height) // 10
        crowded = len(faces) > 1
        link = _link(panel, box, chips[index]) if crowded and panel is not None else None
        plans.append(
            Plan(
                *(box, lines[index], radius, chips[index], fonts[index], panel, panel_font),
                *(link, chip_links.get(index)),
            )
        )
    return plans


def _others(boxes: Sequence[Rect], index: int, chips: Sequence[Rect | None]) -> list[Rect]:
    """The boxes of all faces but one, and those of the labels that there are."""
    return [*boxes[:index], *boxes[index + 1 :], *(chip for chip in chips if chip)]


def _line(base: int, face: Face) -> int:
    """Thickness of the outline: of the text's strokes, and thinner around a small face."""
    return max(min(round(base / 7), round(face.box.height / 30)), 1)


def _inside(face: Face, width: int, height: int, line: int) -> Rect:
    """The box, cut so that its whole outline lies inside the picture."""
    edge = line // 2 + 1
    left = min(max(round(face.box.left), edge), max(width - edge - 2, 0))
    top = min(max(round(face.box.top), edge), max(height - edge - 2, 0))
    right = min(max(round(face.box.right), left + 1), max(width - edge - 1, left + 1))
    bottom = min(max(round(face.box.bottom), top + 1), max(height - edge - 1, top + 1))
    return Rect(left, top, right - left, bottom - top)


def _place_chip(
    box: Rect,
    title: str,
    font: int,
    bounds: Rect,
    line: int,
    faces: Sequence[Rect],
    chips: Sequence[Rect | None],
) -> tuple[Rect | None, int]:
    """Above the box, else below, else inside it; where it covers the least of others."""
    while font >= LEAST_TEXT and chip_width(title, font) > bounds.width:
        font -= 1
    lines = title.count("\n") + 1
    if font < LEAST_TEXT or chip_height(font, lines) > bounds.height:
        return None, 0
    width, height = chip_width(title, font), chip_height(font, lines)
    gap = line + max(font // 6, 1)
    left = min(max(box.left - line // 2, 0), bounds.width - width)
    right = min(max(box.left + box.width + line // 2 - width, 0), bounds.width - width)
    above, below = box.top - gap - height, box.top + box.height + gap
    candidates = [
        Rect(x, y, width, height)
        for y in (above, below, box.top + gap, box.top + box.height - gap - height)
        for x in (left, right)
        if 0 <= y <= bounds.height - height
    ] or [Rect(left, max((bounds.height - height) // 2, 0), width, height)]
    taken = [*faces, *(chip for chip in chips if chip)]
    return min(candidates, key=lambda rect: sum(rect.overlap(other) for other in taken)), font


def _place_panel(
    box: Rect, chip: Rect | None, face: Face, base: int, bounds: Rect, others: Sequence[Rect]
) -> tuple[Rect, int] | None:
    """Right of the box, left or below, as large as fits, else above; None where none is legible."""
    smallest = max(SMALLEST_TEXT, base * 2 // 3)
    if PANEL_MOST * box.height < smallest:
        return None
    largest = max(min(round(PANEL_SHARE * box.height), base), smallest)
    fonts = sorted({largest, (largest + smallest) // 2, smallest}, reverse=True)
    for sides in (("right", "left", "below"), ("above",)):
        for font in fonts:
            columns = panel_columns(font, face.labels)
            gap = max(font // 2, 3)
            edge = bounds.grown(-max(font // 4, 1))
            for side in sides:
                for rect in _beside(side, box, chip, columns, edge, gap):
                    clear = all(rect.grown(gap - 1).overlap(other) == 0 for other in others)
                    covers_own = chip is not None and rect.overlap(chip) > 0
                    inside = rect.overlap(edge) == rect.width * rect.height
                    if clear and inside and not covers_own:
                        return rect, font
    return None


def _place_away(
    box: Rect, chip: Rect | None, face: Face, base: int, bounds: Rect, others: Sequence[Rect]
) -> tuple[Rect, int] | None:
    """At the nearest free place to which a line runs over nothing; None where none is near."""
    font = max(SMALLEST_TEXT, base * 2 // 3)
    if PANEL_MOST * box.height < font:
        return None
    columns = panel_columns(font, face.labels)
    size = columns.width, columns.height
    gap, step = max(font // 2, 3), max(columns.row, 1)
    found = _free_place(size, box, chip, bounds, others, gap=gap, step=step)
    return None if found is None else (found[0], font)


def _free_place(
    size: tuple[int, int],
    box: Rect,
    chip: Rect | None,
    bounds: Rect,
    others: Sequence[Rect],
    *,
    gap: int,
    step: int,
) -> tuple[Rect, Line] | None:
    """The nearest place for (width, height) pixels off everything, and the line to it."""
    width, height = size
    reach = AWAY * max(box.width, box.height)
    left, top = np.meshgrid(
        np.arange(gap, bounds.width - width - gap, step),
        np.arange(gap, bounds.height - height - gap, step),
    )
    across = left + width / 2 - (box.left + box.width / 2)
    down = top + height / 2 - (box.top + box.height / 2)
    distance = np.hypot(across, down)
    taken = distance > reach + width
    for other in (box, *others, *([] if chip is None else [chip])):
        taken |= (
            (left < other.left + other.width + gap)
            & (left + width + gap > other.left)
            & (top < other.top + other.height + gap)
            & (top + height + gap > other.top)
        )
    order = np.argsort(np.where(taken, np.inf, distance), axis=None, kind="stable")
    for place in order[: int((~taken).sum())][:LOOKED_AT]:
        rect = Rect(int(left.flat[place]), int(top.flat[place]), width, height)
        start, end = _link(rect, box, chip)
        line = np.linspace(start, end, 24)
        if not any(_within(line, other) for other in others):
            return rect, (start, end)
    return None


def _within(points: np.ndarray, rect: Rect) -> bool:
    """Whether any of the points [n, 2] lies in a rectangle."""
    inside = (points >= (rect.left, rect.top)) & (
        points <= (rect.left + rect.width, rect.top + rect.height)
    )
    return bool(inside.all(axis=1).any())


def _link(panel: Rect, box: Rect, chip: Rect | None) -> Line:
    """The shortest line to a panel from the face's box, or from its label where that is nearer."""
    owners = [box] if chip is None else [box, chip]
    return min((_shortest(owner, panel) for owner in owners), key=lambda line: math.dist(*line))


def _shortest(one: Rect, other: Rect) -> Line:
    """Between two rectangles that are apart, in the middle of what they face each other with."""
    starts, ends = zip(
        _nearest(one.left, one.width, other.left, other.width),
        _nearest(one.top, one.height, other.top, other.height),
        strict=True,
    )
    return (starts[0], starts[1]), (ends[0], ends[1])


def _nearest(start: int, length: int, other: int, size: int) -> tuple[int, int]:
    """The nearest points of two stretches; the middle of what they share, if they do."""
    first, last = max(start, other), min(start + length, other + size)
    if first <= last:
        return (first + last) // 2, (first + last) // 2
    return (start + length, other) if start < other else (start, other + size)


def _beside(
    side: str, box: Rect, chip: Rect | None, columns: PanelColumns, edge: Rect, gap: int
) -> list[Rect]:
    """Places for a panel at one side: level with the box's upper edge, or with its lower one."""
    width, height = columns.width, columns.height
    if side in ("right", "left"):
        x = box.left + box.width + gap if side == "right" else box.left - gap - width
        lowest = edge.top + edge.height - height
        upper, lower = min(box.top, lowest), max(box.top + box.height - height, edge.top)
        return [Rect(x, y, width, height) for y in (upper, min(lower, lowest))]
    x = min(max(box.left, edge.left), edge.left + edge.width - width)
    above = chip is not None and chip.top < box.top
    if side == "below":
        foot = chip if chip is not None and not above else box
        y = max(foot.top + foot.height, box.top + box.height) + gap
    else:
        head = chip if chip is not None and above else box
        y = head.top - gap - height
    return [Rect(x, y, width, height)]


@lru_cache(maxsize=64)
def panel_columns(font: int, labels: tuple[str, ...]) -> PanelColumns:
    """The measures of a panel with a row for each label, its text `font` pixels high."""
    padding = max(font * 3 // 4, 3)
    row = round(1.42 * font)
    names = max(text_width(label, font) for label in labels)
    bar = padding + names + font * 2 // 3
    bar_width = 5 * font
    width = bar + bar_width + font // 2 + text_width("100%", font) + padding
    return PanelColumns(padding, row, bar, bar_width, width, row * len(labels) + 2 * padding)


def chip_height(font: int, lines: int) -> int:
    """Of the background of a label of so many lines, in pixels."""
    return round(1.6 * font) + (lines - 1) * line_height(font)


def line_height(font: int) -> int:
    """From one line of a label to the next, in pixels."""
    return round(1.3 * font)


def chip_width(title: str, font: int) -> int:
    """Of a label's background with the emotion's dot, in pixels."""
    text = max(text_width(line, font) for line in title.split("\n"))
    return font // 2 + max(font * 5 // 9, 3) + font // 3 + text + font // 2


def text_width(text: str, size: int) -> int:
    """Of a line of text `size` pixels high, in pixels."""
    return text_mask(text, size)[0].shape[1]


@lru_cache(maxsize=512)
def text_mask(text: str, size: int) -> tuple[np.ndarray, int]:
    """A line of text in Pillow's own font (Aileron).

    Returns:
        Its ink, float32 [h, w] in [0, 1], and how far above the middle of its capitals the
        mask begins, in pixels.
    """
    font = _font(size)
    top = font.getbbox(text)[1]
    capitals = font.getbbox("H")
    mask = font.getmask(text, mode="L")
    ink = np.asarray(mask, np.float32).reshape(mask.size[1], mask.size[0]) / 255
    middle = round((capitals[1] + capitals[3]) / 2)
    return ink, middle - int(top)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels come with FreeType"
    return font
