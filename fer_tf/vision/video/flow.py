"""How boxes move from one frame to the next, by points that are followed there and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from fer_tf.vision.results import Box, Point

GRID = 6  # points along a box's side
SIDE = 80  # pixels to which a larger box is reduced, so that every face costs the same
_CORE = 0.8  # share of a box's side that the points cover: beyond it is background
_REACH = 1.1  # sides of the box that are looked at from its middle to each direction
_FEWEST = 0.25  # share of the points that must come through
_LARGEST_ERROR = 0.05  # of the way there and back, as a share of the box's side

_WINDOW = (15, 15)  # pixels that vote on a point's way
_LEVELS = 3  # halvings of the picture, so that a face may move by a quarter of its box
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03)


@dataclass(frozen=True)
class Motion:
    """A box's way from one frame to the next: moved, then enlarged about its middle.

    Attributes:
        dx: pixels to the right.
        dy: pixels downward.
        scale: factor of its sides.
    """

    dx: float
    dy: float
    scale: float

    def of(self, box: Box) -> Box:
        """The box after the motion."""
        x, y = box.center
        width, height = box.width * self.scale, box.height * self.scale
        return Box(x + self.dx - width / 2, y + self.dy - height / 2, width, height)

    def of_point(self, point: Point, box: Box) -> Point:
        """A point of `box`, as it was before the motion, after it."""
        x, y = box.center
        return (
            x + self.dx + (point[0] - x) * self.scale,
            y + self.dy + (point[1] - y) * self.scale,
        )


class PointFlow:
    """Follows boxes by Lucas-Kanade flow and MedianFlow's rules.

    A grid of points is followed to the next frame and back (Kalal, Mikolajczyk, Matas:
    "Forward-backward error: automatic detection of tracking failures", ICPR 2010, sections 2
    and 3). The better half by the error of that way vote: the median of their shifts, and the
    median of the ratios of their distances. OpenCV's own MedianFlow needs its contrib build, and
    its MIL, which doesn't, takes ten times as long and drifts (scripts/bench_video.py --details).
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None

    def advance(self, grey: np.ndarray, boxes: Sequence[Box]) -> list[Motion | None]:
        """The motion of each box from the frame before to this one; None where it was lost.

        Args:
            grey: uint8 [h, w]; all are lost where its size isn't that of the frame before.
            boxes: in the frame before.
        """
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape:
            return [None] * len(boxes)
        return [_motion(before, grey, box) for box in boxes]


def _motion(before: np.ndarray, after: np.ndarray, box: Box) -> Motion | None:
    x, y = box.center
    half_width, half_height = _REACH * box.width, _REACH * box.height
    left, right = _within(x - half_width, x + half_width, before.shape[1])
    top, bottom = _within(y - half_height, y + half_height, before.shape[0])
    factor = min(1.0, SIDE / math.sqrt(box.area))
    size = round((right - left) * factor), round((bottom - top) * factor)
    if min(size) < 2 * _WINDOW[0]:
        return None
    # The factors that the rounded size has.
    factors = np.array([size[0] / (right - left), size[1] / (bottom - top)])
    # Down to half the size the faster one shows the same.
    way = cv2.INTER_LINEAR if factor > 0.5 else cv2.INTER_AREA
    old, new = (
        cv2.resize(picture[top:bottom, left:right], size, interpolation=way)
        for picture in (before, after)
    )
    # Box counts pixel i as [i, i + 1), flow counts its centre as i.
    grid = _grid(box)
    starts = ((grid - (left, top)) * factors - 0.5).astype(np.float32)
    ends, there = _follow(old, new, starts)
    back, home = _follow(new, old, ends)
    errors = np.linalg.norm((back - starts) / factors, axis=1)
    outside = (ends < 0).any(axis=1) | (ends >= size).any(axis=1)
    errors[~(there & home) | outside] = np.inf
    shifts = (ends - starts) / factors
    return _vote(grid, shifts, errors, box)


def _within(start: float, end: float, limit: int) -> tuple[int, int]:
    first = min(max(math.floor(start), 0), limit)
    return first, max(first, min(math.ceil(end), limit))


def _follow(
    before: np.ndarray, after: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each point goes, float32 [n, 2], and whether it was found there, bool [n]."""
    ends, found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        after,
        points,
        np.empty_like(points),
        winSize=_WINDOW,
        maxLevel=_LEVELS,
        criteria=_STOP,
    )
    return ends, found.ravel() > 0


def _grid(box: Box) -> np.ndarray:
    """float64 [GRID * GRID, 2]: points over the box's core."""
    steps = _CORE * ((np.arange(GRID) + 0.5) / GRID - 0.5)
    columns, rows = np.meshgrid(steps * box.width, steps * box.height)
    return np.column_stack([columns.ravel(), rows.ravel()]) + box.center


def _vote(starts: np.ndarray, shifts: np.ndarray, errors: np.ndarray, box: Box) -> Motion | None:
    valid = np.isfinite(errors)
    if valid.sum() < _FEWEST * len(errors):
        return None
    middle = np.median(errors[valid])
    side = math.sqrt(box.area)
    if middle > max(1.0, _LARGEST_ERROR * side):
        return None
    chosen = errors <= middle
    starts, shifts = starts[chosen], shifts[chosen]
    shift = np.median(shifts, axis=0)
    # Of a picture from after a cut, points may come home, too, each from somewhere else.
    if np.median(np.linalg.norm(shifts - shift, axis=1)) > max(1.5, 0.1 * side):
        return None
    ends = starts + shifts
    first, second = np.triu_indices(len(starts), 1)
    lengths = np.linalg.norm(starts[first] - starts[second], axis=1)
    ratios = np.linalg.norm(ends[first] - ends[second], axis=1) / lengths
    # No face grows by a quarter from a frame to the next.
    scale = float(np.clip(np.median(ratios), 0.8, 1.25)) if len(ratios) else 1.0
    # The shift is that of the points' middle, which isn't the box's.
    dx, dy = shift - (scale - 1) * (starts.mean(axis=0) - box.center)
    return Motion(float(dx), float(dy), scale)
