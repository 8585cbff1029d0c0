"""The picture of probabilities over time, and the bounded bins behind it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_tf.errors import FerError
from fer_tf.tasks import FER2013
from fer_tf.vision.video import timeline as module
from fer_tf.vision.video.timeline import BINS, Timeline, clock, tick_step, timeline_figure

HAPPY = np.eye(7)[3]
SAD = np.eye(7)[4]


def filled(seconds, fps=25.0, people=1):
    timeline = Timeline(FER2013)
    for index in range(int(seconds * fps)):
        for person in range(people):
            timeline.add(person + 1, index / fps, HAPPY if index % 50 < 25 else SAD)
    return timeline


@settings(max_examples=30)
@given(st.floats(0.05, 1e5), st.integers(1, 400))
def test_bins_are_bounded_and_nothing_is_lost(seconds, count):
    timeline = Timeline(FER2013)
    for index in range(count):
        timeline.add(1, seconds * index / count, HAPPY if index % 2 else SAD)
    stretches = list(timeline.stretches(1))
    assert sum(len(means) for _, means in stretches) <= BINS
    for edges, means in stretches:
        assert (np.diff(edges) > 0).all()
        np.testing.assert_allclose(means.sum(axis=1), 1)
    assert sum(total[-1] for total in timeline._tracks[1].values()) == count


def test_a_stretch_ends_where_nobody_was_seen():
    timeline = Timeline(FER2013)
    for index in range(150):
        timeline.extend(index / 25)
        if not 50 <= index < 100:
            timeline.add(1, index / 25, HAPPY)
    first, second = timeline.stretches(1)
    assert first[0][-1] == pytest.approx(2, abs=0.05)
    assert second[0][0] == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize("fps", [0.2, 1, 7.3, 25])
def test_a_slow_video_shows_one_stretch(fps):
    timeline = filled(40, fps)
    timeline.add(2, 40, HAPPY)
    [(edges, _)] = timeline.stretches(1)
    assert edges[0] == 0 and edges[-1] >= 39 - 1 / fps


def test_longest_are_drawn_and_the_others_counted():
    timeline = Timeline(FER2013)
    for person in range(1, 10):
        for index in range(5 * person):
            timeline.add(person, index / 25, HAPPY)
    assert timeline.longest() == [4, 5, 6, 7, 8, 9]
    texts = [text.get_text() for text in timeline_figure(timeline).texts]
    assert texts == ["not drawn: 3 people seen for less time"]


def test_a_crowd_is_held_in_bounds(monkeypatch):
    monkeypatch.setattr(module, "_HELD", 8)
    timeline = Timeline(FER2013)
    for person in range(1, 101):
        for index in range(5 if person == 50 else 1):
            timeline.add(person, person + index / 2, HAPPY)
    timeline.add(1, 200, HAPPY)  # who was forgotten, again
    assert len(timeline) == 100
    assert len(timeline._tracks) <= 8
    assert 50 in timeline._tracks


@pytest.mark.parametrize("seconds", [0.04, 3, 7200])
def test_saves_a_picture_of_any_length(tmp_path, seconds):
    path = tmp_path / "clip-timeline.png"
    filled(seconds, fps=25 if seconds < 10 else 0.5, people=2).save(path, mark="")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000


@pytest.mark.parametrize(
    "labels",
    [FER2013, tuple(f"surprised_{n}" for n in range(10)), tuple(f"Class {n}" for n in range(40))],
)
def test_all_classes_are_named_above_the_panels(labels):
    timeline = Timeline(labels)
    timeline.add(1, 0.0, np.eye(len(labels))[0])
    figure = timeline_figure(timeline)
    [names], [axes] = figure.legends, figure.axes
    place = names.get_window_extent()
    assert figure.bbox.x0 <= place.x0 and place.x1 <= figure.bbox.x1
    assert axes.title.get_window_extent().y1 < place.y0 and place.y1 <= figure.bbox.y1


def test_names_the_emotion_above_its_stretch():
    [axes] = timeline_figure(filled(2)).axes
    assert {text.get_text() for text in axes.texts} == {"Happy", "Sad"}


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FerError, match="can't be written"):
        filled(1).save(tmp_path / "absent" / "clip.png", mark="")


@given(st.floats(0.02, 40_000))
def test_ticks_are_round_and_few(end):
    assert 1 <= end / tick_step(end) <= 9 or end < 0.1


def test_clock():
    assert clock(1.25, 3) == "1.2 s"
    assert clock(12, 60) == "12 s"
    assert clock(125, 600) == "2:05"
    assert clock(3725, 7200) == "1:02:05"
