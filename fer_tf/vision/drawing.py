"""Faces with their answers, drawn onto the picture: box, label, values and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import cycle
from types import MappingProxyType

import cv2
import numpy as np

from fer_tf.tasks import TASKS
from fer_tf.vision.layout import Line, Plan, Rect, arrange
from fer_tf.vision.results import Face
from fer_tf.vision.text_measures import line_height, panel_columns, text_mask, text_width

BRIGHT = ("#ee6677", "#228833", "#aa3377", "#ccbb44", "#4477aa", "#66ccee", "#bbbbbb")
"""Of the expressions that most data sets have, in the order of FER2013's task: Paul Tol's "bright"
scheme, which the colour-blind tell apart on light and on dark paper (Tol, Colour Schemes,
SRON/EPS/TN/09-002, 2021, figure 1)."""

OTHERS = ("#ee7733", "#44aa99", "#332288", "#999933", "#882255")
"""Of other classes in turn, from Tol's "vibrant" and "muted" schemes; what is left of `BRIGHT`
follows, so that twelve classes have twelve colours."""

INK = (255, 255, 255)
PAPER = (18, 21, 28)
PAPER_OPACITY = 0.78
TRACK_OPACITY = 0.14
FAINT = (186, 192, 204)


@lru_cache(maxsize=16)
def class_colours(labels: tuple[str, ...]) -> Mapping[str, str]:
    """A colour, "#rrggbb", for each of a task's classes; an expression has the same in all."""
    places = {label: TASKS["fer2013"].index(label) for label in labels}
    left = [code for place, code in enumerate(BRIGHT) if place not in places.values()]
    others = cycle((*OTHERS, *left))
    return MappingProxyType(
        {label: next(others) if place is None else BRIGHT[place] for label, place in places.items()}
    )


def colour(emotion: str, labels: tuple[str, ...]) -> tuple[int, int, int]:
    """RGB of one of a task's classes, as of `class_colours`."""
    code = class_colours(labels)[emotion]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def draw_faces(
    image: np.ndarray, faces: Sequence[Face], *, tracks: Sequence[int | None] = ()
) -> np.ndarray:
    """A copy of the picture with each face's box, label and, where there is room, a bar a class.

    Sizes follow the picture's and the face's. Labels and bars stay inside the picture and keep off
    other faces, and are left out where there is no room for them. With several faces a line leads
    from each one to its bars, and to a label that is not at its face. An unsure answer's box is
    white and dashed.

    Args:
        image: upright RGB, uint8 [h, w, 3].
        faces: in its pixels.
        tracks: of each face, the person's number, shown before the label; None for none.

    Returns:
        RGB, uint8 [h, w, 3].
    """
    canvas = np.ascontiguousarray(image).copy()
    numbers = [*tracks, *[None] * len(faces)]
    titles = [_title(face, number) for face, number in zip(faces, numbers, strict=False)]
    plans = arrange(canvas.shape[1], canvas.shape[0], faces, titles, steady=bool(tracks))
    for face, plan in zip(faces, plans, strict=True):
        _draw_box(canvas, plan, _colour_of(face), dashed=not face.sure)
    for face, plan in zip(faces, plans, strict=True):
        for link in (plan.link, plan.chip_link):
            if link is not None:
                _draw_link(canvas, plan, link, _colour_of(face))
    for face, title, plan in zip(faces, titles, plans, strict=True):
        if plan.panel is not None:
            _draw_panel(canvas, face, plan)
        if plan.chip is not None:
            _draw_chip(canvas, title, plan, _colour_of(face))
    return canvas


def _colour_of(face: Face) -> tuple[int, int, int]:
    """Its class's; white for an answer that is unsure."""
    return colour(face.emotion, face.labels) if face.sure else INK


def _title(face: Face, number: int | None) -> str:
    # Two spaces: the font's own is narrow.
    answer = f"{face.emotion}  {face.certainty:.0%}"
    if not face.sure:
        # Not "unsure 45%": the share is the class's.
        answer = f"{face.label} ({answer})"
    first = answer if number is None else f"#{number}  {answer}"
    return "\n".join([first, "  ".join(face.value_texts)]) if face.values else first


