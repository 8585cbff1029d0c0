"""Where labels and bars go, so that they fit the picture and keep off the faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from fer_tf.vision.results import Face
from fer_tf.vision.text_measures import PanelColumns, chip_size, panel_columns

TEXT_SIZE, TEXT_SIDE, TEXT_POWER = 14, 480, 0.8
"""14 pixels in a picture whose shorter side is 480, and more in a larger one by the power 0.8:
large pictures are shown smaller, but not as much smaller as they are larger."""

SMALLEST_TEXT = 11
"""Pixels; smaller than that, only labels that would not fit in a tiny picture are written."""

LEAST_TEXT = 6
"""Pixels; a label that would have to be smaller is left out."""

PANEL_SHARE, PANEL_MOST = 0.13, 0.18
"""Height of the bars' text as a share of the face's height: the usual one, and the largest one,
where a smaller text would not be legible."""

AWAY = 1.5
"""How far from a face its bars may go in a crowd, in sides of its box."""

LOOKED_AT = 40
"""How many free places are tried until the line to one crosses no other face."""

Line = tuple[tuple[int, int], tuple[int, int]]
"""Two points, (x, y) each."""


@dataclass(frozen=True)
class Rect:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Where it ends on the right: its last column is the one before."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Where it ends below: its last row is the one before."""
        return self.top + self.height

    def overlap(self, other: Rect) -> int:
        """Square pixels that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)

    def grown(self, pixels: int) -> Rect:
        """Wider by `pixels` on each side."""
        both = 2 * pixels
        return Rect(self.left - pixels, self.top - pixels, self.width + both, self.height + both)


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
        wanted = min(max(round(0.13 * face.box.height), base * 3 // 4, SMALLEST_TEXT), base)
        others = _others(boxes, chips, index)
        chip, font = _place_chip(boxes[index], title, wanted, bounds, lines[index], others)
        chips.append(chip)
        fonts.append(font)
    chip_links = {} if steady else _move_chips(boxes, chips, fonts, titles, bounds)

    panels: dict[int, tuple[Rect, int]] = {}
    places = [_place_panel] if steady or len(faces) < 2 else [_place_panel, _place_away]
    largest_first = sorted(range(len(faces)), key=lambda index: -faces[index].box.area)
    for place, index in product(places, largest_first):
        if index in panels:
            continue
        others = [*_others(boxes, chips, index), *(panel for panel, _ in panels.values())]
        found = place(boxes[index], chips[index], faces[index], base, bounds, others)
        if found is not None:
            panels[index] = found
    plans = []
    for index, (box, chip) in enumerate(zip(boxes, chips, strict=True)):
        panel, font = panels.get(index, (None, 0))
        link = _link(panel, box, chip) if len(faces) > 1 and panel is not None else None
        own = (box, lines[index], min(box.width, box.height) // 10, chip, fonts[index])
        plans.append(Plan(*own, panel, font, link, chip_links.get(index)))
    return plans


def _move_chips(
    boxes: Sequence[Rect],
    chips: list[Rect | None],
    fonts: list[int],
    titles: Sequence[str],
    bounds: Rect,
) -> dict[int, Line]:
    """Move the labels that cover another face or label to free places, or drop them.

    Returns:
        The lines to those that have a place, by the face's index.
    """
    covering = [
        index
        for index, chip in enumerate(chips)
        if chip and any(chip.overlap(other) for other in _others(boxes, chips[:index], index))
    ]
    for index in covering:
        chips[index] = None
    links: dict[int, Line] = {}
    for index in covering:
        font = min(fonts[index], SMALLEST_TEXT)
        size, others = chip_size(titles[index], font), _others(boxes, chips, index)
        away = _free_place(size, boxes[index], None, bounds, others, gap=3, step=font // 2 + 1)
        if away is not None:
            fonts[index] = font
            chips[index], links[index] = away
    return links


def _others(boxes: Sequence[Rect], chips: Sequence[Rect | None], index: int) -> list[Rect]:
    """The boxes of all faces but one, and the labels of these that have a place."""
    return [
        rect
        for rects in (boxes, chips)
        for owner, rect in enumerate(rects)
        if rect is not None and owner != index
    ]


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
    box: Rect, title: str, font: int, bounds: Rect, line: int, others: Sequence[Rect]
) -> tuple[Rect | None, int]:
    """Above the box, else below, else inside it; where it covers the least of others."""
    while font >= LEAST_TEXT and chip_size(title, font)[0] > bounds.width:
        font -= 1
    width, height = chip_size(title, font)
    if font < LEAST_TEXT or height > bounds.height:
        return None, 0
    gap = line + max(font // 6, 1)
    left = min(max(box.left - line // 2, 0), bounds.width - width)
    right = min(max(box.right + line // 2 - width, 0), bounds.width - width)
    above, below = box.top - gap - height, box.bottom + gap
    candidates = [
        Rect(x, y, width, height)
        for y in (above, below, box.top + gap, box.bottom - gap - height)
        for x in (left, right)
        if 0 <= y <= bounds.height - height
    ] or [Rect(left, max((bounds.height - height) // 2, 0), width, height)]
    return min(candidates, key=lambda rect: sum(rect.overlap(other) for other in others)), font


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
    reach = AWAY * max(box.width, box.height) + width
    lefts = np.arange(gap, bounds.width - width - gap, step)
    tops = np.arange(gap, bounds.height - height - gap, step)
    across = lefts + width / 2 - (box.left + box.width / 2)
    down = tops + height / 2 - (box.top + box.height / 2)
    # Only these are near enough: in a crowd's large picture one in thousands.
    lefts, across = lefts[np.abs(across) <= reach], across[np.abs(across) <= reach]
    tops, down = tops[np.abs(down) <= reach], down[np.abs(down) <= reach]
    distance = np.hypot(*np.meshgrid(across, down))
    taken = distance > reach
    for other in (box, *others, *([] if chip is None else [chip])):
        columns = (lefts < other.right + gap) & (lefts + width + gap > other.left)
        rows = (tops < other.bottom + gap) & (tops + height + gap > other.top)
        taken |= rows[:, None] & columns
    order = np.argsort(np.where(taken, np.inf, distance), axis=None, kind="stable")
    for place in order[: int((~taken).sum())][:LOOKED_AT]:
        row, column = np.unravel_index(place, taken.shape)
        rect = Rect(int(lefts[column]), int(tops[row]), width, height)
        start, end = _link(rect, box, chip)
        if not _within(np.linspace(start, end, 24), others):
            return rect, (start, end)
    return None


def _within(points: np.ndarray, rects: Sequence[Rect]) -> bool:
    """Whether any of the points [n, 2] lies in one of the rectangles."""
    edges = np.array([(each.left, each.top, each.right, each.bottom) for each in rects])
    edges = edges.reshape(-1, 1, 4)
    inside = (points >= edges[..., :2]) & (points <= edges[..., 2:])
    return bool(inside.all(axis=-1).any())


def _link(panel: Rect, box: Rect, chip: Rect | None) -> Line:
    """The shortest line to a panel from the face's box, or from its label where that is nearer."""
    owners = [box] if chip is None else [box, chip]
    return min((_shortest(owner, panel) for owner in owners), key=lambda line: math.dist(*line))


