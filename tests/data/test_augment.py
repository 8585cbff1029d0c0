"""Each augmentation against hand-computed cases, eagerly and inside tf.data, by both warps."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.data import augment, pipeline
from fer_tf.data.draws import COLUMN, COLUMNS
from fer_tf.recipes.schema import Augmentation

EVERYTHING = Augmentation(
    flip=True,
    rotation=40.0,
    zoom=0.3,
    shift=0.2,
    brightness=0.3,
    contrast=0.5,
    erasing=0.5,
    mix_probability=0.7,
    mixup=0.4,
    cutmix=1.0,
)
MIDDLE = {"flip": 0.9, "erase": 0.9, "mix": 0.9}
"""The draws that, with 0.5 for all others, leave a face as it is whatever the augmentation."""


@pytest.fixture(params=["eagerly", "in tf.data"])
def run(request) -> Callable[..., np.ndarray]:
    """Calls a function on arrays, in one of the two ways that a pipeline step can run."""

    def eagerly(function, *arrays):
        return np.asarray(function(*(tf.constant(a) for a in arrays)))

    def mapped(function, *arrays):
        traced = tf.autograph.experimental.do_not_convert(function)
        return tf.data.Dataset.from_tensors(arrays).map(traced).get_single_element().numpy()

    return eagerly if request.param == "eagerly" else mapped


@pytest.fixture(params=[augment.warp_by_gather, pipeline.warp], ids=["gather", "kernel"])
def warp(request) -> augment.Warp:
    return request.param


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Random pictures, uint8."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def draws_of(count: int = 1, **changes: float) -> np.ndarray:
    """`count` equal rows of draws: `MIDDLE` but for `changes`."""
    row = [{**MIDDLE, **changes}.get(name, 0.5) for name in COLUMNS]
    return np.tile(np.array(row, np.float32), (count, 1))


def matrices_of(source, size, **changes: float) -> np.ndarray:
    """One row of `warp_matrices`: nothing but the resize, but for `changes`."""
    values = {"flip": 0.0, "angle": 0.0, "zoom": 1.0, "shift_x": 0.0, "shift_y": 0.0, **changes}
    columns = {name: tf.constant([value], tf.float32) for name, value in values.items()}
    return np.asarray(augment.warp_matrices(**columns, source=source, size=size))


def warped(run, warp, image: np.ndarray, size=None, **changes: float) -> np.ndarray:
    """One grey picture [h, w] through one warp, float32 [height, width]."""
    size = size or image.shape
    matrices = matrices_of(image.shape, size, **changes)
    images = image.astype(np.float32)[None, :, :, None]
    return run(lambda x, m: warp(x, m, size), images, matrices)[0, :, :, 0]


def augmented(run, warp, images: np.ndarray, how: Augmentation, draws: np.ndarray) -> np.ndarray:
    """What a recipe makes of grey pictures [n, h, w] at their own size, unmixed: [n, h, w, 3]."""
    kept = np.ones(len(images), np.float32)
    size = images.shape[1:]
    return run(lambda x, d, r: augment.augment(x, d, r, size, how, warp), images, draws, kept)


# Geometry


@pytest.mark.parametrize("how", [Augmentation(), EVERYTHING], ids=["nothing on", "all on"])
def test_zero_noise_is_the_identity(run, warp, how):
    images = noise(3, 48, 48)
    result = augmented(run, warp, images, how, draws_of(3))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.repeat(images[..., None], 3, -1))


@pytest.mark.parametrize("degrees, turns", [(90, 1), (180, 2), (-90, 3)])
def test_rotation_is_counter_clockwise(run, warp, degrees, turns):
    image = noise(48, 48)
    result = warped(run, warp, image, angle=math.radians(degrees))
    np.testing.assert_allclose(result, np.rot90(image, turns), atol=0.01)


def test_a_known_angle_moves_a_known_pixel(run, warp):
    # With sine 3/5 and cosine 4/5, what is 4 right of and 3 below the centre comes to 5 right.
    image = np.zeros((49, 49), np.uint8)
    image[24 + 3, 24 + 4] = 200
    result = warped(run, warp, image, angle=math.atan2(3, 4))
    assert result[24, 24 + 5] == pytest.approx(200, abs=0.01)
    assert np.unravel_index(result.argmax(), result.shape) == (24, 29)


def test_rotation_by_the_recipe_is_in_degrees(run, warp):
    image = noise(1, 48, 48)
    how = Augmentation(rotation=180.0)
    result = augmented(run, warp, image, how, draws_of(rotation=0.75))
    np.testing.assert_allclose(result[0, :, :, 1], np.rot90(image[0]), atol=0.01)


def test_flip_mirrors_left_to_right(run, warp):
    image = noise(48, 40)
    np.testing.assert_array_equal(warped(run, warp, image, flip=1.0), image[:, ::-1])


def test_half_of_the_faces_are_flipped(run, warp):
    images = noise(2, 48, 48)
    draws = np.concatenate([draws_of(flip=0.499), draws_of(flip=0.5)])
    result = augmented(run, warp, images, Augmentation(flip=True), draws)
    np.testing.assert_array_equal(result[0, :, :, 0], images[0, :, ::-1])
    np.testing.assert_array_equal(result[1, :, :, 0], images[1])


def test_zoom_magnifies_about_the_centre(run, warp):
    image = noise(49, 49)
    result = warped(run, warp, image, zoom=2.0)
    np.testing.assert_allclose(result[::2, ::2], image[12:37, 12:37], atol=0.01)


def test_shift_by_whole_pixels_goes_right_and_down_and_repeats_the_border(run, warp):
    image = noise(40, 48)
    result = warped(run, warp, image, shift_x=3 / 48, shift_y=-2 / 40)
    expected = np.pad(image, ((0, 2), (3, 0)), mode="edge")[2:, :48]
    np.testing.assert_allclose(result, expected, atol=0.01)


@pytest.mark.parametrize("size", [(224, 224), (75, 75), (96, 128), (30, 20), (1, 1)])
@pytest.mark.parametrize("source", [(48, 48), (40, 56)])
def test_resize_is_opencvs_bilinear(run, warp, source, size):
    image = noise(*source)
    expected = cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    result = run(lambda x: augment.resize(x, size, warp), image[None])
    assert result.shape == (1, *size, 3)
    np.testing.assert_allclose(result[0, :, :, 2], expected, atol=0.01)


def test_resize_of_a_crop_and_its_mirror_image(run, warp):
    # A third of the width and half of the height, from the top right corner.
    image = noise(48, 48)
    crop = (48 / 40, -0.1, 0.1)
    result = run(lambda x: augment.resize(x, (40, 40), warp, crop=crop), image[None])
    np.testing.assert_allclose(result[0, :, :, 0], image[:40, 8:], atol=0.01)
    result = run(lambda x: augment.resize(x, (40, 40), warp, crop=crop, flip=True), image[None])
    np.testing.assert_allclose(result[0, :, :, 0], image[:40, ::-1][:, 8:], atol=0.01)


sizes = st.tuples(st.integers(1, 300), st.integers(1, 300))
angles = st.floats(-math.pi, math.pi)
zooms = st.floats(0.25, 4.0)
shifts = st.floats(-0.5, 0.5)


def as_map(matrices: np.ndarray) -> np.ndarray:
    """[1, 6] as a map of homogeneous coordinates, float64 [3, 3]."""
    return np.vstack([matrices.reshape(2, 3).astype(np.float64), [0, 0, 1]])


@given(size=sizes, flip=st.booleans(), angle=angles, zoom=zooms, x=shifts, y=shifts)
@settings(max_examples=60)
def test_a_warp_and_its_inverse_are_the_identity(size, flip, angle, zoom, x, y):
    height, width = size
    there = as_map(matrices_of(size, size, flip=flip, angle=angle, zoom=zoom, shift_x=x, shift_y=y))
    back_x, back_y = -there[:2, :2] @ (x * width, y * height)
    back = as_map(
        matrices_of(
            size,
            size,
            flip=flip,
            # A mirror image turned and mirrored again is turned the other way.
            angle=angle if flip else -angle,
            zoom=1 / zoom,
            shift_x=back_x / width,
            shift_y=back_y / height,
        )
    )
    np.testing.assert_allclose(there @ back, np.eye(3), atol=0.01)


@given(source=sizes, size=sizes, flip=st.booleans())
@settings(max_examples=60)
def test_a_resize_maps_corners_to_corners(source, size, flip):
    corners = np.array([[-0.5, -0.5, 1], [size[1] - 0.5, size[0] - 0.5, 1]])
    left, right = -0.5, source[1] - 0.5
    found = corners @ as_map(matrices_of(source, size, flip=flip)).T
    expected = [[left, -0.5, 1], [right, source[0] - 0.5, 1]]
    if flip:
        expected = [[right, -0.5, 1], [left, source[0] - 0.5, 1]]
    np.testing.assert_allclose(found, expected, atol=0.01)


@given(
    source=st.tuples(st.integers(2, 60), st.integers(2, 60)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    flip=st.booleans(),
    angle=angles,
    zoom=zooms,
    x=shifts,
    y=shifts,
)
@settings(max_examples=40)
def test_the_two_warps_agree(source, size, flip, angle, zoom, x, y):
    images = noise(1, *source, 1).astype(np.float32)
    matrices = matrices_of(source, size, flip=flip, angle=angle, zoom=zoom, shift_x=x, shift_y=y)
    slow = augment.warp_by_gather(tf.constant(images), tf.constant(matrices), size)
    fast = pipeline.warp(tf.constant(images), tf.constant(matrices), size)
    # Positions are float32, so off by up to about 1e-5 pixels, each worth up to 255 levels.
    np.testing.assert_allclose(slow, fast, atol=0.02)


# Grey levels


def test_levels_are_scaled_about_the_mean_moved_and_clipped(run):
    image = column(0, 100, 100, 200).reshape(1, 2, 2, 1)
    images = np.concatenate([image, image, image])
    result = run(
        lambda x, b, c: augment.adjust_levels(x, brightness=b, contrast=c),
        images,
        column(0, 120, -20),
        column(1, 0.5, 2.0),
    )
    expected = [[0, 100, 100, 200], [170, 220, 220, 255], [0, 80, 80, 255]]
    np.testing.assert_allclose(result.reshape(3, 4), expected, atol=1e-3)


def test_levels_by_the_recipe(run, warp):
    image = np.array([[[0, 100], [100, 200]]], np.uint8)
    how = Augmentation(brightness=0.1, contrast=0.4)
    result = augmented(run, warp, image, how, draws_of(brightness=1.0, contrast=0.0))
    expected = [[40 + 25.5, 100 + 25.5], [100 + 25.5, 160 + 25.5]]
    np.testing.assert_allclose(result[0, :, :, 0], expected, atol=1e-3)


def test_erasing_fills_the_box_of_the_chosen(run):
    images = noise(2, 4, 4, 1).astype(np.float32)
    box = [column(0.25, 0.25), column(0.5, 0.5), column(0.75, 0.75), column(1, 1)]
    result = run(
        lambda x, *box: augment.erase(
            x, box, level=tf.constant([77.0, 77.0]), chosen=tf.constant([1.0, 0.0])
        ),
        images,
        *box,
    )
    expected = images.copy()
    expected[0, 1:3, 2:4] = 77
    np.testing.assert_array_equal(result, expected)


def test_erasing_by_the_recipe(run, warp):
    images = noise(2, 48, 48)
    # A square of (0.02 + 0.23 / 2) * 48 * 48 = 311 pixels or so, in the bottom left corner.
    changes = {"erase_area": 0.5, "erase_x": 0.0, "erase_y": 1.0, "erase_level": 0.5}
    draws = np.concatenate([draws_of(erase=0.29, **changes), draws_of(erase=0.3, **changes)])
    result = augmented(run, warp, images, Augmentation(erasing=0.3), draws)
    expected = images.astype(np.float32)
    expected[0, 30:, :18] = 127.5
    np.testing.assert_array_equal(result[..., 0], expected)


@given(*[st.floats(0, 1, exclude_max=True, width=32)] * 4)
def test_an_erasing_box_lies_inside_and_has_its_area_and_shape(area, aspect, x, y):
    box = augment.erasing_box(*(tf.constant([v], tf.float32) for v in (area, aspect, x, y)))
    top, left, bottom, right = (float(edge[0]) for edge in box)
    assert -1e-6 <= top < bottom <= 1 + 1e-6
    assert -1e-6 <= left < right <= 1 + 1e-6
    assert (bottom - top) * (right - left) == pytest.approx(0.02 + 0.23 * area, rel=1e-4)
    ratio = (bottom - top) / (right - left)
    assert ratio == pytest.approx(0.3 ** (1 - 2 * aspect), rel=1e-3)
    assert top / (1 - (bottom - top)) == pytest.approx(y, abs=1e-3)
    assert left / (1 - (right - left)) == pytest.approx(x, abs=1e-3)


# Mixing


def test_mixup_blends_each_image_with_the_one_before_it(run):
    images = noise(3, 4, 4, 1).astype(np.float32)
    result = run(
        lambda x, r: augment.mix(
            x, r, cut=tf.constant([False] * 3), cut_x=tf.zeros(3), cut_y=tf.zeros(3)
        ),
        images,
        column(0.25, 1.0, 0.0),
    )
    expected = [0.25 * images[0] + 0.75 * images[2], images[1], images[1]]
    np.testing.assert_allclose(result, expected, atol=1e-3)


def test_cutmix_pastes_a_box_of_the_image_before(run):
    images = noise(3, 4, 4, 1).astype(np.float32)
    result = run(
        lambda x, r, at_x, at_y: augment.mix(
            x, r, cut=tf.constant([True] * 3), cut_x=at_x, cut_y=at_y
        ),
        images,
        column(0.75, 1.0, 1 - (3 / 4) ** 2),
        column(0, 0.5, 1),
        column(1, 0.5, 0),
    )
    expected = images.copy()
    expected[0, 2:, :2] = images[2, 2:, :2]
    expected[2, :3, 1:] = images[1, :3, 1:]
    np.testing.assert_array_equal(result, expected)


@given(
    ratios=st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5),
    at_x=st.floats(0, 1, exclude_max=True, width=32),
    at_y=st.floats(0, 1, exclude_max=True, width=32),
    size=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    cut=st.booleans(),
)
@settings(max_examples=60)
def test_an_image_keeps_the_share_of_its_pixels_that_it_was_drawn(ratios, at_x, at_y, size, cut):
    # Each image is of one level, so that the mean tells whose pixels are there.
    levels = np.arange(5, dtype=np.float32) * 50
    images = np.broadcast_to(levels[:, None, None, None], (5, *size, 1))
    mixed = augment.mix(
        tf.constant(images),
        tf.constant(ratios, tf.float32),
        cut=tf.fill([5], cut),
        cut_x=tf.fill([5], at_x),
        cut_y=tf.fill([5], at_y),
    )
    before = np.roll(levels, 1)
    share = (np.mean(mixed, axis=(1, 2, 3)) - before) / (levels - before)
    # A box's sides are whole pixels.
    off = (1 / size[0] + 1 / size[1] + 1 / size[0] / size[1]) if cut else 0.0
    np.testing.assert_allclose(share, ratios, atol=off + 1e-4)


# All together


@given(
    draws=st.lists(
        st.lists(
            st.floats(0, 1, exclude_max=True, width=32),
            min_size=len(COLUMNS),
            max_size=len(COLUMNS),
        ),
        min_size=1,
        max_size=3,
    ),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@settings(max_examples=40)
def test_whatever_the_draws_the_result_is_a_grey_picture(draws, size):
    images = noise(len(draws), 12, 17)
    draws = np.array(draws, np.float32)
    for warp in (augment.warp_by_gather, pipeline.warp):
        result = augment.augment(
            tf.constant(images), draws, draws[:, COLUMN["mix_ratio"]], size, EVERYTHING, warp
        )
        result = np.asarray(result)
        assert result.shape == (len(draws), *size, 3)
        assert result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 255 + 1e-3
        np.testing.assert_array_equal(result[..., 0], result[..., 1])
        np.testing.assert_array_equal(result[..., 0], result[..., 2])


def test_the_same_draws_give_the_same_batch_in_both_ways():
    images, draws = noise(8, 48, 48), np.random.default_rng(1).random((8, len(COLUMNS)), np.float32)
    ratios = draws[:, COLUMN["mix_ratio"]]

    @tf.autograph.experimental.do_not_convert
    def make(x, d, r):
        return augment.augment(x, d, r, (64, 56), EVERYTHING, pipeline.warp)

    eager = make(tf.constant(images), tf.constant(draws), tf.constant(ratios))
    data = tf.data.Dataset.from_tensors((images, draws, ratios)).map(make)
    np.testing.assert_allclose(data.get_single_element(), eager, atol=0.01)
