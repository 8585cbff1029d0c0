"""Clips of real faces, searched by YuNet: the numbers that people get are right."""

from __future__ import annotations

import numpy as np
import pytest
from clips import FPS, SIZE, astronaut, background, frames, hopper
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf import FaceAnalyzer
from fer_tf.vision.results import Box
from fer_tf.vision.video.analysis import follow
from fer_tf.vision.video.appearance import appearance
from fer_tf.vision.video.session import VideoOptions
from fer_tf.vision.video.tracking import ALIKE, UNLIKE
from fer_tf.vision.video.video_reader import Frame

DETECT_EVERY = VideoOptions("").detect_every


@pytest.fixture(scope="module")
def analyzer():
    return FaceAnalyzer(detect_size=320)


def places(analyzer, pictures, every=DETECT_EVERY):
    """Where each person is, from the left edge of the face, frame by frame; and how many."""

    def clip():
        for index, picture in enumerate(pictures):
            yield Frame(index, index / FPS, np.ascontiguousarray(picture[..., ::-1]))

    seen = [
        {tracked.track: tracked.detection.box.left for tracked in item.shown}
        for item in follow(clip(), analyzer, detect_every=every)
    ]
    return seen, len(set().union(*seen))


@pytest.mark.parametrize("every", [2, DETECT_EVERY])
@pytest.mark.parametrize(("down", "scale"), [(130, 1.2), (100, 1.4)])
def test_two_who_cross(analyzer, down, scale, every):
    behind = (astronaut(), lambda index: (20 + 4 * index, 120, 1.2))
    before = (hopper(), lambda index: (420 - 4 * index, down, scale))
    seen, count = places(analyzer, frames(110, behind, before), every)
    left = min(seen[0], key=seen[0].get)
    assert count == 2 and set(seen[0]) == set(seen[-1]) == {1, 2}
    assert min(seen[-1], key=seen[-1].get) == 3 - left


@pytest.mark.parametrize("away", [12, 100])
def test_one_who_leaves_and_comes_back(analyzer, away):
    back = 40 + away

    def path(index):
        if 40 <= index < back:
            return None
        return 330 + 8 * (index if index < 40 else max(0, back + 40 - index)), 120, 1.1

    staying = (hopper(), lambda _: (30, 150, 1))
    seen, count = places(analyzer, frames(back + 60, (astronaut(), path), staying))
    leaving = max(seen[0], key=seen[0].get)
    assert count == 2 and set(seen[-1]) == {1, 2}
    assert set(seen[back - 4]) == {3 - leaving}
    assert max(seen[-1], key=seen[-1].get) == leaving


def test_a_cut_to_somebody_else_in_the_same_place(analyzer):
    first = frames(20, (astronaut(), lambda _: (200, 120, 1.2)))
    second = frames(20, (hopper(), lambda _: (200, 120, 1.2)))
    seen, count = places(analyzer, [*first, *second])
    assert count == 2
    assert [set(shown) for shown in seen] == [{1}] * 20 + [{2}] * 20


def test_a_cut_after_which_two_sit_the_other_way_round(analyzer):
    left, right = (lambda _: (60, 120, 1.1)), (lambda _: (370, 120, 1.1))
    first = frames(20, (astronaut(), left), (hopper(), right))
    second = frames(20, (astronaut(), right), (hopper(), left))
    seen, count = places(analyzer, [*first, *second])
    assert count == 2 and min(seen[0], key=seen[0].get) == max(seen[-1], key=seen[-1].get)


def test_a_cut_away_and_back(analyzer):
    face = (astronaut(), lambda _: (200, 120, 1.2))
    nobody = [background()] * 60
    seen, count = places(analyzer, [*frames(20, face), *nobody, *frames(20, face)])
    assert count == 1 and set(seen[-1]) == {1} and not seen[70]


def test_looks_tell_people_apart():
    def look(face, left, top, scale, light=1.0):
        [picture] = frames(1, (face, lambda _: (left, top, scale)))
        picture = np.clip(picture * light, 0, 255).astype(np.uint8)[..., ::-1]
        box = Box(left + 45 * scale, top + 45 * scale, 92 * scale, 112 * scale)
        return appearance(np.ascontiguousarray(picture), box)

    one = look(astronaut(), 100, 100, 1.0)
    assert one.shape == (6144,) and one @ one == pytest.approx(1, abs=1e-5)
    assert one @ look(astronaut(), 350, 180, 1.3) > 0.9
    assert one @ look(astronaut(), 350, 180, 0.6, 1.05) > ALIKE
    assert one @ look(hopper(), 100, 100, 1.0) < UNLIKE


@settings(max_examples=40)
@given(
    st.floats(-300, SIZE[0] + 100),
    st.floats(-300, SIZE[1] + 100),
    st.floats(0.5, 900),
    st.floats(0.5, 900),
)
def test_any_box_has_a_look(left, top, width, height):
    look = appearance(background(), Box(left, top, width, height))
    assert np.isfinite(look).all() and np.linalg.norm(look) == pytest.approx(1, abs=1e-4)
