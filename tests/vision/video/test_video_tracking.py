"""Who is who: motion of boxes, numbers that stay, tracks that begin and end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clips import FPS, SIZE, astronaut, background, frames, hopper, sway
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.vision.results import Box, Detection
from fer_tf.vision.video import tracking
from fer_tf.vision.video.flow import PointFlow
from fer_tf.vision.video.tracking import Tracker

FACE = Box(45, 47, 97, 97)
"""In the astronaut's picture."""


def placed(place, face=FACE):
    left, top, scale = place
    return Box(
        left + scale * face.left, top + scale * face.top, scale * face.width, scale * face.height
    )


def grey(*paths):
    [picture] = frames(1, *paths)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)


def film(tracker, pictures, found, every=5):
    """The boxes shown in each frame, by number; `found` gives a frame's detections."""
    shown = []
    for index, picture in enumerate(pictures):
        urgent = tracker.advance(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), index / FPS)
        if urgent or index % every == 0:
            tracker.correct(found(index))
        shown.append({tracked.track: tracked.detection.box for tracked in tracker.shown()})
    return shown


@settings(max_examples=25)
@given(st.floats(-0.25, 0.25), st.floats(-0.25, 0.25), st.floats(0.9, 1.1), st.floats(0.5, 1.5))
def test_flow_finds_shift_and_scale(across, down, scale, size):
    before = placed((200, 150, size))
    dx, dy = across * before.width, down * before.height
    x, y = before.center
    # The picture, and so the box, is enlarged about the box's middle and moved.
    left, top = 200 + dx + (1 - scale) * (x - 200), 150 + dy + (1 - scale) * (y - 150)
    flow = PointFlow()
    flow.advance(grey((astronaut(), lambda _: (200, 150, size))), [])
    [motion] = flow.advance(grey((astronaut(), lambda _: (left, top, size * scale))), [before])
    moved, truth = motion.of(before), placed((left, top, size * scale))
    assert moved.iou(truth) > 0.93
    assert np.hypot(moved.center[0] - x - dx, moved.center[1] - y - dy) < 0.02 * before.width + 0.5


def test_flow_of_nothing_is_none():
    flow = PointFlow()
    box = [Box(10, 10, 50, 50)]
    flat = np.zeros((100, 100), np.uint8)
    assert flow.advance(flat, box) == [None]
    assert flow.advance(np.zeros((90, 100), np.uint8), box) == [None]
    assert flow.advance(flat, [Box(98, 98, 50, 50)]) == [None]
    assert flow.advance(flat, []) == []


def test_one_face_keeps_its_number_and_its_box_follows():
    tracker = Tracker()
    pictures = frames(60, (astronaut(), sway))
    shown = film(tracker, pictures, lambda i: [Detection(placed(sway(i)), 0.9)], every=15)
    assert [list(boxes) for boxes in shown] == [[1]] * 60
    assert min(boxes[1].iou(placed(sway(i))) for i, boxes in enumerate(shown)) > 0.85


def test_noisy_boxes_are_steadied():
    noise = np.random.default_rng(0).normal(0, 5, (60, 2))

    def found(index):
        box = placed((200, 150, 1))
        return [Detection(Box(box.left + noise[index, 0], box.top + noise[index, 1], 97, 97), 0.9)]

    shown = film(Tracker(), frames(60, (astronaut(), lambda _: (200, 150, 1))), found, every=1)
    lefts = np.array([boxes[1].left for boxes in shown])
    assert np.abs(np.diff(lefts)).mean() < np.abs(np.diff(noise[:, 0])).mean() / 2


def test_two_who_cross_keep_their_numbers():
    def behind(index):
        return 20 + 5 * index, 120, 1.2

    def before(index):
        return 420 - 5 * index, 130, 1.2

    seen = Box(30, 70, 120, 120)

    def found(index):
        front = placed(before(index), seen)
        back = placed(behind(index))
        card = placed(before(index), Box(0, 0, 180, 220))
        covered = min(card.right, back.right) - max(card.left, back.left)
        hidden = covered > 0.4 * back.width
        return [Detection(front, 0.9)] + [Detection(back, 0.9)] * (not hidden)

    tracker = Tracker()
    shown = film(tracker, frames(80, (astronaut(), behind), (hopper(), before)), found)
    assert tracker.count == 2
    assert shown[0].keys() == shown[-1].keys() == {1, 2}
    first, last = shown[0], shown[-1]
    front = min(first, key=lambda number: -first[number].left)
    assert last[front].iou(placed(before(79), seen)) > 0.7
    assert last[3 - front].iou(placed(behind(79))) > 0.7


