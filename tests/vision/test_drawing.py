"""Boxes, labels and bars: inside the picture, off the faces, and the picture itself untouched."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.tasks import FER2013
from fer_tf.vision.drawing import (
    BRIGHT,
    FAINT,
    INK,
    PAPER,
    _empty_panel,
    class_colours,
    colour,
    draw_faces,
)
from fer_tf.vision.layout import Rect, _within, arrange
from fer_tf.vision.results import Box, Face
from fer_tf.vision.text_measures import chip_size, text_mask

SHARES = (0.02, 0.01, 0.01, 0.9, 0.01, 0.02, 0.03)


def face(left: float, top: float, width: float, height: float, shares=SHARES) -> Face:
    return Face(Box(left, top, width, height), 0.9, shares)


@st.composite
def scenes(draw):
    width, height = draw(st.integers(1, 900)), draw(st.integers(1, 700))
    sides = st.floats(1, 500)
    faces = draw(
        st.lists(
            st.builds(face, st.floats(-200, width), st.floats(-200, height), sides, sides),
            max_size=6,
        )
    )
    return width, height, faces


def inside(rect: Rect, width: int, height: int) -> bool:
    return rect.overlap(Rect(0, 0, width, height)) == rect.width * rect.height > 0


@given(scenes())
@settings(max_examples=150)
def test_labels_and_bars_lie_inside_and_bars_keep_off_everything(scene):
    width, height, faces = scene
    plans = arrange(width, height, faces, ["Happy  90%"] * len(faces))
    panels = [plan.panel for plan in plans if plan.panel]
    chips = [plan.chip for plan in plans if plan.chip]
    assert all(inside(rect, width, height) for rect in panels + chips)
    for panel in panels:
        assert not any(panel.overlap(plan.box) for plan in plans)
        assert not any(panel.overlap(chip) for chip in chips)
    assert not any(a.overlap(b) for a, b in itertools.combinations(panels, 2))
    assert not any(a.overlap(b) for a, b in itertools.combinations(chips, 2))
    for one, other in itertools.permutations(plans, 2):
        assert one.chip is None or one.chip.overlap(other.box) == 0


def test_a_panel_away_from_its_face_has_a_line_to_it_over_nobody():
    faces = [face(300 + 85 * column, 320, 80, 80) for column in range(8)]
    titles = ["Happy  90%"] * len(faces)
    plans = arrange(1280, 720, faces, titles)
    near = arrange(1280, 720, faces, titles, steady=True)
    assert sum(p.panel is not None for p in plans) > sum(p.panel is not None for p in near) > 0
    for plan in plans:
        assert (plan.link is None) == (plan.panel is None)
        if plan.link is not None:
            others = [p for p in plans if p is not plan]
            rects = [rect for p in others for rect in (p.box, p.chip, p.panel) if rect]
            assert not _within(np.linspace(*plan.link, 50), rects)


def test_a_label_that_would_cover_a_neighbour_goes_away_with_a_line_over_nobody():
    faces = [
        face(50 + 70 * column + 35 * (row % 2), 230 + 66 * row, 42, 51)
        for row in range(3)
        for column in range(13)
    ]
    plans = arrange(1000, 640, faces, ["Happy  90%"] * len(faces))
    away = [plan for plan in plans if plan.chip_link is not None]
    assert len(away) > 5
    for plan in away:
        others = [rect for p in plans if p is not plan for rect in (p.box, p.chip) if rect]
        assert not _within(np.linspace(*plan.chip_link, 50), others)
        assert not any(plan.chip.overlap(rect) for rect in [plan.box, *others])


def test_a_place_is_looked_for_near_the_face_alone():
    """In all of a large picture, a crowd's labels would take minutes."""
    faces = [face(4000 + 30 * column, 4000, 60, 72) for column in range(4)]
    tracemalloc.start()
    plans = arrange(12_000, 9_000, faces, ["Happy  90%"] * len(faces))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert any(plan.chip_link for plan in plans) and held < 2**21


def test_a_face_alone_needs_no_line():
    (plan,) = arrange(640, 480, [face(200, 150, 150, 170)], ["Happy  90%"])
    assert plan.panel is not None and plan.link is None


def test_an_unsure_face_has_a_dashed_box_in_white():
    image = np.zeros((480, 640, 3), np.uint8)
    one = face(200, 150, 150, 170)
    (plan,) = arrange(640, 480, [one], ["Happy  90%"])
    middle = plan.box.top + plan.box.height

    def edge(answer):
        row = draw_faces(image, [answer])[middle, 220:330].astype(int)
        return (abs(row - colour("Happy", FER2013)).max(axis=1) < 40), (row.min(axis=1) > 200)

    happy, _ = edge(one)
    assert happy.all()
    happy, white = edge(replace(one, min_certainty=0.95))
    assert not happy.any() and 0.3 < white.mean() < 0.8


