"""Who is who from frame to frame: detections joined to tracks, and tracks carried in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fer_tf.vision.results import Box, Detection, Point
from fer_tf.vision.video.flow import Motion, PointFlow

SURE = 0.85
"""A new face with this score gets a number at once: few false detections reach it."""

CONFIRM = 2
"""Searches that must find a face with a lower score before it gets a number. Faces of the first
frame get theirs at once."""

AGAIN_S = 0.1
"""Seconds from one search to the next while such a face, or a lost one, waits to be found again."""

HOLD_S = 0.6
"""Seconds for which a track is shown after the last search that found it."""

LOST_S = 1.5
"""Seconds after which such a track has ended: its person can return by appearance alone."""

GONE_S = 60.0
"""Seconds for which the appearance of people who left is remembered; later they are new people."""

ALIKE = 0.8
"""Likeness (see `appearance`) from which a face in another place is taken for a lost one."""

MAYBE = 0.4
"""Likeness from which a new face may be a lost one that is still partly covered."""

DOUBT_S = 0.6
"""Seconds for which such a face gets no number: by then it is seen whole."""

UNLIKE = 0.5
"""Likeness below which a face in the place of a lost one, as after a cut, is another person's."""

MATCH_IOU = 0.2
"""Intersection over union below which a detection does not belong to a track. It is low, as faces
move between searches, and detectors draw their boxes a third larger or smaller."""

CORRECTION_S = 0.12
"""Time constant in seconds with which a track's box glides to where a search found the face."""

_LOOK_SHARE = 0.2  # of a track's look that the newest is
_DOUBT = 2.0  # by which the boxes of lost faces are enlarged to be joined
_WHOLE = 0.8  # of a face's sides: one that is found with less is covered in part
_SHRINK_S = 3.0  # time constant with which a face can become smaller and still be whole
_SAME = 0.85  # likeness below which a face is covered in part, or turned away
_PART_SHARE = 0.3  # of such a find that moves the place at which its track is thought to be
_COVERED_IOU = 0.15  # from here two faces cover each other, and only one is found
_VELOCITY_S = 0.4  # over so many seconds a track's velocity is averaged, from search to search


@dataclass(frozen=True)
class Tracked:
    """A face of this frame and whose it is: `track` is never given twice."""

    track: int
    detection: Detection


