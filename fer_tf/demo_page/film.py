"""A camera's film: its faces followed from frame to frame, and their answers smoothed over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

import cv2
import numpy as np

from fer_tf.demo_page.service import Answer, Service
from fer_tf.vision.results import Detection
from fer_tf.vision.video.appearance import appearance
from fer_tf.vision.video.smoothing import Smoother
from fer_tf.vision.video.tracking import Tracker


class Film:
    """The frames of one page's camera, in their order.

    Args:
        clock: seconds, of any origin.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._tracker = Tracker()
        self._smoothers: dict[int, Smoother] = {}

    def answer(self, frame: np.ndarray, service: Service, network: str) -> Answer:
        """The faces of the next frame, uint8 RGB [h, w, 3], in the order in which they appeared."""
        time = self._clock()
        tracks: list[int] = []

        def follow(detections: list[Detection]) -> list[Detection]:
            self._tracker.advance(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), time)
            looks = [appearance(frame, detection.box) for detection in detections]
            self._tracker.correct(detections, looks)
            shown = self._tracker.shown()
            tracks[:] = [tracked.track for tracked in shown]
            return [tracked.detection for tracked in shown]

        answer = service.answer(frame, network, follow=follow)
        alive = self._tracker.alive()
        self._smoothers = {track: s for track, s in self._smoothers.items() if track in alive}
        faces = []
        for track, face in zip(tracks, answer.faces, strict=True):
            smoother = self._smoothers.setdefault(track, Smoother())
            faces.append(smoother.smooth(time, face))
        return replace(answer, faces=tuple(faces))