def _draw_box(canvas: np.ndarray, plan: Plan, rgb: tuple[int, int, int], *, dashed: bool) -> None:
    """The outline, over a dark one that sets it off from a background of its own colour."""
    box, line = plan.box, plan.line
    outline = _rounded_outline(box.width, box.height, plan.radius)
    placed = outline + np.array([box.left, box.top])
    parts = _dashes(placed, max(4 * line, 8)) if dashed else [placed]
    points = [np.round(part * 16).astype(np.int32) for part in parts]
    for rgb_, width in ((PAPER, line + min(line, 2)), (rgb, line)):
        cv2.polylines(canvas, points, not dashed, rgb_, width, cv2.LINE_AA, shift=4)


def _dashes(points: np.ndarray, length: float) -> list[np.ndarray]:
    """Every second piece, about `length` pixels long, of a closed line through points [n, 2]."""
    closed = np.concatenate([points, points[:1]])
    along = np.append(0, np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1)))
    count = max(int(along[-1] / (2 * length)), 2)
    starts = np.arange(count) * along[-1] / count
    pieces = starts[:, None] + np.linspace(0, along[-1] / count / 2, 6)
    sides = [np.interp(pieces, along, closed[:, axis]) for axis in (0, 1)]
    return list(np.stack(sides, axis=-1))


def _draw_link(canvas: np.ndarray, plan: Plan, link: Line, rgb: tuple[int, int, int]) -> None:
    """The line from a face to its bars or its label, over a dark one as the outline is."""
    for rgb_, width in ((PAPER, plan.line + 2), (rgb, plan.line)):
        cv2.line(canvas, *link, rgb_, width, cv2.LINE_AA)


