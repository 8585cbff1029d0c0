"""A cut is told by the colours of two frames, and ends every track."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clips import FPS, astronaut, frames, hopper, sway
from stub import StubAnalyzer

from fer_tf.data.synthetic import draw
from fer_tf.vision.results import Box, Detection, Face
from fer_tf.vision.video.analysis import follow, recognize
from fer_tf.vision.video.cuts import CutFinder
from fer_tf.vision.video.video_reader import Frame

WALL, FIELD = (70, 90, 160), (60, 140, 60)


def shot(colour, count, seed=0):
    """Frames of a drawn face that moves before a wall of one colour: uint8 RGB."""
    (drawn,) = draw(np.array([3]), seed)
    face = cv2.resize(np.repeat(drawn[..., None], 3, axis=-1), (96, 96))
    for index in range(count):
        frame = np.full((240, 320, 3), colour, np.uint8)
        frame[60:156, 80 + 2 * index : 176 + 2 * index] = face
        yield frame


def cuts(pictures):
    finder = CutFinder()
    return [index for index, picture in enumerate(pictures) if finder.cut(picture)]


def test_a_cut_is_where_another_wall_begins():
    assert cuts([*shot(WALL, 20), *shot(FIELD, 20), *shot(WALL, 5)]) == [20, 40]


def test_what_moves_is_no_cut():
    moving = (astronaut(), sway), (hopper(), lambda index: (500 - 9 * index, 100, 1.3))
    assert cuts(frames(60, *moving)) == []


@pytest.mark.parametrize("light", [0.85, 1.2])
def test_a_little_more_or_less_light_is_no_cut(light):
    first = list(frames(2, (astronaut(), sway)))
    lit = [np.clip(picture * light, 0, 255).astype(np.uint8) for picture in first]
    assert cuts([*first, *lit]) == []


def test_a_fade_is_no_cut():
    (one,), (other,) = shot(WALL, 1), shot(FIELD, 1)
    mixed = [cv2.addWeighted(one, 1 - k / 25, other, k / 25, 0) for k in range(26)]
    assert cuts(mixed) == []


def test_two_frames_of_other_sizes_are_compared():
    one, other = np.full((10, 10, 3), 9, np.uint8), np.full((400, 300, 3), 9, np.uint8)
    assert cuts([one, other]) == []


class Looks(StubAnalyzer):
    """Finds the drawn face at its place; what is recognised changes with the wall."""

    def detect(self, image):
        self.searched += 1
        row = image[60, :, 2].astype(int)
        edge = int(np.argmax(np.abs(np.diff(row)) > 3)) + 1
        return [Detection(Box(edge, 60, 96, 96), 0.95)]

    def recognize(self, images, detections):
        green = images[0][0, 0, 1] > 100
        shares = (0.0, 0, 0, 0.1, 0.9, 0, 0) if green else (0.0, 0, 0, 0.9, 0.1, 0, 0)
        return [tuple(Face(found.box, found.score, shares) for found in detections[0])]


def test_a_cut_ends_the_tracks_and_their_averages():
    pictures = [*shot(WALL, 15), *shot(FIELD, 15, seed=3)]
    numbered = (Frame(i, i / FPS, picture) for i, picture in enumerate(pictures))
    analyzer = Looks()
    followed = follow(numbered, analyzer, detect_every=100)
    seen = list(recognize(followed, analyzer, source="", recognize_every=1, smoothing_s=5.0))
    before, after = seen[14], seen[15]
    assert before.tracks == (1,) and after.tracks == (2,)
    # The average of the first shot's person is not carried over.
    assert after.faces[0].emotion == "Sad" and after.faces[0].certainty == pytest.approx(0.9)
    assert analyzer.searched == 2
