"""Light, blur and JPEG against OpenCV and by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from fer_tf.data import augment, pipeline
from fer_tf.data.corruptions import add_noise, blur, jpeg, spoil_light, stretch_levels
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


def test_stretched_levels_are_pillows_auto_contrast():
    images = np.concatenate([soft_noise(3) / 4 + shift for shift in (20, 90, 150)], axis=-1)
    images = images.round()
    images[2, ..., 1] = 77.0
    said = np.asarray(stretch_levels(images, chosen=np.array([True, False, True])))
    np.testing.assert_array_equal(said[1], images[1])
    for i in (0, 2):
        expected = ImageOps.autocontrast(Image.fromarray(images[i].astype(np.uint8)))
        # Pillow rounds down, and leaves a channel of one level as it is, as we do.
        np.testing.assert_allclose(said[i], np.asarray(expected), atol=1.01)
    assert said[0].min() == 0 and said[0].max() == pytest.approx(255, abs=1e-3)


def test_noise_has_its_width_and_is_clipped():
    grey = np.full((20, 48, 40, 3), 128.0, np.float32)
    seeds = np.arange(20, dtype=np.float32) / 20
    noise = np.asarray(add_noise(grey, width=10.0, seeds=seeds)) - 128
    error = 5 * 10 / np.sqrt(noise.size)
    assert abs(noise.mean()) < error and abs(noise.std() - 10) < error
    # Each face has noise of its own, and each channel.
    for one, other in ((noise[0], noise[1]), (noise[..., 0], noise[..., 1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(one.size)
    alone = np.asarray(add_noise(grey[3:4], width=10.0, seeds=seeds[3:4])) - 128
    np.testing.assert_allclose(alone[0], noise[3], atol=1e-3)
    black = np.asarray(add_noise(grey * 0, width=10.0, seeds=seeds))
    assert black.min() == 0 and (black == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_training_stretches_and_adds_noise_by_the_recipe():
    images = np.repeat(soft_noise(1) / 2 + 30, 2, axis=0)[..., 0].astype(np.uint8)
    ratios = np.ones(2, np.float32)
    draws = np.full((2, len(COLUMNS)), 0.5, np.float32)
    draws[:, COLUMN["stretched"]] = [0.29, 0.3]
    how = Augmentation(auto_contrast=0.3)
    said = np.asarray(augment.augment(images, draws, ratios, (48, 48), how, pipeline.warp))
    assert said[0].min() == 0 and said[0].max() == pytest.approx(255, abs=1e-3)
    np.testing.assert_array_equal(said[1, ..., 0], images[1])
    how = Augmentation(noise=0.04)
    said = np.asarray(augment.augment(images, draws, ratios, (48, 48), how, pipeline.warp))
    assert (said[..., 0] - images).std() == pytest.approx(0.04 * 255, rel=0.1)


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
