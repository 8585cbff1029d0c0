"""What is told of a video's people at its end."""

from __future__ import annotations

import numpy as np

from fer_tf.vision.results import Box, Face
from fer_tf.vision.video.people import MOST, People
from fer_tf.vision.video.session import FaceRow


def row(frame: int, track: int, emotion: int, certainty: float) -> FaceRow:
    shares = [(1 - certainty) / 6] * 7
    shares[emotion] = certainty
    face = Face(Box(0, 0, 9, 9), 1.0, tuple(shares))
    return FaceRow(frame, frame / 25, track, face, np.full((4, 4, 3), frame, np.uint8))


def test_each_persons_expressions_and_surest_moment() -> None:
    people = People(moments=True)
    for frame, certainty in enumerate((0.4, 0.9, 0.6)):
        people.add(row(frame, 1, 3, certainty))
        people.add(row(frame, 2, frame, 0.5))
    assert list(people.lines()) == [
        "person 1 in 3 frames: Happy 100%",
        "person 2 in 3 frames: Angry 33%, Disgust 33%, Fear 33%",
    ]
    assert [(moment.track, moment.frame) for moment in people.moments()] == [(1, 1), (2, 0)]
    assert people.moments()[0].pixels.max() == 1, "the frame of that moment"


def test_few_frames_are_kept() -> None:
    crowd, plain = People(moments=True), People()
    for track in range(3 * MOST):
        crowd.add(row(0, track, 0, 0.5))
        plain.add(row(0, track, 0, 0.5))
    assert len(crowd.moments()) == MOST and plain.moments() == []
    assert len(list(plain.lines())) == 3 * MOST
