"""tf.data batches: the same whatever the threads, the process and the step they start from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tensorflow as tf

from fer_tf.data.draws import Epoch, draw_epoch
from fer_tf.data.pipeline import TrainingBatches, evaluation_batches
from fer_tf.recipes.schema import Augmentation

EVERYTHING = Augmentation(
    flip=True,
    rotation=20.0,
    zoom=0.2,
    shift=0.1,
    brightness=0.2,
    contrast=0.3,
    erasing=0.5,
    mix_probability=0.5,
    mixup=0.4,
    cutmix=1.0,
)
COUNT, BATCH = 50, 8


def faces(count: int = COUNT, h: int = 48, w: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, h, w), dtype=np.uint8)


def labels(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 7, count)


def drawn(how: Augmentation = EVERYTHING, *, epoch: int = 1, **more: int) -> Epoch:
    targets = np.eye(7, dtype=np.float32)[labels()]
    return draw_epoch(targets, seed=5, epoch=epoch, batch_size=BATCH, augmentation=how, **more)


def made(epoch: Epoch, *, how=EVERYTHING, size=(64, 56), workers=2) -> list[tuple]:
    """The epoch's batches as arrays."""
    batches = TrainingBatches(faces(), sizes=[size], how=how, workers=workers).epoch(epoch)
    return [(images.numpy(), targets.numpy()) for images, targets in batches]


def assert_same(one: list[tuple], other: list[tuple]) -> None:
    assert len(one) == len(other) > 0
    for (images, targets), (same_images, same_targets) in zip(one, other, strict=True):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(targets, same_targets)


@pytest.mark.parametrize("size", [(64, 56), (224, 224)])
def test_shapes_dtypes_and_ranges(size):
    batches = TrainingBatches(faces(), sizes=[size], how=EVERYTHING).epoch(drawn())
    # Known shapes: a compiled training step is traced once.
    assert batches.element_spec[0].shape == (BATCH, *size, 3)
    assert batches.element_spec[1].shape == (BATCH, 7)
    assert batches.cardinality() == COUNT // BATCH
    for images, targets in batches.take(2):
        assert images.dtype == tf.float32 and targets.dtype == tf.float32
        assert np.min(images) >= 0 and np.max(images) <= 255.01
        np.testing.assert_allclose(np.sum(targets, axis=1), 1, atol=1e-6)


def test_without_augmentation_each_face_comes_once_with_its_label():
    how = Augmentation()
    batches = made(drawn(how), how=how, size=(48, 48))
    images = np.concatenate([images for images, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])
    rows = drawn(how).rows.ravel()
    assert len(set(rows.tolist())) == len(rows) == COUNT // BATCH * BATCH
    np.testing.assert_array_equal(images, np.repeat(faces()[rows][..., None], 3, -1))
    np.testing.assert_array_equal(targets.argmax(axis=1), labels()[rows])


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_the_number_of_threads_changes_nothing(workers):
    assert_same(made(drawn(), workers=workers), made(drawn(), workers=2))


def test_two_epochs_differ():
    one, two = (made(drawn(epoch=epoch))[0][0] for epoch in (1, 2))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("step", [1, 4])
def test_batches_after_a_restart_are_those_that_were_left(step):
    assert_same(made(drawn().part(step)), made(drawn())[step:])


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_targets_say_what_is_in_the_picture(kind):
    # Faces of one level for each class, so that the mean level tells the classes' shares.
    levels = 30.0 * np.arange(7)
    images = np.broadcast_to(levels[labels()][:, None, None], (COUNT, 48, 48)).astype(np.uint8)
    how = Augmentation(flip=True, rotation=30.0, mix_probability=0.8, **{kind: 1.0})
    batches = TrainingBatches(images, sizes=[(64, 64)], how=how).epoch(drawn(how))
    mixed = 0
    for pictures, targets in batches:
        found, expected = np.mean(pictures, axis=(1, 2, 3)), targets.numpy() @ levels
        # A cut box is whole pixels: its area is off by up to two rows or columns of 64.
        np.testing.assert_allclose(found, expected, atol=0.01 if kind == "mixup" else 180 * 2 / 64)
        mixed += np.sum(np.max(targets, axis=1) < 0.999)
    assert mixed > 10


