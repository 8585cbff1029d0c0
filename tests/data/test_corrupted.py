"""Each corruption that `evaluate --corruptions` measures with: what it does to a face."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf.data.corrupted import CORRUPTIONS
from fer_tf.data.synthetic import draw

FACES = draw(np.arange(7), seed=3)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_a_pure_function_that_changes_faces(name):
    before = FACES.copy()
    said = CORRUPTIONS[name](FACES)
    assert said.shape == FACES.shape and said.dtype == np.uint8
    np.testing.assert_array_equal(FACES, before)
    np.testing.assert_array_equal(said, CORRUPTIONS[name](FACES))
    assert (np.abs(said.astype(int) - FACES).max(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_grey_face_in_colour_is_spoilt_alike(name):
    grey, colour = (CORRUPTIONS[name](faces) for faces in (FACES, np.stack([FACES] * 3, axis=-1)))
    assert colour.shape == (*FACES.shape, 3)
    if not name.startswith("noise"):
        assert np.abs(colour - grey[..., None].astype(int)).max() <= 1


@pytest.mark.parametrize(
    "kind", sorted({name.replace(",", " x").split(" x")[0] for name in CORRUPTIONS})
)
def test_each_kind_has_three_strengths_that_grow(kind):
    names = [name for name in CORRUPTIONS if name.startswith(kind)]
    changes = [np.abs(CORRUPTIONS[name](FACES).astype(int) - FACES).mean() for name in names]
    assert len(names) >= 3 and changes == sorted(changes)


def test_by_hand():
    flat = np.full((2, 48, 48), 160, np.uint8)
    levels = {
        "brightness x 1/8": 20,
        "haze, 40 %": 176,
        "over-bright, x 1.5": 240,
        "over-bright, x 2": 255,
        "contrast x 1/8": 160,
        "blur, 2 pixels": 160,
        "resolution x 1/3": 160,
    }
    for name, level in levels.items():
        assert (CORRUPTIONS[name](flat) == level).all(), name
    halves = np.zeros((1, 48, 48), np.uint8)
    halves[:, :24] = 200
    assert np.unique(CORRUPTIONS["contrast x 1/2"](halves)).tolist() == [50, 150]
    covered = CORRUPTIONS["occlusion, 1/4 of the face"](flat) == 128
    assert covered.sum(axis=(1, 2)).tolist() == [24 * 24] * 2
    noise = CORRUPTIONS["noise, 10 levels"](flat).astype(int) - 160
    assert abs(noise.mean()) < 1 and 9 < noise.std() < 11
