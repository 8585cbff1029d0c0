"""Who is who from frame to frame: detections joined to tracks, and tracks carried in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fer_tf.vision.results import Box, Detection, Point
from fer_tf.vision.video.flow import Motion, PointFlow

CONFIRM = 2
"""Searches that must find a face before it is somebody; those of the first frame are at once."""

HOLD_S = 0.6
"""Seconds for which a track is shown that the searches no longer find."""

LOST_S = 1.5
"""Seconds after which such a track has ended: whoever comes then is somebody new."""

MATCH_IOU = 0.2
"""Intersection over union below which a detection is not of a track: faces move between
searches, and detectors draw their boxes a third larger or smaller."""

CORRECTION_S = 0.12
"""Time constant with which a track's box glides to where a search found it, in seconds."""

_COVERED_IOU = 0.15  # from here two faces cover each other, and only one is found
_VELOCITY_S = 0.4  # over so many seconds a track's velocity is averaged, from search to search


@dataclass(frozen=True)
class Tracked:
    """A face of this frame and whose it is: `track` is never given twice."""

    track: int
    detection: Detection


@dataclass
class _Track:
    box: Box
    score: float
    eyes: tuple[Point, Point] | tuple[()]
    seen: float  # when a search found it last
    place: Box = field(init=False)  # and where
    number: int = 0  # 0 until it is confirmed
    hits: int = 1
    misses: int = 0
    adrift: bool = False  # not to be seen: its points were lost, or a face covers it
    velocity: tuple[float, float] = (0.0, 0.0)
    # What is still to be corrected: right, down, and logarithms of the sides' factors.
    correction: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        self.place = self.box

    def move(self, motion: Motion) -> None:
        if self.eyes:
            first, second = (motion.of_point(eye, self.box) for eye in self.eyes)
            self.eyes = (first, second)
        self.box = motion.of(self.box)
        self.correction[:2] *= motion.scale

    def drift(self, time: float) -> None:
        """Go on from where it was found last: behind something, its points went with that."""
        self.adrift = True
        self.correction[:] = 0
        dt = time - self.seen
        self.box = Motion(self.velocity[0] * dt, self.velocity[1] * dt, 1.0).of(self.place)

    def support(self, detection: Detection, time: float) -> None:
        (x, y), (old_x, old_y) = detection.box.center, self.place.center
        dt = time - self.seen
        weight = -math.expm1(-dt / _VELOCITY_S)
        vx, vy = self.velocity
        self.velocity = (
            vx + weight * ((x - old_x) / dt - vx),
            vy + weight * ((y - old_y) / dt - vy),
        )
        self.seen, self.place, self.score = time, detection.box, detection.score
        # Eyes are where they are in the picture: only the box glides.
        self.eyes = detection.eyes
        if self.adrift:
            self.box = detection.box
        else:
            self._correct(detection.box)
        self.hits, self.misses, self.adrift = self.hits + 1, 0, False

    def _correct(self, found: Box) -> None:
        x, y = self.box.center
        self.correction = np.array(
            [
                found.center[0] - x,
                found.center[1] - y,
                math.log(found.width / self.box.width),
                math.log(found.height / self.box.height),
            ]
        )

    def glide(self, dt: float) -> None:
        share = -math.expm1(-dt / CORRECTION_S) * self.correction
        self.correction = self.correction - share
        x, y = self.box.center
        width, height = self.box.width * math.exp(share[2]), self.box.height * math.exp(share[3])
        left, top = x + share[0] - width / 2, y + share[1] - height / 2
        self.box = Box(float(left), float(top), float(width), float(height))

    @property
    def target(self) -> Box:
        """Where the box glides to."""
        x, y = self.box.center
        dx, dy, width, height = self.correction
        width, height = self.box.width * math.exp(width), self.box.height * math.exp(height)
        return Box(float(x + dx - width / 2), float(y + dy - height / 2), width, height)


class Tracker:
    """The people of a video.

    For each frame call `advance`; then, where a search was made, `correct`. In between a track
    follows its face's points (`PointFlow`), and at a search it is joined to the detection that
    overlaps it, all pairs together as well as can be. A track that no search supports fades.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._flow = PointFlow()
        self._time = math.nan
        self._shape: tuple[int, ...] = ()
        self._fresh = True
        self.count = 0
        """How many tracks were confirmed up to now."""

    def advance(self, grey: np.ndarray, time: float) -> bool:
        """Carry all tracks to the next frame.

        Args:
            grey: uint8 [h, w].
            time: seconds, more than the frame before's.

        Returns:
            Whether a search is urgent: it is the first frame, or a face's points were lost.
        """
        if grey.shape != self._shape:
            self._fresh = True
            self._tracks = []
            self._shape = grey.shape
        dt, self._time = time - self._time, time
        motions = self._flow.advance(grey, [track.box for track in self._tracks])
        urgent = self._fresh
        for track, motion in zip(self._tracks, motions, strict=True):
            if motion is None or track.adrift:
                urgent |= not track.adrift and track.number > 0
                track.drift(time)
            else:
                track.move(motion)
                track.glide(dt)
        self._cull()
        return urgent

    def correct(self, detections: Sequence[Detection]) -> None:
        """Join the detections of this frame to the tracks, and begin new ones."""
        pairs = _pairs([track.target for track in self._tracks], [d.box for d in detections])
        for row, track in enumerate(self._tracks):
            if row in pairs:
                track.support(detections[pairs[row]], self._time)
                if track.hits >= CONFIRM and not track.number:
                    self._confirm(track)
            else:
                track.misses += 1
        found = [track for track in self._tracks if not track.misses]
        for track in self._tracks:
            unsupported = track.misses > 1 and self._time - track.seen > HOLD_S
            covered = any(track.box.iou(other.target) > _COVERED_IOU for other in found)
            if track.misses and (unsupported or covered):
                track.drift(self._time)
        matched = set(pairs.values())
        for column, detection in enumerate(detections):
            if column not in matched and not any(
                detection.box.iou(t.target) > MATCH_IOU for t in found
            ):
                track = _Track(detection.box, detection.score, detection.eyes, self._time)
                self._tracks.append(track)
                if self._fresh:
                    self._confirm(track)
        self._fresh = False
        self._cull()

    def shown(self) -> list[Tracked]:
        """The faces of this frame, whoever came first before."""
        shown = [track for track in self._tracks if track.number and not track.adrift]
        return [
            Tracked(t.number, Detection(t.box, t.score, t.eyes))
            for t in sorted(shown, key=lambda track: track.number)
        ]

    def alive(self) -> set[int]:
        """The numbers of those that may be seen again."""
        return {track.number for track in self._tracks if track.number}

    def _confirm(self, track: _Track) -> None:
        self.count += 1
        track.number = self.count

    def _cull(self) -> None:
        height, width = self._shape
        self._tracks = [
            track
            for track in self._tracks
            if 0 <= track.box.center[0] <= width
            and 0 <= track.box.center[1] <= height
            and not (track.misses and not track.number)
            and not (track.misses >= 2 and self._time - track.seen > LOST_S)
        ]


def _pairs(tracks: Sequence[Box], detections: Sequence[Box]) -> dict[int, int]:
    """Detection of each track that has one, such that all overlaps together are largest."""
    if not tracks or not detections:
        return {}
    from scipy.optimize import linear_sum_assignment

    overlap = np.array([[track.iou(found) for found in detections] for track in tracks])
    overlap[overlap < MATCH_IOU] = 0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if overlap[row, column] > 0
    }