def _shortest(one: Rect, other: Rect) -> Line:
    """Between two rectangles that are apart, in the middle of what they face each other with."""
    x = _nearest(one.left, one.right, other.left, other.right)
    y = _nearest(one.top, one.bottom, other.top, other.bottom)
    return (x[0], y[0]), (x[1], y[1])


def _nearest(start: int, end: int, other: int, other_end: int) -> tuple[int, int]:
    """The nearest points of two stretches; the middle of what they share, if they do."""
    first, last = max(start, other), min(end, other_end)
    if first <= last:
        return (first + last) // 2, (first + last) // 2
    return (end, other) if start < other else (start, other_end)


def _beside(
    side: str, box: Rect, chip: Rect | None, columns: PanelColumns, edge: Rect, gap: int
) -> list[Rect]:
    """Places for a panel at one side: level with the box's upper edge, or with its lower one."""
    width, height = columns.width, columns.height
    if side in ("right", "left"):
        x = box.right + gap if side == "right" else box.left - gap - width
        lowest = edge.bottom - height
        upper, lower = min(box.top, lowest), max(box.bottom - height, edge.top)
        return [Rect(x, y, width, height) for y in (upper, min(lower, lowest))]
    x = min(max(box.left, edge.left), edge.right - width)
    above = chip is not None and chip.top < box.top
    if side == "below":
        foot = chip if chip is not None and not above else box
        y = max(foot.bottom, box.bottom) + gap
    else:
        head = chip if chip is not None and above else box
        y = head.top - gap - height
    return [Rect(x, y, width, height)]
