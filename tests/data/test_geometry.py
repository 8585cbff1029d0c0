"""Crops, borders and distortion against other implementations, and whatever the numbers."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from test_augment import column, draws_of, matrices_of, noise

from fer_tf.data import augment, geometry, hashed, pipeline
from fer_tf.data.draws import COLUMN, COLUMNS
from fer_tf.recipes.schema import Augmentation

WARPS = [augment.warp_by_gather, pipeline.warp]
BORDERS = ["repeat", "reflect", "black"]


@pytest.fixture(params=WARPS, ids=["gather", "kernel"])
def warp(request) -> augment.Warp:
    return request.param


def seen(images, how: Augmentation, warp, size=None, *, draws=None, **keywords) -> np.ndarray:
    """The images [n, h, w] as a recipe's training sees them, one channel: [n, height, width]."""
    draws = draws_of(len(images)) if draws is None else draws
    ratios = np.ones(len(images), np.float32)
    size = size or images.shape[1:3]
    return np.asarray(augment.augment(images, draws, ratios, size, how, warp, **keywords))[..., 0]


# Random crops


def sides_of_tries(numbers, source, area, aspect) -> list[tuple[float, float]]:
    """Width and height of RandomResizedCrop's ten tries, not yet rounded."""
    sides = []
    for i in range(10):
        target = math.prod(source) * (area[0] + (area[1] - area[0]) * float(numbers[i]))
        span = math.log(aspect[1]) - math.log(aspect[0])
        ratio = math.exp(math.log(aspect[0]) + span * float(numbers[10 + i]))
        sides.append((math.sqrt(target * ratio), math.sqrt(target / ratio)))
    return sides


def torchvision_crop(numbers, source, area, aspect) -> tuple[int, int, int, int]:
    """RandomResizedCrop.get_params with these numbers for its own: left, top, width, height."""
    h, w = source
    for sides in sides_of_tries(numbers, source, area, aspect):
        width, height = (round(side) for side in sides)
        if 0 < width <= w and 0 < height <= h:
            left = int(float(numbers[20]) * (w - width + 1))
            return left, int(float(numbers[21]) * (h - height + 1)), width, height
    if w / h < aspect[0]:
        width, height = w, max(1, round(w / aspect[0]))
    elif w / h > aspect[1]:
        width, height = max(1, round(h * aspect[1])), h
    else:
        width, height = w, h
    return (w - width) // 2, (h - height) // 2, width, height


pairs = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(
    seed=st.integers(0, 2**24 - 1),
    source=st.tuples(st.integers(1, 100), st.integers(1, 100)),
    area=pairs.map(lambda p: (0.01 + 0.99 * p[0], 0.01 + 0.99 * p[0] + 3 * (p[1] - p[0]))),
    aspect=pairs.map(lambda p: (0.1 * 100 ** p[0], 0.1 * 100 ** p[1])),
)
@settings(max_examples=80)
def test_a_crop_lies_inside_and_is_torchvisions(seed, source, area, aspect):
    numbers = np.asarray(hashed.uniform(column(seed / 2**24), 2 * geometry.TRIES + 2))
    crop = geometry.random_crop(numbers, source, area=area, aspect=aspect)
    left, top, width, height = (float(each[0]) for each in crop)
    assert left >= 0 and width >= 1 and left + width <= source[1]
    assert top >= 0 and height >= 1 and top + height <= source[0]
    # At half a pixel, float32 may round to the other side.
    sides = np.array(sides_of_tries(numbers[0], source, area, aspect))
    assume((abs(sides % 1 - 0.5) > 1e-4).all())
    expected = torchvision_crop(numbers[0], source, area, aspect)
    assert (left, top, width, height) == expected


def test_areas_above_1_are_drawn_again():
    numbers = hashed.uniform(np.arange(2000, dtype=np.float32) / 2000, 2 * geometry.TRIES + 2)
    crop = geometry.random_crop(numbers, (48, 48), area=(0.8, 1.2), aspect=(3 / 4, 4 / 3))
    areas = np.asarray(crop[2] * crop[3]) / 48**2
    assert areas.max() <= 1 and areas.min() > 0.78
    # And not cut down to 1: the sides reach the picture's own only now and then.
    assert np.mean(areas == 1) < 0.1


