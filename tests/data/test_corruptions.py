"""Light, blur and JPEG against OpenCV and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_tf.data import augment, pipeline
from fer_tf.data.corruptions import blur, jpeg, spoil_light
from fer_tf.data.draws import COLUMN, COLUMNS
from fer_tf.recipes.schema import Augmentation


def soft_noise(count: int = 3, side: int = 48) -> np.ndarray:
    """Random pictures without hard edges, float32 whole levels, [count, side, side, 1]."""
    noise = np.random.default_rng(0).normal(size=(count, side, side)).astype(np.float32)
    soft = np.stack([cv2.GaussianBlur(each, (0, 0), 2) for each in noise])
    return np.clip(np.round(128 + 300 * soft), 0, 255)[..., None]


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_a_width_of_0_blurs_nothing_and_another_as_opencv_does():
    images = soft_noise()
    blurred = np.asarray(blur(images, width=column(0.0, 0.7, 1.5)))
    np.testing.assert_allclose(blurred[0], images[0], atol=1e-3)
    inside = np.s_[8:-8, 8:-8]
    for i, width in ((1, 0.7), (2, 1.5)):
        expected = cv2.GaussianBlur(images[i, ..., 0], (15, 15), width)
        np.testing.assert_allclose(blurred[i, ..., 0][inside], expected[inside], atol=0.1)


def test_blur_leaves_one_level_as_it_is():
    flat = np.full((2, 48, 40, 1), 77.0, np.float32)
    np.testing.assert_allclose(np.asarray(blur(flat, width=column(0.5, 1.5))), flat, rtol=1e-5)


@pytest.mark.parametrize("quality", [10, 30, 70])
def test_jpeg_leaves_what_a_file_leaves(quality):
    images = soft_noise()
    ours = np.asarray(jpeg(images, quality=column(*[quality] * 3)))[..., 0]
    for picture, said in zip(images[..., 0].astype(np.uint8), ours, strict=True):
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        file = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32)
        # OpenCV's transform is in whole numbers: a few coefficients round otherwise.
        assert np.abs(said - file).mean() < 0.5
        assert np.abs(file - picture).mean() > 0.5


def test_jpeg_keeps_what_no_whole_block_holds():
    images = soft_noise(side=44)
    said = np.asarray(jpeg(images, quality=column(10, 10, 10)))
    assert said.shape == images.shape
    np.testing.assert_array_equal(said[:, 40:], images[:, 40:])
    np.testing.assert_array_equal(said[:, :, 40:], images[:, :, 40:])
    assert np.abs(said[:, :40, :40] - images[:, :40, :40]).mean() > 1


def test_light_by_hand():
    images = np.tile(np.array([0.0, 64.0, 255.0], np.float32)[:, None, None, None], (1, 2, 2, 1))
    same = spoil_light(images, gain=column(1, 1, 1), gamma=column(1, 1, 1), haze=column(0, 0, 0))
    np.testing.assert_allclose(np.asarray(same), images, atol=1e-3)
    white = images[2:]
    for gain, haze, expected in ((0.125, 0.0, 32), (1.0, 0.5, 228), (0.5, 0.5, 114)):
        said = spoil_light(white, gain=column(gain), gamma=column(1), haze=column(haze))
        np.testing.assert_array_equal(np.asarray(said), expected)
    lighter = spoil_light(images[1:2], gain=column(1), gamma=column(0.5), haze=column(0))
    np.testing.assert_array_equal(np.asarray(lighter), round(255 * (64 / 255) ** 0.5))


def test_training_spoils_the_share_that_the_recipe_says():
    how = Augmentation(light=0.3, blur=0.3, jpeg=0.3)
    draws = np.full((5, len(COLUMNS)), 0.5, np.float32)
    for row, name in enumerate(("light", "blur", "jpeg")):
        draws[row, COLUMN[name]] = 0.29
    images = np.repeat(soft_noise(1), 5, axis=0)[..., 0].astype(np.uint8)
    ratios = np.ones(5, np.float32)
    said = np.asarray(augment.augment(images, draws, ratios, (48, 48), how, pipeline.warp))
    change = np.abs(said[..., 0] - images).mean(axis=(1, 2))
    assert (change[:3] > 0.5).all()
    np.testing.assert_allclose(change[3:], 0, atol=1e-3)