def _draw_chip(canvas: np.ndarray, title: str, plan: Plan, rgb: tuple[int, int, int]) -> None:
    chip = plan.chip
    assert chip is not None
    size = plan.chip_font
    height = chip.height - title.count("\n") * line_height(size)  # of the first line
    _fill(canvas, chip, PAPER, PAPER_OPACITY, radius=height // 4)
    dot = max(size * 5 // 9, 3)
    left = chip.left + size // 2
    spot = Rect(left, chip.top + (height - dot) // 2, dot, dot)
    _fill(canvas, spot, rgb, radius=dot // 2)
    for row, line in enumerate(title.split("\n")):
        middle = chip.top + height // 2 + row * line_height(size)
        _write(canvas, line, size, left + dot + size // 3, middle, INK)


def _draw_panel(canvas: np.ndarray, face: Face, plan: Plan) -> None:
    panel, size = plan.panel, plan.panel_font
    assert panel is not None
    columns = panel_columns(size, face.labels)
    opacity, paint = _empty_panel(size, face.labels)
    place = canvas[panel.top : panel.top + panel.height, panel.left : panel.left + panel.width]
    _blend(place, opacity, paint)
    thick = _bar_height(size)
    for row, (label, share) in enumerate(face.by_emotion.items()):
        middle = panel.top + columns.middle(row)
        first = label == face.emotion
        if first:
            left = panel.left + columns.padding
            _write(canvas, label, size, left, middle, INK, face.labels)
        width = round(share * columns.bar_width)
        if width > 0:
            bar = Rect(panel.left + columns.bar, middle - thick // 2, width, thick)
            _fill(canvas, bar, colour(label, face.labels), radius=min(thick, width) // 2)
        text = f"{share:.0%}"
        left = panel.left + panel.width - columns.padding
        left -= text_width(text, size, face.labels)
        _write(canvas, text, size, left, middle, INK if first else FAINT, face.labels)


def _bar_height(size: int) -> int:
    return max(size * 4 // 9, 2)


@lru_cache(maxsize=16)
def _empty_panel(size: int, labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What all panels share: opacity, float32 [h, w] in [0, 1], and colours, uint8 [h, w, 3].

    Drawn on black and on white: what differs between the two is what shines through.
    """
    columns = panel_columns(size, labels)
    whole = Rect(0, 0, columns.width, columns.height)
    black = np.zeros((columns.height, columns.width, 3), np.uint8)
    white = np.full_like(black, 255)
    thick = _bar_height(size)
    for canvas in (black, white):
        _fill(canvas, whole, PAPER, PAPER_OPACITY, radius=max(size // 3, 2))
        for row, label in enumerate(labels):
            middle = columns.middle(row)
            _write(canvas, label, size, columns.padding, middle, FAINT, labels)
            track = Rect(columns.bar, middle - thick // 2, columns.bar_width, thick)
            _fill(canvas, track, INK, TRACK_OPACITY, radius=thick // 2)
    through = (white[..., 1].astype(np.float32) - black[..., 1]) / 255
    opacity = np.clip(1 - through, 0, 1)
    paint = np.clip(np.round(black / np.maximum(opacity, 1e-3)[..., None]), 0, 255)
    return opacity, paint.astype(np.uint8)


def _fill(
    canvas: np.ndarray,
    rect: Rect,
    rgb: tuple[int, int, int],
    opacity: float = 1.0,
    *,
    radius: int,
) -> None:
    """Fill a rectangle with rounded corners."""
    mask = _rounded_mask(rect.width, rect.height, radius)
    _stamp(canvas, mask, rect.left, rect.top, rgb, opacity)


def _write(
    canvas: np.ndarray,
    text: str,
    size: int,
    left: int,
    middle: int,
    rgb: tuple[int, int, int],
    beside: tuple[str, ...] = (),
) -> None:
    """Write a line, its capitals centred on the height `middle`, in one font with those beside."""
    mask, rise = text_mask(text, size, beside)
    _stamp(canvas, mask, left, middle - rise, rgb)


def _stamp(
    canvas: np.ndarray,
    mask: np.ndarray,
    left: int,
    top: int,
    rgb: tuple[int, int, int],
    opacity: float = 1.0,
) -> None:
    """Lay a colour on through a mask, float32 [h, w] in [0, 1], cut at the picture's edges."""
    height, width = canvas.shape[:2]
    right, bottom = min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    x, y = max(left, 0), max(top, 0)
    if x >= right or y >= bottom:
        return
    part = mask[y - top : bottom - top, x - left : right - left]
    place = canvas[y:bottom, x:right]
    paint = np.empty_like(place)
    cv2.rectangle(paint, (0, 0), (paint.shape[1], paint.shape[0]), rgb, cv2.FILLED)
    _blend(place, part * np.float32(opacity), paint)


def _blend(place: np.ndarray, opacity: np.ndarray, paint: np.ndarray) -> None:
    """Mix `paint`, uint8 as `place` is, in by `opacity`, float32 in [0, 1]; writes to `place`."""
    # Four times as fast as the same in NumPy, which a video notices.
    cv2.blendLinear(place, paint, 1 - opacity, opacity, place)


@lru_cache(maxsize=256)
def _rounded_mask(width: int, height: int, radius: int) -> np.ndarray:
    """Coverage of each pixel, float32 [height, width] in [0, 1], smooth at the corners."""
    x = np.arange(width) + 0.5
    y = np.arange(height) + 0.5
    # Distance from the rectangle that the corners' centres span.
    across = np.maximum(np.abs(x - width / 2) - (width / 2 - radius), 0)
    down = np.maximum(np.abs(y - height / 2) - (height / 2 - radius), 0)
    distance = np.hypot(across[None, :], down[:, None])
    return np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)


@lru_cache(maxsize=64)
def _rounded_outline(width: int, height: int, radius: int) -> np.ndarray:
    """Points [n, 2] along a rounded rectangle that begins at (0, 0)."""
    angles = np.linspace(0, np.pi / 2, 9)
    arc = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    turned = [arc, arc[:, ::-1] * (-1, 1), -arc, arc[:, ::-1] * (1, -1)]
    centres = [
        (width - radius, height - radius),
        (radius, height - radius),
        (radius, radius),
        (width - radius, radius),
    ]
    return np.concatenate(
        [part + centre for part, centre in zip(turned, centres, strict=True)], dtype=np.float64
    )