def test_a_crop_is_that_part_enlarged(warp):
    # 24 columns from 12 on, and 32 rows from 4 on, each to 48.
    image = noise(48, 48)
    matrices = geometry.of_crop(
        matrices_of((48, 48), (48, 48)), [column(v) for v in (12, 4, 24, 32)], (48, 48)
    )
    result = np.asarray(warp(image[None, ..., None].astype(np.float32), matrices, (48, 48)))
    part = image[4:36, 12:36].astype(np.float32)
    expected = cv2.resize(part, (48, 48), interpolation=cv2.INTER_LINEAR)
    # But for the outermost pixels, which see those around the crop.
    np.testing.assert_allclose(result[0, 1:-1, 1:-1, 0], expected[1:-1, 1:-1], atol=0.01)


def test_a_crop_of_the_whole_changes_nothing():
    matrices = matrices_of((48, 40), (64, 64), angle=0.3, zoom=1.1, shift_x=0.2, shift_y=-0.1)
    whole = [column(v) for v in (0, 0, 40, 48)]
    np.testing.assert_array_equal(geometry.of_crop(matrices, whole, (48, 40)), matrices)


def test_cropping_by_the_recipe(warp):
    images, draws = noise(4, 48, 48), draws_of(4)
    draws[:, COLUMN["crop"]] = [0.1, 0.35, 0.6, 0.85]
    how = Augmentation(crop_area=(0.3, 0.6), crop_aspect=(0.5, 2.0))
    numbers = np.asarray(hashed.uniform(draws[:, COLUMN["crop"]], 22))
    found = seen(images, how, warp, draws=draws)
    for image, row, result in zip(images, numbers, found, strict=True):
        left, top, width, height = torchvision_crop(row, (48, 48), how.crop_area, how.crop_aspect)
        part = image[top : top + height, left : left + width].astype(np.float32)
        expected = cv2.resize(part, (48, 48), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(result[2:-2, 2:-2], expected[2:-2, 2:-2], atol=0.01)


# Borders


def test_shifts_by_whole_pixels_show_each_border(warp):
    image = noise(1, 40, 48)
    # By 3 to the right and by 2 upwards.
    changes = {"shift_x": 0.5 + 3 / 48, "shift_y": 0.5 - 2 / 40}
    for border, mode in (("repeat", "edge"), ("reflect", "reflect"), ("black", "constant")):
        how = Augmentation(shift=0.5, border=border)
        found = seen(image, how, warp, draws=draws_of(**changes))[0]
        expected = np.pad(image[0], ((0, 2), (3, 0)), mode=mode)[2:, :48]
        np.testing.assert_allclose(found, expected, atol=0.01)


@given(
    source=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    angle=st.floats(-math.pi, math.pi),
    zoom=st.floats(0.1, 4),
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
)
@settings(max_examples=15)
def test_both_warps_are_scipys_however_far_outside(source, size, angle, zoom, x, y):
    # Smooth, so that the rounding of positions far outside, 1e-4 pixels, is not seen.
    image = cv2.GaussianBlur(noise(*source, seed=1).astype(np.float32), (0, 0), 2).reshape(source)
    matrices = matrices_of(source, size, angle=angle, zoom=zoom, shift_x=x, shift_y=y)
    at = [np.asarray(each)[0].astype(np.float64) for each in geometry.positions(matrices, size)]
    for border, mode in (("repeat", "nearest"), ("reflect", "mirror")):
        expected = map_coordinates(image.astype(np.float64), at[::-1], order=1, mode=mode)
        for warp in WARPS:
            found = np.asarray(warp(image[None, ..., None], tf.constant(matrices), size, border))
            np.testing.assert_allclose(found[0, ..., 0], expected, atol=0.05)


@given(st.integers(1, 60), st.floats(-1e3, 1e3, width=32))
def test_a_mirror_is_symmetrical_periodic_and_leaves_the_inside(length, position):
    last = length - 1

    def mirrored(at):
        return float(geometry.mirrored(tf.constant(at, tf.float32), length))

    found = mirrored(position)
    assert 0 <= found <= last
    for other in (-position, 2 * last - position, position + 4 * last):
        assert mirrored(other) == pytest.approx(found, abs=1e-2)
    inside = abs(position) % 1 * last
    assert mirrored(inside) == pytest.approx(inside, abs=1e-4)


def test_black_is_sharp_and_leaves_the_face_whole(warp):
    # Enlarged by the warp, and turned by 90 degrees: nothing is darkened at the edges.
    image = np.full((1, 12, 12), 200, np.uint8)
    how = Augmentation(rotation=180.0, border="black")
    found = seen(image, how, warp, (64, 64), draws=draws_of(rotation=0.75))
    np.testing.assert_allclose(found, 200, atol=1e-3)
    # By 45 degrees: what is further from the centre than half a side along a diagonal is black.
    found = seen(image, how, warp, (64, 64), draws=draws_of(rotation=0.625))[0]
    y, x = np.mgrid[:64, :64] - 31.5
    expected = np.where(abs(x) + abs(y) < 32 * math.sqrt(2), 200, 0)
    assert (found != expected).mean() < 0.01 and set(np.unique(found.round())) == {0, 200}


def test_black_lies_around_a_crop_too(warp):
    image, draws = np.full((1, 48, 48), 200, np.uint8), draws_of(shift_x=1.0, crop=0.3)
    how = Augmentation(crop_area=(0.3, 0.3), shift=0.25, border="black")
    found = seen(image, how, warp, draws=draws)[0]
    np.testing.assert_array_equal(found[:, :12], 0)
    np.testing.assert_allclose(found[:, 12:], 200, atol=1e-3)


def test_magnified_is_resized_and_cropped(warp):
    # Resize to 230, pad by 8, crop 224 somewhere: here 3 + 11 pixels from the left, 3 from the top.
    image = noise(1, 224, 224)
    how = Augmentation(magnify=230 / 224, shift=11 / 224, border="black")
    large = cv2.resize(image[0].astype(np.float32), (230, 230), interpolation=cv2.INTER_LINEAR)
    found = seen(image, how, warp)[0]
    np.testing.assert_allclose(found, large[3:227, 3:227], atol=0.05)
    found = seen(image, how, warp, draws=draws_of(shift_x=0.0))[0]
    np.testing.assert_allclose(found, np.pad(large, 8)[11:235, 22:246], atol=0.05)


@pytest.mark.parametrize("name", ["shift", "rotation"])
def test_a_share_is_moved_or_turned(warp, name):
    images, changes = noise(2, 48, 48), {"shift": "shift_x", "rotation": "rotation"}
    draws = draws_of(2, **{changes[name]: 0.75})
    draws[:, COLUMN[{"shift": "shifted", "rotation": "rotated"}[name]]] = [0.29, 0.3]
    half = Augmentation(**{name: 0.5, f"{name}_probability": 0.3})
    always = Augmentation(**{name: 0.5})
    found = seen(images, half, warp, draws=draws)
    np.testing.assert_array_equal(found[0], seen(images, always, warp, draws=draws)[0])
    assert not np.array_equal(found[0], images[0])
    np.testing.assert_array_equal(found[1], images[1])


# Ten crops

TURNED = Augmentation(flip=True, rotation=30.0, shift=0.2, crop_area=(0.5, 1.0), border="black")


@pytest.mark.parametrize("channels", [(), (3,)])
def test_ten_crops_are_slices_of_the_warped_picture(warp, channels):
    images = noise(3, 48, 48, *channels)
    draws = np.random.default_rng(0).random((3, len(COLUMNS)), np.float32)
    found = seen(images, TURNED, warp, (40, 40), draws=draws, ten_crops=True)
    whole = seen(images, TURNED, warp, draws=draws)
    slices = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    crops = [[face[y : y + 40, x : x + 40] for y, x in slices] for face in whole]
    expected = np.array([[*five, *(crop[:, ::-1] for crop in five)] for five in crops])
    # Where the centre of a pixel lies on the edge of black, rounding decides.
    far = abs(found.reshape(expected.shape) - expected) > 0.05
    assert found.shape == (30, 40, 40) and far.mean() < 1e-3


def test_ten_crops_are_those_of_the_validation(warp):
    face = noise(1, 48, 48)
    found = seen(face, Augmentation(), warp, (64, 56), ten_crops=True)
    far = (1 / geometry.CROP - 1) / 2
    places = [(far, far), (-far, far), (far, -far), (-far, -far), (0, 0)]
    views = [(flip, place) for flip in (False, True) for place in places]
    for picture, (flip, (x, y)) in zip(found, views, strict=True):
        # Of a mirror image the validation names the corners as they then are.
        crop = (1 / geometry.CROP, -x if flip else x, y)
        expected = augment.resize(face, (64, 56), warp, flip=flip, crop=crop)
        np.testing.assert_allclose(picture, np.asarray(expected)[0, :, :, 0], atol=0.02)


def test_each_crop_is_erased_by_itself(warp):
    images = np.full((200, 12, 12), 90, np.uint8)
    draws = draws_of(200, erase=0.0)
    draws[:, COLUMN["crops"]] = np.arange(200) / 200
    found = seen(images, Augmentation(erasing=0.5), warp, (20, 20), draws=draws, ten_crops=True)
    boxes = (abs(found - 90) > 0.01).reshape(200, 10, -1)
    assert boxes.any(axis=2).mean() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(2000))
    assert not (boxes[:, 0] == boxes[:, 1]).all(axis=1).any() or boxes.any(axis=2).mean() < 1
    assert len({box.tobytes() for box in boxes.reshape(2000, -1)}) > 500