def test_gone_for_long_is_somebody_new_and_for_a_moment_is_not():
    moment, long = round(1.0 * FPS), round((tracking.LOST_S + 1) * FPS)

    def path(index):
        away = 20 <= index < 20 + moment or 80 <= index < 80 + long
        return None if away else (200, 150, 1)

    def found(index):
        return [] if path(index) is None else [Detection(placed((200, 150, 1)), 0.9)]

    tracker = Tracker()
    shown = film(tracker, frames(80 + long + 20, (astronaut(), path)), found)
    assert set(shown[79]) == {1}
    assert not shown[80 + long - 5]
    assert set(shown[-1]) == {2}
    assert tracker.alive() == {2}


def test_what_is_found_once_is_nobody():
    still = [background()] * 30
    once = Tracker()
    shown = film(once, still, lambda i: [Detection(FACE, tracking.SURE - 0.01)] * (i == 10))
    assert not any(shown)
    assert once.advance(grey(), 30 / FPS) is False
    shown = film(Tracker(), still, lambda i: [Detection(FACE, tracking.SURE)] * (i == 10))
    assert not any(shown[:10]) and 1 in shown[10]


def test_what_is_not_sure_is_searched_for_again_soon():
    tracker = Tracker()
    unsure = [Detection(FACE, tracking.SURE - 0.1)]
    for index in range(5):
        assert tracker.advance(grey(), index / FPS) is (index in (0, 4))
        if index in (0, 1):
            tracker.correct(unsure * index)
    tracker.correct(unsure)
    assert [tracked.track for tracked in tracker.shown()] == [1]


def test_without_support_it_fades():
    path = [(astronaut(), lambda _: (200, 150, 1))]
    found = [Detection(placed((200, 150, 1)), 0.9)]
    shown = film(Tracker(), frames(60, *path), lambda i: found if i < 10 else [])
    assert 1 in shown[14]
    assert not any(shown[5 + round((tracking.HOLD_S + 0.4) * FPS) :])


def test_two_boxes_of_one_face_are_one():
    box = placed((200, 150, 1))
    twice = [Detection(box, 0.9), Detection(Box(box.left + 9, box.top, 97, 97), 0.8)]
    tracker = Tracker()
    film(tracker, frames(20, (astronaut(), lambda _: (200, 150, 1))), lambda i: twice[: i + 1])
    assert tracker.count == 1


def test_a_cut_asks_for_a_search_at_once_and_another_size_begins_anew():
    tracker = Tracker()
    first = grey((astronaut(), lambda _: (200, 150, 1)))
    assert tracker.advance(first, 0.0)
    tracker.correct([Detection(placed((200, 150, 1)), 0.9)])
    assert not tracker.advance(first, 0.04)
    assert tracker.advance(np.zeros(first.shape, np.uint8), 0.08)
    assert not tracker.shown()
    tracker.correct([])
    assert not tracker.advance(np.zeros(first.shape, np.uint8), 0.12)
    assert tracker.advance(np.zeros((240, 320), np.uint8), 0.16)
    tracker.correct([Detection(Box(10, 10, 50, 50), 0.9)])
    assert [tracked.track for tracked in tracker.shown()] == [2]


def test_who_leaves_the_picture_is_gone():
    def leave(index):
        return 200 + 12 * index, 150, 1

    tracker = Tracker()
    shown = film(
        tracker,
        frames(60, (astronaut(), leave)),
        lambda i: [Detection(placed(leave(i)), 0.9)] if placed(leave(i)).right < SIZE[0] else [],
    )
    assert shown[0] and not shown[-1]
    for boxes in shown:
        assert all(box.left < SIZE[0] for box in boxes.values())


def test_eyes_move_along():
    eyes = ((230.0, 190.0), (260.0, 190.0))
    tracker = Tracker()
    tracker.advance(grey((astronaut(), lambda _: (200, 150, 1))), 0.0)
    tracker.correct([Detection(placed((200, 150, 1)), 0.9, eyes)])
    tracker.advance(grey((astronaut(), lambda _: (206, 147, 1))), 0.04)
    [tracked] = tracker.shown()
    moved = np.array(tracked.detection.eyes) - eyes
    assert moved == pytest.approx(np.array([[6, -3], [6, -3]]), abs=0.7)


@settings(max_examples=30)
@given(
    st.lists(
        st.lists(
            st.builds(Box, st.floats(-50, 150), st.floats(-50, 100), *[st.floats(1, 200)] * 2),
            max_size=4,
        ),
        max_size=12,
    )
)
def test_any_detections_give_unique_numbers_and_boxes_with_an_area(searches):
    tracker = Tracker()
    picture = cv2.resize(background(), (160, 120))
    highest = 0
    for index, boxes in enumerate(searches):
        tracker.advance(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), index / 10)
        tracker.correct([Detection(box, 0.5) for box in boxes])
        numbers = [tracked.track for tracked in tracker.shown()]
        assert len(set(numbers)) == len(numbers)
        assert all(t.detection.box.area > 0 for t in tracker.shown())
        assert tracker.count >= max([highest, *numbers])
        highest = max([highest, *numbers])
