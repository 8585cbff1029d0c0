"""Faces of a video's frames: searched for now and then, followed, recognised, smoothed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2

from fer_tf.vision.results import NO_FACE, Detection, Face, VideoFrame
from fer_tf.vision.video.appearance import appearance
from fer_tf.vision.video.cuts import CutFinder
from fer_tf.vision.video.smoothing import Smoother
from fer_tf.vision.video.tracking import Tracked, Tracker
from fer_tf.vision.video.video_reader import Frame

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer


@dataclass(frozen=True)
class Followed:
    """A frame and whose face is where.

    Attributes:
        frame: with its picture.
        shown: the faces.
        alive: the numbers of those that may be seen again.
        cut: whether another shot begins with it.
    """

    frame: Frame
    shown: tuple[Tracked, ...]
    alive: frozenset[int]
    cut: bool


def follow(
    frames: Iterable[Frame], analyzer: FaceAnalyzer, *, detect_every: int
) -> Iterator[Followed]:
    """Search each `detect_every`-th frame, and those where it is urgent; track in between.

    A cut (`CutFinder`) ends all tracks.
    """
    tracker, cuts = Tracker(), CutFinder()
    searched = -detect_every
    for frame in frames:
        grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
        cut = cuts.cut(frame.pixels)
        if cut:
            tracker.cut()
        urgent = tracker.advance(grey, frame.time)
        if urgent or frame.index - searched >= detect_every:
            found = analyzer.detector.glance(frame.pixels)
            tracker.correct(found, [appearance(frame.pixels, face.box) for face in found])
            searched = frame.index
        alive = frozenset(tracker.alive())
        yield Followed(frame, tuple(tracker.shown()), alive, cut)


def recognize(
    followed: Iterable[Followed],
    analyzer: FaceAnalyzer,
    *,
    source: str,
    recognize_every: int,
    smoothing_s: float,
) -> Iterator[VideoFrame]:
    """Recognise each `recognize_every`-th frame, and who is new at once; smooth over time.

    Args:
        followed: on a thread of its own, so that searches and recognition overlap.
        analyzer: recognises.
        source: the video's, as it was given.
        recognize_every: frames from one recognition to the next.
        smoothing_s: time constant in seconds.
    """
    smoothers: dict[int, Smoother] = {}
    latest: dict[int, Face] = {}
    recognized = -recognize_every
    for item in followed:
        frame = item.frame
        if item.cut:
            latest.clear()
            smoothers.clear()
        due = frame.index - recognized >= recognize_every
        recognized = frame.index if due else recognized
        asked = [tracked for tracked in item.shown if due or tracked.track not in latest]
        if asked:
            detections = [tracked.detection for tracked in asked]
            [answers] = analyzer.recognize([frame.pixels], [detections])
            for tracked, face in zip(asked, answers, strict=True):
                smoother = smoothers.setdefault(tracked.track, Smoother(smoothing_s))
                latest[tracked.track] = smoother.smooth(frame.time, face)
        faces = tuple(_placed(latest[tracked.track], tracked.detection) for tracked in item.shown)
        height, width = frame.pixels.shape[:2]
        yield VideoFrame(
            faces,
            "" if faces else NO_FACE,
            width=width,
            height=height,
            source=source,
            task=analyzer.task,
            frame=frame.index,
            seconds=frame.time,
            tracks=tuple(tracked.track for tracked in item.shown),
            pixels=frame.pixels,
        )
        for gone in latest.keys() - item.alive:
            del latest[gone], smoothers[gone]


def _placed(face: Face, detection: Detection) -> Face:
    return replace(face, box=detection.box, score=detection.score, eyes=detection.eyes)
