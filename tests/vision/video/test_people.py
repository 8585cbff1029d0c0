"""What is told of a video's people at its end."""

from __future__ import annotations

import numpy as np

from fer_tf.vision.results import Box, Face, VideoFrame
from fer_tf.vision.video.people import MOST, People


def face(emotion: int, certainty: float) -> Face:
    shares = [(1 - certainty) / 6] * 7
    shares[emotion] = certainty
    return Face(Box(0, 0, 9, 9), 1.0, tuple(shares))


def frame(number: int, *faces: Face) -> VideoFrame:
    pixels, tracks = np.full((4, 4, 3), number, np.uint8), tuple(range(1, len(faces) + 1))
    return VideoFrame(faces, frame=number, tracks=tracks, pixels=pixels)


def test_each_persons_expressions_and_surest_moment() -> None:
    people = People(moments=True)
    for number, certainty in enumerate((0.4, 0.9, 0.6)):
        people.add(frame(number, face(3, certainty), face(number, 0.5)))
    assert list(people.lines()) == [
        "person 1 in 3 frames: Happy 100%",
        "person 2 in 3 frames: Angry 33%, Disgust 33%, Fear 33%",
    ]
    first, second = people.moments()
    assert (first.tracks, first.frame, first.pixels.max()) == ((1,), 1, 1)
    assert (second.tracks, second.frame, second.faces) == ((2,), 0, (face(0, 0.5),))


def test_few_frames_are_kept() -> None:
    crowd, plain = People(moments=True), People()
    for people in (crowd, plain):
        people.add(frame(0, *[face(0, 0.5)] * (3 * MOST)))
    assert len(crowd.moments()) == MOST and plain.moments() == []
    assert len(list(plain.lines())) == 3 * MOST