@given(scenes())
@settings(max_examples=60)
def test_draws_any_scene_on_a_copy(scene):
    width, height, faces = scene
    image = np.full((height, width, 3), 90, np.uint8)
    drawn = draw_faces(image, faces, tracks=[3, None])
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert not np.shares_memory(drawn, image) and (image == 90).all()
    assert bool(faces) or (drawn == image).all()


@pytest.mark.parametrize(("width", "height"), [(100, 100), (640, 480), (4000, 3000)])
def test_a_face_in_the_middle_gets_a_label_and_bars_where_they_can_be_read(width, height):
    one = face(width * 0.4, height * 0.3, height * 0.3, height * 0.35)
    (plan,) = arrange(width, height, [one], ["Happy  90%"])
    assert plan.chip is not None and plan.chip.top + plan.chip.height <= plan.box.top
    assert (plan.panel is not None) == (height > 100)
    if plan.panel is not None:
        assert plan.panel.left > plan.box.left + plan.box.width


def test_bars_go_to_the_left_of_a_face_at_the_right_edge():
    (plan,) = arrange(640, 480, [face(470, 100, 160, 180)], ["Happy  90%"])
    assert plan.panel is not None
    assert plan.panel.left + plan.panel.width < plan.box.left


def test_the_face_itself_is_not_drawn_over():
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    drawn = draw_faces(image, [face(200, 150, 150, 170)])
    inner = np.s_[160:310, 210:340]
    assert (drawn[inner] == image[inner]).all()
    assert (drawn != image).any(axis=2).sum() > 10_000


def test_a_face_as_large_as_the_picture_keeps_its_middle():
    image = np.full((160, 150, 3), 200, np.uint8)
    drawn = draw_faces(image, [face(0, 0, 150, 160)])
    assert (drawn[50:110, 30:120] == 200).all()


def test_a_bar_is_as_long_as_its_probability():
    image = np.zeros((480, 640, 3), np.uint8)
    one = face(100, 100, 160, 180, (0.0, 0.0, 0.25, 0.75, 0.0, 0.0, 0.0))
    drawn = draw_faces(image, [one]).astype(int)
    (plan,) = arrange(640, 480, [one], ["Happy  75%"])
    panel = drawn[:, plan.panel.left : plan.panel.left + plan.panel.width]

    def length(emotion):
        return (abs(panel - colour(emotion, FER2013)).max(axis=2) < 30).sum(axis=1).max()

    assert length("Happy") == pytest.approx(3 * length("Fear"), abs=4)
    assert length("Sad") == 0


def test_labels_can_be_read_on_black_and_on_white():
    # WCAG 2.2, success criterion 1.4.3: 4.5 to 1.
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    opacity, paint = _empty_panel(14, FER2013)
    corner = opacity[5, opacity.shape[1] // 2], paint[5, opacity.shape[1] // 2]
    assert np.abs(corner[1].astype(int) - PAPER).max() <= 2
    for background in (0.0, 1.0):
        paper = background * (1 - corner[0]) + corner[0] * corner[1] / 255
        for rgb in (INK, FAINT):
            ink = luminance([c / 255 for c in rgb])
            assert (ink + 0.05) / (luminance(paper) + 0.05) > 4.5


def test_every_emotion_has_a_colour_of_its_own():
    assert len({colour(name, FER2013) for name in FER2013}) == len(BRIGHT) == 7
    own = ("calm", "happiness", "cross")
    assert colour("happiness", own) == colour("Happy", FER2013)
    assert not {*class_colours(own).values()} & {*class_colours(FER2013).values()} - {BRIGHT[3]}
    twelve = ("happiness", *map(str, range(11)))
    assert len({*class_colours(twelve).values()}) == 12


def test_the_track_is_in_the_label():
    assert chip_size("#12  Happy  90%", 14) > chip_size("Happy  90%", 14)
    image = np.zeros((300, 300, 3), np.uint8)
    one = face(80, 80, 60, 60)
    plain, numbered = draw_faces(image, [one]), draw_faces(image, [one], tracks=[12])
    assert (plain != numbered).any()


def test_text_is_ink_in_0_to_1():
    ink, rise = text_mask("Happy  90%", 20)
    assert ink.dtype == np.float32 and ink.min() == 0 and 0.9 < ink.max() <= 1
    assert 0 < rise < ink.shape[0]
