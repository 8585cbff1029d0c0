"""RandAugment's changes are Pillow's, and each is drawn as often as any other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from fer_tf.data import augment, pipeline, rand_augment
from fer_tf.data.draws import COLUMN, COLUMNS
from fer_tf.data.rand_augment import CHANGES
from fer_tf.recipes.schema import Augmentation

SIZE = (40, 48)
STRENGTH = 5.0


def picture(channels: int) -> np.ndarray:
    """Uint8 [h, w, channels], smooth but for one line, each channel of its own."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    waves = [np.sin(x / (6 + i) + i) + np.cos(y / (5 + i) - x / 30) for i in range(channels)]
    levels = np.stack([120 + 35 * wave for wave in waves], axis=-1)
    levels[:, SIZE[1] // 2] += 40
    return levels.astype(np.uint8)


def enhanced(kind):
    return lambda image, sign: kind(image).enhance(1 + 0.9 * STRENGTH / 10 * sign)


PILLOW = {
    "identity": lambda image, sign: image,
    "auto_contrast": lambda image, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, sign: ImageOps.equalize(image),
    "solarize": lambda image, sign: ImageOps.solarize(image, 128),
    "posterize": lambda image, sign: ImageOps.posterize(image, 6),
    "color": enhanced(ImageEnhance.Color),
    "contrast": enhanced(ImageEnhance.Contrast),
    "brightness": enhanced(ImageEnhance.Brightness),
    "sharpness": enhanced(ImageEnhance.Sharpness),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PILLOW)
def test_levels_are_pillows(name, channels):
    pixels = picture(channels)
    images = np.stack([pixels, pixels]).astype(np.float32)
    kinds = np.array([[CHANGES.index(name), 0]] * 2, np.int32)
    signs = np.array([[1.0, 1.0], [-1.0, 1.0]], np.float32)
    said = np.asarray(rand_augment.change_levels(images, kinds, signs, STRENGTH))
    for found, sign in zip(said, (1, -1), strict=True):
        image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
        expected = np.asarray(PILLOW[name](image, sign), np.float32).reshape(pixels.shape)
        # Pillow rounds some of them down.
        np.testing.assert_allclose(found, expected, atol=1.01)
    changes_nothing = name == "identity" or (name == "color" and channels == 1)
    assert np.array_equal(said, images) == changes_nothing


def test_a_picture_of_one_level_is_not_stretched():
    images = np.full((1, *SIZE, 1), 77, np.float32)
    for name in ("auto_contrast", "equalize"):
        kinds = np.array([[CHANGES.index(name)] * 2], np.int32)
        said = rand_augment.change_levels(images, kinds, np.ones((1, 2), np.float32), STRENGTH)
        np.testing.assert_array_equal(np.asarray(said), images)


def pillows_map(name: str, sign: float) -> tuple[float, ...]:
    """From output to input, as of Pillow's `transform`."""
    share = sign * STRENGTH / 10
    h, w = SIZE
    turn = math.radians(30 * share)
    cosine, sine = math.cos(turn), math.sin(turn)
    maps = {
        "shear_x": (1, 0.3 * share, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, 0.3 * share, 1, 0),
        "translate_x": (1, 0, 150 / 331 * w * share, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, 150 / 331 * h * share),
        "rotate": (
            *(cosine, -sine, w / 2 - cosine * w / 2 + sine * h / 2),
            *(sine, cosine, h / 2 - sine * w / 2 - cosine * h / 2),
        ),
    }
    return maps[name]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("first", ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"])
@pytest.mark.parametrize("second", ["identity", "shear_x"])
def test_moves_are_pillows(first, second, sign):
    pixels = picture(1)
    image = Image.fromarray(pixels[..., 0])
    for name in (first, second):
        if name != "identity":
            data = pillows_map(name, sign)
            image = image.transform(
                image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
            )
    kinds = np.array([[CHANGES.index(first), CHANGES.index(second)]], np.int32)
    plain = np.array([[1, 0, 0, 0, 1, 0]], np.float32)
    maps = rand_augment.of_changes(plain, kinds, np.full((1, 2), sign, np.float32), STRENGTH, SIZE)
    found = np.asarray(augment.warp_by_gather(pixels[None].astype(np.float32), maps, SIZE))
    # What has left the picture in between, Pillow does not bring back; nor is its border sharp.
    seen = np.asarray(image) > 0
    assert seen.mean() > 0.4
    assert np.quantile(np.abs(found[0, ..., 0] - np.asarray(image))[seen], 0.8) < 2


def test_each_change_is_drawn_as_often():
    kinds, signs = map(np.asarray, rand_augment.drawn(np.arange(28000, dtype=np.float32) / 28000))
    shares = np.bincount(kinds.ravel(), minlength=len(CHANGES)) / kinds.size
    np.testing.assert_allclose(shares, 1 / 14, atol=0.006)
    assert abs(signs.mean()) < 0.02 and abs(np.corrcoef(kinds.T)[0, 1]) < 0.03


@pytest.mark.parametrize("ten_crops", [False, True])
def test_training_changes_faces_and_leaves_black_what_they_do_not_cover(ten_crops):
    images = np.full((64, *SIZE), 200, np.uint8)
    draws = np.full((64, len(COLUMNS)), 0.5, np.float32)
    draws[:, COLUMN["changes"]] = np.arange(64) / 64
    how = Augmentation(rand_augment=STRENGTH, border="black")
    ones = np.ones(64, np.float32)
    said = augment.augment(images, draws, ones, SIZE, how, pipeline.warp, ten_crops=ten_crops)
    said = np.asarray(said).reshape(64, -1, *SIZE, 3)
    black = (said == 0).any(axis=(1, 2, 3, 4))
    # 1 - (9 / 14)^2 of the pairs move something, and no other change makes this grey black.
    assert 0.35 < black.mean() < 0.8
    assert {200.0} < set(np.unique(said[~black].round()))