@pytest.mark.parametrize("batch_size", [1, 7, 50, 128])
def test_validation_is_complete_in_order_and_not_augmented(batch_size):
    batches = evaluation_batches(faces(), size=(48, 48), batch_size=batch_size)
    images = np.concatenate(list(batches.as_numpy_iterator()))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, np.repeat(faces()[..., None], 3, -1))


def test_validation_of_another_size_is_a_plain_resize():
    pictures = faces(5, 40, 56)
    batches = evaluation_batches(pictures, size=(96, 75), batch_size=3)
    assert [len(batch) for batch in batches] == [3, 2]
    for found, picture in zip(np.concatenate(list(batches)), pictures, strict=True):
        expected = cv2.resize(picture.astype(np.float32), (75, 96), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(found[:, :, 0], expected, atol=0.01)


def test_batches_are_made_ahead_and_an_epoch_ends_at_once():
    # While the first is being used, others are on their way: the last step is a prefetch.
    # The thread that tunes can hold up an epoch's end for as long as it sleeps.
    for batches in (
        TrainingBatches(faces(), sizes=[(48, 48)], how=EVERYTHING).epoch(drawn()),
        evaluation_batches(faces(), size=(48, 48), batch_size=8),
    ):
        assert "Prefetch" in type(batches).__name__
        assert batches.options().autotune.enabled is False


def test_each_step_has_one_of_the_sizes_and_the_same_faces():
    sizes = [(64, 64), (32, 48), (96, 80)]
    how = Augmentation()
    epoch = drawn(how, scales=len(sizes))
    batches = list(TrainingBatches(faces(), sizes=sizes, how=how).epoch(epoch))
    assert len({tuple(images.shape[1:3]) for images, _ in batches}) > 1
    for step, (images, _) in enumerate(batches):
        size = sizes[epoch.scale[step]]
        (alone,) = evaluation_batches(faces()[epoch.rows[step]], size=size, batch_size=BATCH)
        np.testing.assert_allclose(images, alone, atol=1e-3)


def test_ten_crops_of_each_face_follow_one_another():
    sizes, how = [(40, 40), (20, 30)], Augmentation()
    epoch = drawn(how, scales=2, images_per_face=10)
    batches = TrainingBatches(faces(), sizes=sizes, how=how, ten_crops=True)
    for step, (images, answers) in enumerate(batches.epoch(epoch)):
        assert images.shape == (10 * BATCH, *sizes[epoch.scale[step]], 3)
        rows = epoch.rows[step]
        np.testing.assert_array_equal(np.argmax(answers, axis=1), np.repeat(labels()[rows], 10))
        if epoch.scale[step] == 0:
            np.testing.assert_allclose(images[10, :, :, 0], faces()[rows[1]][:40, :40], atol=0.01)
            centre = faces()[rows[1]][4:44, 4:44]
            np.testing.assert_allclose(images[19, :, :, 0], centre[:, ::-1], atol=0.01)
    alone = TrainingBatches(faces(), sizes=sizes[:1], how=how, ten_crops=True).epoch(epoch)
    # Known shapes: a compiled training step is traced once.
    assert alone.element_spec[0].shape == (10 * BATCH, 40, 40, 3)
    assert alone.element_spec[1].shape == (10 * BATCH, 7)


def test_teachers_see_the_view_of_the_student_at_their_size():
    def answers(view):
        return tf.reduce_mean(view((16, 24)), axis=(1, 3))[:, :7]

    batches = TrainingBatches(faces(), sizes=[(32, 48)], how=EVERYTHING, answers=answers)
    views = TrainingBatches(faces(), sizes=[(16, 24)], how=EVERYTHING)
    for (inputs, _), (view, _) in zip(batches.epoch(drawn()), views.epoch(drawn()), strict=True):
        assert inputs["images"].shape == (BATCH, 32, 48, 3)
        np.testing.assert_allclose(inputs["answers"], answers(lambda size, v=view: v), rtol=1e-5)