# Grid distortion


def test_distortion_is_opencvs_remap_of_the_bent_grid():
    # Smooth, since OpenCV rounds positions to 1/32 of a pixel.
    image = cv2.GaussianBlur(noise(40, 55, 3).astype(np.float32), (0, 0), 3)
    columns, rows = column(1, 0.8, 1.2, 1, 1.1), column(0.9, 1.2, 1, 0.8, 0.8)
    found = np.asarray(geometry.distort(image[None], columns=columns[None], rows=rows[None]))[0]
    maps = []
    for strips, side in ((columns, 55), (rows, 40)):
        edges = np.concatenate([[0], np.cumsum(strips) / strips.sum()]) * side
        maps.append(np.interp(np.arange(side) + 0.5, np.linspace(0, side, 6), edges) - 0.5)
    x, y = np.meshgrid(*maps)
    x, y = x.astype(np.float32), y.astype(np.float32)
    expected = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(found, expected, atol=1.0)
    assert abs(found - image).max() > 10


def test_equal_strips_distort_nothing():
    images = noise(2, 24, 31, 1).astype(np.float32)
    even = np.full((2, geometry.STRIPS), 0.7, np.float32)
    np.testing.assert_allclose(geometry.distort(images, columns=even, rows=even), images, atol=0.01)