@dataclass(eq=False)
class _Track:
    box: Box
    score: float
    eyes: tuple[Point, Point] | tuple[()]
    seen: float  # when a search found it last
    place: Box = field(init=False)  # and where
    whole: tuple[float, float] = field(init=False)  # its sides when nothing covers it
    look: np.ndarray | None = None  # `appearance`, averaged; None where nobody tells it
    began: float = field(init=False)
    number: int = 0  # 0 until it is confirmed
    hits: int = 1
    misses: int = 0
    adrift: bool = False  # not to be seen: its points were lost, or a face covers it
    velocity: tuple[float, float] = (0.0, 0.0)
    # What is still to be corrected: right, down, and logarithms of the sides' factors.
    correction: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def __post_init__(self) -> None:
        self.began = self.seen
        self.place, self.whole = self.box, (self.box.width, self.box.height)

    def move(self, motion: Motion) -> None:
        if self.eyes:
            first, second = (motion.of_point(eye, self.box) for eye in self.eyes)
            self.eyes = (first, second)
        self.box = motion.of(self.box)
        self.correction[:2] *= motion.scale

    def drift(self, time: float) -> None:
        """Carry the box on by its velocity: its points may have stayed with what covers it."""
        self.adrift = True
        self.correction[:] = 0
        dt = time - self.seen
        self.box = Motion(self.velocity[0] * dt, self.velocity[1] * dt, 1.0).of(self.place)

    def likeness(self, look: np.ndarray | None) -> float:
        """How alike a find is, from 0 to 1; 1 where an appearance is not known."""
        return 1.0 if look is None or self.look is None else float(self.look @ look)

    def overlap(self, found: Box, look: np.ndarray | None) -> float:
        """Intersection over union with a find; 0 for a lost track that the find is not like."""
        if not self.adrift or look is None or self.look is None:
            return self.target.iou(found)
        # Unseen, it may have moved otherwise than thought.
        around = Motion(0.0, 0.0, _DOUBT)
        near = around.of(self.target).iou(around.of(found))
        return near if self.likeness(look) >= UNLIKE else 0.0

    def again(self, found: Box, look: np.ndarray | None, *, gone: bool) -> float:
        """Likeness to a find anywhere, or its overlap with where the face is thought to be."""
        if look is None or self.look is None:
            return 0.0
        likeness = self.likeness(look)
        if likeness >= ALIKE:
            return likeness
        return self.overlap(found, look) if self.adrift and not gone else 0.0

    def support(self, detection: Detection, look: np.ndarray | None, time: float) -> None:
        whole = self._is_whole(detection.box, time) and self.likeness(look) >= _SAME
        if whole:
            self._learn(detection.box, time)
        else:
            self._go_on(detection.box, time)
        if self.look is not None and look is not None:
            share = _LOOK_SHARE if whole else _LOOK_SHARE / 10
            mixed = (1 - share) * self.look + share * look
            self.look = mixed / np.linalg.norm(mixed)
        self.seen, self.score = time, detection.score
        # Eyes are where they are in the picture: only the box glides.
        self.eyes = detection.eyes
        if self.adrift:
            self.box = detection.box
        else:
            self._correct(detection.box)
        self.hits, self.misses, self.adrift = self.hits + 1, 0, False

    def _is_whole(self, found: Box, time: float) -> bool:
        """Whether a find is nearly as wide and high as the face was recently."""
        shrunk = math.exp((self.seen - time) / _SHRINK_S)
        width, height = (shrunk * side for side in self.whole)
        self.whole = max(found.width, width), max(found.height, height)
        return found.width > _WHOLE * self.whole[0] and found.height > _WHOLE * self.whole[1]

    def _learn(self, found: Box, time: float) -> None:
        """Take the place and the velocity from a face that is seen whole."""
        (x, y), (old_x, old_y) = found.center, self.place.center
        dt = time - self.seen
        weight = -math.expm1(-dt / _VELOCITY_S)
        vx, vy = self.velocity
        self.velocity = (
            vx + weight * ((x - old_x) / dt - vx),
            vy + weight * ((y - old_y) / dt - vy),
        )
        self.place = found

    def _go_on(self, found: Box, time: float) -> None:
        """Move the place by its velocity, and a little towards a face that is partly covered."""
        dt = time - self.seen
        going = Motion(self.velocity[0] * dt, self.velocity[1] * dt, 1.0).of(self.place)
        sides = zip(_sides(going), _sides(found), strict=True)
        self.place = Box(*(old + _PART_SHARE * (new - old) for old, new in sides))

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
    A person whose points were lost, or who was covered or away, is known again by appearance, in
    the same place or another.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._gone: list[_Track] = []
        self._flow = PointFlow()
        self._time = self._searched = math.nan
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
            Whether a search is urgent: it is the first frame, a face's points were lost, or a
            face waits to be found again.
        """
        if grey.shape != self._shape:
            self._fresh = True
            self._tracks, self._gone = [], []
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
            waits = track.adrift or not track.number
            urgent |= waits and time - self._searched >= AGAIN_S
        self._cull()
        return urgent

    def cut(self) -> None:
        """End all tracks before the next frame, which is another shot's.

        Where they were says nothing of it: who is found there is somebody new, but for those who
        look like somebody who went.
        """
        self._gone += [track for track in self._tracks if track.number and track.look is not None]
        self._tracks = []
        self._fresh = True

    def correct(
        self, detections: Sequence[Detection], looks: Sequence[np.ndarray] | None = None
    ) -> None:
        """Join the detections of this frame to the tracks, and begin new ones.

        Args:
            detections: what a search found.
            looks: `appearance` of each; None where they are not known.
        """
        self._searched = self._time
        known: Sequence[np.ndarray | None] = looks or (None,) * len(detections)
        pairs = self._pairs(detections, known)
        for track in self._tracks:
            if track in pairs:
                track.support(detections[pairs[track]], known[pairs[track]], self._time)
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
                track.look = known[column]
                self._tracks.append(track)
        for track in self._tracks:
            if not (track.number or track.misses) and self._is_new(track):
                self.count += 1
                track.number = self.count
        self._fresh = False
        self._cull()

    def shown(self) -> list[Tracked]:
        """The faces of this frame, in the order of their numbers."""
        shown = [track for track in self._tracks if track.number and not track.adrift]
        return [
            Tracked(t.number, Detection(t.box, t.score, t.eyes))
            for t in sorted(shown, key=lambda track: track.number)
        ]

    def alive(self) -> set[int]:
        """The numbers of those that may be seen again."""
        return {track.number for track in (*self._tracks, *self._gone) if track.number}

    def _is_new(self, track: _Track) -> bool:
        """Whether a face without a number gets one now."""
        waits = self._time - track.began < DOUBT_S
        if waits and any(lost.likeness(track.look) >= MAYBE for lost in self._lost()):
            return False
        return self._fresh or track.score >= SURE or track.hits >= CONFIRM

    def _lost(self) -> list[_Track]:
        """The tracks that a search may find again by appearance."""
        lost = [track for track in self._tracks if track.number and track.misses]
        return [track for track in (*lost, *self._gone) if track.look is not None]

    def _pairs(
        self, detections: Sequence[Detection], looks: Sequence[np.ndarray | None]
    ) -> dict[_Track, int]:
        """The index of each track's detection, for those that have one."""
        overlap = _above(
            [
                [t.overlap(found.box, look) for found, look in zip(detections, looks, strict=True)]
                for t in self._tracks
            ],
            MATCH_IOU,
        )
        pairs = {self._tracks[row]: column for row, column in _assigned(overlap).items()}
        # Who was lost comes before who has no number yet.
        taken = {column for track, column in pairs.items() if track.number}
        free = [column for column in range(len(detections)) if column not in taken]
        lost = [t for t in (*self._tracks, *self._gone) if t.number and t not in pairs]
        again = _above(
            [
                [t.again(detections[c].box, looks[c], gone=t in self._gone) for c in free]
                for t in lost
            ],
            MATCH_IOU,
        )
        for row, column in _assigned(again).items():
            pairs = {track: c for track, c in pairs.items() if c != free[column]}
            track = lost[row]
            pairs[track] = free[column]
            track.adrift = True  # it does not glide to where it is found
            if track in self._gone:
                self._gone.remove(track)
                self._tracks.append(track)
        return pairs

    def _cull(self) -> None:
        height, width = self._shape
        kept = [
            track
            for track in self._tracks
            if 0 <= track.box.center[0] <= width
            and 0 <= track.box.center[1] <= height
            and not (track.misses and not track.number)
            and not (track.misses >= 2 and self._time - track.seen > LOST_S)
        ]
        self._gone = [
            track
            for track in (*self._gone, *(track for track in self._tracks if track not in kept))
            if track.number and track.look is not None and self._time - track.seen <= GONE_S
        ]
        self._tracks = kept


def _sides(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.width, box.height


def _above(values: Sequence[Sequence[float]], least: float) -> np.ndarray:
    """float64 [tracks, detections]: the values, and 0 for those below `least`."""
    array = np.array(values, np.float64).reshape(len(values), len(values[0]) if values else 0)
    return np.where(array >= least, array, 0)


def _assigned(values: np.ndarray) -> dict[int, int]:
    """Detection of each track that has one, such that all values together are largest."""
    if not values.size:
        return {}
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(values, maximize=True)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if values[row, column] > 0
    }
