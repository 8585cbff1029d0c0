"""The pictures: heat where the map is hot, blue where it is hottest, four panels of one face."""

from __future__ import annotations

import tracemalloc
import warnings

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.explanations import Explanation
from fer_tf.report.figure_theme import rendered
from fer_tf.tasks import TASKS, Task
from fer_tf.vision.crops import crop_face
from fer_tf.vision.panels import (
    BLUE,
    answer,
    face_view,
    four_panels,
    heat_overlay,
    heat_scale,
    panels_figure,
    salient_points,
)
from fer_tf.vision.results import Box, Detection


def bump() -> np.ndarray:
    """A map that is greatest at row 12, column 36, and 0 in the lower half."""
    y, x = np.mgrid[:48, :48]
    values = np.exp(-((x - 36) ** 2 + (y - 12) ** 2) / 50).astype(np.float32)
    values[24:] = 0
    return values / values.max()


def explained(target: int = 3) -> Explanation:
    probabilities = (0.05, 0.01, 0.04, 0.7, 0.1, 0.05, 0.05)
    return Explanation(bump(), "integrated", target, probabilities, TASKS["fer2013"])


@pytest.mark.parametrize("colours", [(), (3,)])
def test_heat_colours_the_hot_part_only(colours):
    face = np.full((96, 120, *colours), 128, np.uint8)
    drawn = heat_overlay(face, bump())
    assert drawn.shape == (96, 120, 3) and drawn.dtype == np.uint8
    assert np.all(drawn[60:] == 128)
    hottest = drawn[24, 90].astype(int)
    assert hottest[0] - hottest[2] > 40


def test_the_scale_has_the_colours_of_the_map():
    ramp = np.linspace(1, 0, 64, dtype=np.float32)[:, None].repeat(48, axis=1)
    face = np.full((64, 48), 128, np.uint8)
    assert np.array_equal(heat_scale(64, 48), heat_overlay(face, ramp))
    brightness = heat_scale(64, 4).sum(axis=(1, 2), dtype=int)
    assert brightness[0] > brightness[32]


@given(share=st.floats(0.01, 0.3))
@settings(max_examples=10)
def test_salient_points_are_the_given_share_of_the_face(share):
    face = np.full((96, 96), 200, np.uint8)
    saliency = np.random.default_rng(0).random((96, 96), np.float32)
    blue = np.all(salient_points(face, saliency, share=share) == BLUE, axis=-1)
    assert blue.mean() == pytest.approx(share, abs=0.001)
    assert saliency[blue].min() >= saliency[~blue].max()


def test_salient_points_leave_out_what_is_not_salient_and_darken_the_face():
    face = np.full((48, 48), 200, np.uint8)
    drawn = salient_points(face, bump(), share=1.0)
    assert np.all(drawn[30:] == 80)
    assert np.all(salient_points(face, np.zeros((48, 48), np.float32)) == 80)


def test_the_view_shows_what_the_crop_shows(astronaut):
    for box in (Box(180.0, 80.0, 90.0, 90.0), Box(-40.0, -40.0, 700.0, 700.0)):
        crop = crop_face(astronaut, Detection(box, 1.0), (128, 96), margin=0.1)
        view = face_view(astronaut, crop, side=128).mean(axis=-1)
        seen = cv2.resize(view, (96, 128), interpolation=cv2.INTER_AREA)
        assert np.corrcoef(seen.ravel(), crop.pixels.ravel())[0, 1] > 0.93


def test_four_panels_of_pictures_of_any_shape(astronaut):
    detection = Detection(Box(180.0, 80.0, 90.0, 90.0), 1.0)
    for picture in (astronaut, astronaut[:, :300], astronaut[:190]):
        crop = crop_face(picture, detection, (128, 128), margin=0.1)
        drawn = four_panels(picture, detection.box, crop, explained())
        assert drawn.dtype == np.uint8 and drawn.shape[2] == 3
        assert 1400 < drawn.shape[1] < 2100 and 400 < drawn.shape[0] < 600
        # Blue of the salient points is in the last quarter and nowhere else.
        blue = np.flatnonzero(np.all(drawn == BLUE, axis=-1).any(axis=0))
        assert len(blue) and blue.min() > drawn.shape[1] / 2


def test_a_large_picture_takes_no_more_memory():
    image, box = np.zeros((4000, 6000, 3), np.uint8), Box(3000.0, 2000.0, 900.0, 900.0)
    crop = crop_face(image, Detection(box, 1.0), (96, 96), margin=0.1)
    tracemalloc.start()
    four_panels(image, box, crop, explained())
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 150e6


def test_letters_that_no_font_has_are_no_warning(astronaut):
    box = Box(180.0, 80.0, 90.0, 90.0)
    crop = crop_face(astronaut, Detection(box, 1.0), (96, 96), margin=0.1)
    why = Explanation(bump(), "gradient", 0, (0.8, 0.2), Task("own", ("\U00013000", "calm")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        four_panels(astronaut, box, crop, why)


def test_long_names_stand_beside_the_method(astronaut):
    box = Box(80.0, 80.0, 90.0, 90.0)
    crop = crop_face(astronaut, Detection(box, 1.0), (96, 96), margin=0.1)
    names = ("fearfully_surprised", "disgustedly_surprised")
    why = Explanation(bump(), "gradcam-stage4", 0, (0.2, 0.8), Task("own", names))
    figure = panels_figure(astronaut[:, :200], box, crop, why)
    rendered(figure)  # lays it out
    title, method, _ = (text.get_window_extent() for text in figure.texts)
    assert title.x1 < method.x0


def test_the_title_tells_when_another_emotion_is_explained():
    assert answer(explained()) == "Happy 70%"
    assert answer(explained(4)) == "Sad 10%  (most probable: Happy 70%)"
    task = Task("own", ("glad", "calm"), ("valence", "arousal"))
    value = Explanation(bump(), "gradient", 3, (0.25, 0.75), task, (0.5, -0.125))
    assert answer(value) == "arousal -0.12  (most probable: calm 75%)"
