"""Faces of a video's frames: searched for now and then, followed, recognised, smoothed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2

from fer_tf.vision.results import Face
from fer_tf.vision.video.reader import Frame
from fer_tf.vision.video.smoothing import Smoother
from fer_tf.vision.video.tracking import Tracked, Tracker

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer


@dataclass(frozen=True)
class Seen:
    """A frame and who is in it.

    Attributes:
        frame: with its picture.
        faces: with smoothed probabilities.
        tracks: the person's number of each of `faces`.
    """

    frame: Frame
    faces: tuple[Face, ...]
    tracks: tuple[int, ...]


class Analysis:
    """Analyses the frames of one video.

    Args:
        analyzer: finds and recognises.
        detect_every: frames from one search to the next; an urgent one comes between.
        recognize_every: frames from one recognition to the next; who is new is recognised at once.
        smoothing_s: time constant in seconds.
    """

    def __init__(
        self,
        analyzer: FaceAnalyzer,
        *,
        detect_every: int,
        recognize_every: int,
        smoothing_s: float,
    ):
        self._analyzer = analyzer
        self._detect_every = detect_every
        self._recognize_every = recognize_every
        self._smoothing_s = smoothing_s
        self._smoothers: dict[int, Smoother] = {}
        self._latest: dict[int, Face] = {}
        self.tracker = Tracker()

    def over(self, frames: Iterable[Frame]) -> Iterator[Seen]:
        """Each frame with its faces."""
        searched = recognized = -(1 << 30)
        for frame in frames:
            grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
            urgent = self.tracker.advance(grey, frame.time)
            if urgent or frame.index - searched >= self._detect_every:
                self.tracker.correct(self._analyzer.detect(frame.pixels))
                searched = frame.index
            due = frame.index - recognized >= self._recognize_every
            recognized = frame.index if due else recognized
            yield self._seen(frame, self.tracker.shown(), due)

    def _seen(self, frame: Frame, shown: list[Tracked], due: bool) -> Seen:
        asked = [tracked for tracked in shown if due or tracked.track not in self._latest]
        if asked:
            detections = [tracked.detection for tracked in asked]
            [answers] = self._analyzer.recognize([frame.pixels], [detections])
            for tracked, face in zip(asked, answers, strict=True):
                self._latest[tracked.track] = self._smoothed(tracked.track, frame.time, face)
        faces = tuple(
            replace(
                self._latest[tracked.track],
                box=tracked.detection.box,
                score=tracked.detection.score,
                eyes=tracked.detection.eyes,
            )
            for tracked in shown
        )
        self._forget()
        return Seen(frame, faces, tuple(tracked.track for tracked in shown))

    def _smoothed(self, track: int, time: float, face: Face) -> Face:
        smoother = self._smoothers.setdefault(track, Smoother(self._smoothing_s))
        mean = smoother.at(time, face.probabilities)
        return replace(face, probabilities=tuple(mean.tolist()))

    def _forget(self) -> None:
        alive = self.tracker.alive()
        for gone in self._latest.keys() - alive:
            del self._latest[gone]
            self._smoothers.pop(gone, None)