def test_distortion_by_the_recipe_keeps_the_order_and_the_edges(warp):
    # A ramp stays a ramp from end to end, whose slope changes by at most 1.2 / 0.8.
    ramp = np.tile(np.arange(50, dtype=np.float32), (40, 50, 1))
    draws = np.random.default_rng(0).random((40, len(COLUMNS)), np.float32)
    found = seen(ramp, Augmentation(grid_distortion=0.2), warp, draws=draws)
    steps = np.diff(found, axis=2)
    np.testing.assert_allclose(found[:, :, 0], 0, atol=0.3)
    np.testing.assert_allclose(found[:, :, -1], 49, atol=0.3)
    assert steps[:, :, 1:-1].min() > 0.8 / 1.2 and steps.max() < 1.2 / 0.8
    assert steps[:, :, 1:-1].min() < 0.8 and steps.max() > 1.2


# All together

EVERYTHING = Augmentation(
    flip=True,
    rotation=40.0,
    rotation_probability=0.5,
    zoom=0.3,
    shift=0.5,
    shift_probability=0.5,
    crop_area=(0.3, 1.2),
    crop_aspect=(0.5, 2.0),
    magnify=1.1,
    grid_distortion=0.3,
    auto_contrast=0.5,
    noise=0.05,
    erasing=0.5,
)


@given(
    seed=st.integers(0, 1000),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    border=st.sampled_from(BORDERS),
    ten_crops=st.booleans(),
)
@settings(max_examples=8)
def test_both_warps_make_the_same_picture(seed, size, border, ten_crops):
    images = noise(2, 24, 17, seed=seed)
    draws = np.random.default_rng(seed).random((2, len(COLUMNS)), np.float32)
    how = Augmentation(**{**vars(EVERYTHING), "border": border})
    slow, fast = (seen(images, how, w, size, draws=draws, ten_crops=ten_crops) for w in WARPS)
    assert slow.shape == (20 if ten_crops else 2, *size)
    assert slow.min() >= -1e-3 and slow.max() <= 255 + 1e-3
    np.testing.assert_allclose(slow, fast, atol=0.05)
