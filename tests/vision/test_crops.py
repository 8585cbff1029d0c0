"""Crops: where the matrix says, without aliasing, whatever the box."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fer_tf.errors import FerError
from fer_tf.vision.crops import LEVEL, between_centres, crop_face, eye_angle, whole_face
from fer_tf.vision.results import Box, Detection

HEIGHT, WIDTH = 90, 120
SIZE = 48

quick = settings(max_examples=60)
margins = st.floats(-0.5, 1.0)
boxes = st.builds(
    Box,
    st.floats(-60, WIDTH - 1),
    st.floats(-60, HEIGHT - 1),
    st.floats(61, 400) | st.floats(61, 120),
    st.floats(61, 400) | st.floats(61, 120),
)
eyes = st.none() | st.floats(-180, 180).filter(lambda a: abs(abs(a) - LEVEL) > 1e-6)


def detection(box, angle=None):
    if angle is None:
        return Detection(box, 1.0)
    x, y = box.center
    turn = np.radians(angle)
    step = np.array([np.cos(turn), np.sin(turn)]) * box.width / 4
    return Detection(box, 1.0, ((x - step[0], y - step[1]), (x + step[0], y + step[1])))


def cropped(image, face, size=SIZE, **keywords):
    return crop_face(image, face, (size, size), **keywords)


def noise(height=HEIGHT, width=WIDTH):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


@quick
@given(boxes, margins, eyes)
def test_the_squares_corners_are_the_crops(box, margin, angle):
    crop = cropped(noise(), detection(box, angle), margin=margin, level=LEVEL)
    half = (box.width + box.height) / 4 * (1 + margin)
    turn = np.radians(angle if angle and abs(angle) >= LEVEL else 0)
    right = np.array([np.cos(turn), np.sin(turn)]) * half
    down = np.array([-np.sin(turn), np.cos(turn)]) * half
    corners = np.array([-right - down, right - down, right + down, -right + down]) + box.center
    there = corners @ crop.matrix[:, :2].T + crop.matrix[:, 2]
    np.testing.assert_allclose(there, [[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]], atol=0.01)
    assert crop.pixels.shape == (SIZE, SIZE) and crop.pixels.dtype == np.uint8


@quick
@given(boxes, eyes, st.tuples(st.integers(8, 224), st.integers(8, 224)))
def test_a_crop_of_any_size_shows_the_same_square(box, angle, size):
    face = detection(box, angle)
    crop = crop_face(noise(), face, size, margin=0.1, level=LEVEL)
    assert crop.pixels.shape == size
    square = cropped(noise(), face, margin=0.1, level=LEVEL)
    scale = np.array([[size[1] / SIZE], [size[0] / SIZE]])
    np.testing.assert_allclose(crop.matrix, scale * square.matrix, atol=1e-9)


def test_a_large_face_is_sampled_once_and_keeps_its_detail():
    fine = np.kron(noise(64, 64), np.ones((4, 4, 1), np.uint8))  # 256 pixels for a crop of 128
    grey = cv2.cvtColor(fine[::2, ::2], cv2.COLOR_RGB2GRAY).astype(int)
    pixels = cropped(fine, detection(Box(0, 0, 256, 256)), 128, margin=0).pixels
    assert np.abs(pixels - grey).max() <= 1


@quick
@given(boxes, margins, eyes, st.integers(0, 255))
def test_a_flat_picture_gives_a_flat_crop(box, margin, angle, grey):
    image = np.full((HEIGHT, WIDTH, 3), grey, np.uint8)
    assert (cropped(image, detection(box, angle), margin=margin, level=LEVEL).pixels == grey).all()


@quick
@given(boxes, margins)
def test_a_mirrored_picture_gives_a_mirrored_crop(box, margin):
    image = cv2.GaussianBlur(noise(), (0, 0), 3)
    crop = cropped(image, detection(box), margin=margin)
    other = Box(WIDTH - box.right, box.top, box.width, box.height)
    mirrored = cropped(np.ascontiguousarray(image[:, ::-1]), detection(other), margin=margin)
    difference = crop.pixels.astype(int) - mirrored.pixels[:, ::-1]
    assert np.abs(difference).max() <= 3


@settings(max_examples=30)
@given(
    st.floats(100, 250), st.floats(0, 150), st.floats(0, 100), st.floats(-0.3, 0.3), eyes, st.data()
)
def test_a_marker_lands_where_the_matrix_says(side, left, top, margin, angle, data):
    image = np.zeros((350, 400, 3), np.uint8)
    face = detection(Box(left, top, side, side), angle)
    matrix = cropped(image, face, margin=margin, level=LEVEL).matrix
    wanted = np.array(data.draw(st.tuples(st.floats(6, 42), st.floats(6, 42))))
    x, y = np.linalg.inv(matrix[:, :2]) @ (wanted - matrix[:, 2])
    radius = side / 16
    far = radius + 2  # a marker at the picture's edge is repeated beyond it
    if not (far < x < 400 - far and far < y < 350 - far):
        return
    rows, columns = np.mgrid[:350, :400] + 0.5
    image[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = 255
    seen = cropped(image, face, margin=margin, level=LEVEL).pixels.astype(float)
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    found = (columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()
    np.testing.assert_allclose(found, wanted, atol=0.1)


def test_a_face_of_48_pixels_is_untouched():
    image = noise(SIZE, SIZE)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    box = Box(0, 0, SIZE, SIZE)
    np.testing.assert_array_equal(cropped(image, detection(box), margin=0).pixels, grey)
    np.testing.assert_array_equal(whole_face(image, (SIZE, SIZE)).pixels, grey)


@pytest.mark.parametrize("factor", [2, 7, 16, 25])
def test_large_faces_are_averaged_over_areas(factor):
    small = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    large = np.kron(small, np.ones((factor, factor, 1), np.uint8))
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(int)
    box = Box(0, 0, factor * SIZE, factor * SIZE)
    pixels = cropped(large, detection(box), margin=0).pixels
    assert np.abs(pixels - grey).max() <= 1


@pytest.mark.parametrize("angle", [None, 0, 33])
@pytest.mark.parametrize("side", [500, 3000])
def test_stripes_finer_than_a_pixel_of_the_crop_do_not_alias(side, angle):
    image = np.zeros((side, side, 3), np.uint8)
    image[:, ::2] = 255
    pixels = cropped(image, detection(Box(0, 0, side, side), angle), margin=-0.4, level=LEVEL)
    assert np.abs(pixels.pixels.astype(int) - 127).max() <= 8


def test_align_turns_the_face_upright():
    soft = cv2.GaussianBlur(noise(400, 400), (0, 0), 6)
    image = cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)
    face = Box(140, 130, 120, 120)
    upright = cropped(image, detection(face), margin=0.1).pixels.astype(int)
    turn = cv2.getRotationMatrix2D((199.5, 189.5), -40, 1)  # clockwise, about the box's middle
    tilted = cv2.warpAffine(image, turn, (400, 400), flags=cv2.INTER_LINEAR)
    there = detection(face, 40)
    assert eye_angle(there) == pytest.approx(40)
    again = cropped(tilted, there, margin=0.1, level=LEVEL).pixels
    assert np.abs(again - upright).max() <= 6
    assert np.abs(cropped(tilted, there, margin=0.1).pixels - upright).max() > 20


def test_align_leaves_the_tilts_that_the_network_knows():
    face = detection(Box(30, 20, 40, 40), LEVEL - 1)
    aligned = cropped(noise(), face, margin=0.0, level=LEVEL)
    np.testing.assert_array_equal(aligned.pixels, cropped(noise(), face, margin=0.0).pixels)


def test_the_matrix_for_opencv_draws_the_same_crop():
    image = cv2.GaussianBlur(noise(), (0, 0), 2)
    crop = cropped(image, detection(Box(30.3, 20.7, 48, 48), 40), margin=0.0, level=LEVEL)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    drawn = cv2.warpAffine(grey, between_centres(crop.matrix), (SIZE, SIZE))
    assert np.abs(drawn.astype(int) - crop.pixels).max() <= 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (480, 640), (3000, 20)])
def test_any_shape_can_be_a_whole_face(shape):
    crop = whole_face(noise(*shape), (SIZE, SIZE))
    corner = crop.matrix[:, :2] @ (shape[1], shape[0]) + crop.matrix[:, 2]
    np.testing.assert_allclose(corner, (SIZE, SIZE))
    assert crop.pixels.shape == (SIZE, SIZE)


def test_tiny_and_huge_boxes():
    image = noise()
    tiny = cropped(image, detection(Box(5.2, 5.2, 0.3, 0.3)), margin=0).pixels
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert np.abs(tiny.astype(int) - grey[5, 5]).max() <= 120 and tiny.std() < 30
    huge = cropped(image, detection(Box(-1e6, -1e6, 2e6, 2e6)), margin=0).pixels
    assert huge.shape == (SIZE, SIZE)


@given(*(st.floats() | st.floats(-1e7, 1e7) | st.floats(0, 120) for _ in range(4)))
@example(1e7, -1e7, 0.01, 1e7)
@example(-1e7, -1e7, 2e7, 1e7)
@example(0, 0, 0.01, 0.01)
@example(50, 50, 0.01, 1e7)
def test_any_box_gives_a_crop_or_a_sentence(left, top, width, height):
    image = np.zeros((90, 120, 3), np.uint8)
    with contextlib.suppress(FerError):
        crop = cropped(image, detection(Box(left, top, width, height)), margin=0)
        assert crop.pixels.shape == (SIZE, SIZE)


def test_a_panorama_wider_than_opencv_warps():
    image = np.full((20, 40_000, 3), 90, np.uint8)
    assert (cropped(image, detection(Box(0, 0, 40_000, 20)), margin=0).pixels == 90).all()


@pytest.mark.parametrize(
    ("box", "told"),
    [
        (Box(500, 10, 20, 20), "outside the picture, which is 120 x 90"),
        (Box(-30, 10, 30, 20), "outside the picture"),
        (Box(10, 10, 0, 20), "has no area"),
        (Box(10, float("nan"), 20, 20), "has no area"),
        (Box(10, 10, float("inf"), 20), "has no area"),
        (Box(1e300, 1e300, 1e300, 1e300), "is no face's"),
        (Box(-1e300, 0, 1e308, 1e308), "is no face's"),
        (Box(10, 10, 1e-300, 1e-300), "is no face's"),
    ],
)
def test_boxes_without_a_face_are_told(box, told):
    with pytest.raises(FerError, match=told):
        cropped(noise(), detection(box), margin=0)
