"""The times of a video's frames, and which of them are wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST_GAP_S = 60.0
"""Between two frames; more is a container's fault (joined files, counters that wrap)."""

SHORTEST_GAP_S = 1e-4


@dataclass(frozen=True)
class Stretch:
    """Which frames of a video are wanted.

    Attributes:
        every: seconds from one frame to the next; 0 for all frames.
        start: the first second.
        end: no frame after this second; a camera's and a stream's count from the first frame.
    """

    every: float = 0.0
    start: float = 0.0
    end: float = math.inf

    def due(self, time: float) -> float:
        """When the next frame is wanted, after one at `time` was taken."""
        if not self.every:
            return time
        return self.start + (math.floor((time - self.start) / self.every + 1e-6) + 1) * self.every

    def count(self, frames: int, fps: float) -> int:
        """How many of a video's frames are wanted, about."""
        seconds = min(self.end, frames / fps) - self.start
        return max(math.ceil(seconds * min(fps, 1 / self.every if self.every else fps) - 1e-6), 0)


class Clock:
    """Makes of a container's timestamps times that start at 0 and grow.

    Args:
        step: seconds to the next frame where the timestamps don't tell.
    """

    def __init__(self, step: float):
        self._step = step
        self._stamp = math.nan
        self._begun = False
        self.time = 0.0
        """Of the frame before."""

    def at(self, stamp: float) -> float:
        """The time of a frame whose timestamp is `stamp`, in seconds."""
        if self._begun:
            gap = stamp - self._stamp
            self.time += gap if SHORTEST_GAP_S <= gap <= LONGEST_GAP_S else self._step
        self._begun = True
        self._stamp = stamp if math.isfinite(stamp) else self._stamp
        return self.time

    def jump(self, stamp: float, time: float) -> float:
        """Go on from a frame at `time`, whose timestamp is `stamp`, in seconds."""
        self._stamp, self.time = stamp, time
        return time
