"""Answers for many faces, and the views of test-time augmentation pixel by pixel."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from fer_tf.data.batches import evaluation
from fer_tf.errors import FerError
from fer_tf.trained.inference import _views, predict_logits, softmax

SIZE = 40


def faces(count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def crops_of(images: np.ndarray) -> list[np.ndarray]:
    """The ten crops of 40x40 pixels by plain slicing: centre, corners, and these of the mirror."""
    ten = []
    for pictures in (images, images[:, :, ::-1]):
        for top, left in ((4, 4), (8, 8), (0, 8), (8, 0), (0, 0)):
            ten.append(pictures[:, top : top + 40, left : left + 40])
    return ten


@pytest.fixture(scope="module")
def quadrants() -> keras.Model:
    """A network whose logits are the mean levels of the four quadrants, over 20."""
    images = keras.Input((None, None, 3))
    half = SIZE // 2
    parts = [
        images[:, top : top + half, left : left + half] for top in (0, half) for left in (0, half)
    ]
    means = [ops.mean(part, axis=(1, 2, 3)) for part in parts]
    return keras.Model(images, ops.stack(means, axis=-1) / 20.0)


def logits_of(images: np.ndarray) -> np.ndarray:
    """What `quadrants` answers, in NumPy."""
    x = images.astype(np.float64).reshape(-1, 2, SIZE // 2, 2, SIZE // 2)
    return x.mean(axis=(2, 4)).reshape(-1, 4) / 20


def test_the_ten_crops_are_the_right_pixels():
    views = [
        np.concatenate(list(evaluation(faces(), size=(40, 40), batch_size=2, flip=flip, crop=crop)))
        for flip, crop in _views("ten-crop")
    ]
    found = sorted((view[..., 0] for view in views), key=lambda view: view[0].tolist())
    expected = sorted(crops_of(faces()), key=lambda view: view[0].tolist())
    assert len(found) == 10
    for view, crop in zip(found, expected, strict=True):
        np.testing.assert_allclose(view, crop, atol=0.01)


def test_without_augmentation_the_networks_own_logits(quadrants):
    images = faces()[:, 4:44, 4:44]
    logits = predict_logits(quadrants, images, size=(40, 40), batch_size=2)
    assert logits.dtype == np.float32 and logits.shape == (5, 4)
    np.testing.assert_allclose(logits, logits_of(images), atol=1e-4)


@pytest.mark.parametrize("tta", ["flip", "ten-crop"])
def test_augmented_answers_are_the_views_mean_probabilities(quadrants, tta):
    if tta == "flip":
        images = faces()[:, 4:44, 4:44]
        views = [images, images[:, :, ::-1]]
    else:
        images = faces()
        views = crops_of(images)
    expected = np.mean([softmax(logits_of(view)) for view in views], axis=0)
    logits = predict_logits(quadrants, images, size=(40, 40), tta=tta, batch_size=3)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(np.exp(logits), expected, atol=1e-4)
    np.testing.assert_allclose(softmax(logits).sum(axis=-1), 1, atol=1e-5)


def test_softmax_does_not_overflow():
    np.testing.assert_allclose(softmax(np.array([[1000.0, 1000.0]])), [[0.5, 0.5]])


def test_an_unknown_augmentation_is_refused(quadrants):
    with pytest.raises(FerError, match="tta: expected one of none, flip, ten-crop, found 'five'"):
        predict_logits(quadrants, faces(), size=(40, 40), tta="five")


def test_grey_faces_may_have_an_axis_for_their_channel(quadrants):
    plain, with_axis = (
        predict_logits(quadrants, images, size=(40, 40)) for images in (faces(), faces()[..., None])
    )
    np.testing.assert_array_equal(plain, with_axis)


@pytest.mark.parametrize(
    "images",
    [faces(0), faces() / 255, faces()[0], np.zeros((1, 48, 48, 4), np.uint8)],
    ids=["none", "floats", "one", "transparent"],
)
def test_other_images_are_refused(quadrants, images):
    with pytest.raises(FerError, match=r"images: expected uint8 \[n, h, w\] or"):
        predict_logits(quadrants, images, size=(40, 40))
