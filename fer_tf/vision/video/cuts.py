"""Where one shot of a video ends and another begins."""

from __future__ import annotations

import cv2
import numpy as np

CUT = 0.4
"""Hellinger distance of two frames' colours, in [0, 1], from which there is a cut between them: of
unrelated photographs it is 0.45 to 0.93, from frame to frame of people who move 0.03 at most, and
of a picture in 20 % less light 0.34."""

LEVELS = 10
"""Of 255, by which the pixels of two frames differ in the mean where there is a cut: in a fade each
frame differs by less."""

_SIDE, _BINS = 64, 8  # pixels to which a frame is reduced, and bins of each colour


class CutFinder:
    """Tells a cut by the colours of two frames, one after the other.

    The rule: the frames' histograms of RGB, 8 bins a colour, have a Hellinger distance of at least
    `CUT`, and their pixels differ by at least `LEVELS`. A fade is none, and neither is a cut to a
    picture of the same colours, as from one speaker to the other before the same wall: there the
    looks of the faces decide (`tracking`).
    """

    def __init__(self) -> None:
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def cut(self, pixels: np.ndarray) -> bool:
        """Whether a frame, uint8 RGB [h, w, 3], is another shot's than the frame before it."""
        # Every so many pixels first: the mean of all of a large frame would take ten times as long.
        step = max(min(pixels.shape[:2]) // (2 * _SIDE), 1)
        thinned = np.ascontiguousarray(pixels[::step, ::step])
        small = cv2.resize(thinned, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        counts = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3)
        shares = _spread(counts / counts.sum())
        before, self._before = self._before, (small, shares)
        if before is None or np.mean(cv2.absdiff(before[0], small)) < LEVELS:
            return False
        likeness = float(np.sqrt(before[1] * shares).sum())
        return max(1.0 - likeness, 0.0) ** 0.5 >= CUT


def _spread(shares: np.ndarray) -> np.ndarray:
    """Each bin with a part of its neighbours': a little more light moves a wall by a bin."""
    for axis in range(3):
        bins = np.moveaxis(shares, axis, 0)
        padded = np.concatenate([bins[:1], bins, bins[-1:]])
        shares = np.moveaxis((padded[:-2] + 2 * bins + padded[2:]) / 4, 0, axis)
    return shares
