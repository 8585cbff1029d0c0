"""Faces to batches as tf.data: the input pipeline of the TensorFlow backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from fer_tf.data import augment
from fer_tf.data.draws import COLUMN, Epoch
from fer_tf.data.mapped import Images, MappedImages
from fer_tf.recipes.schema import Augmentation

Answers = Callable[[Callable[[tuple[int, int]], Any]], Any]


def warp(images, matrices, size, border="repeat"):
    """`augment.warp_by_gather` as one TensorFlow kernel, several times as fast on a CPU.

    The kernel can mirror a picture about its edge, but not about its outermost pixels.
    """
    if border == "reflect":
        return augment.warp_by_gather(images, matrices, size, border)
    zeros = tf.zeros_like(matrices[:, :2])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.concat([matrices, zeros], axis=-1),
        output_shape=tf.constant(size, tf.int32),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )


def to_rgb(images):
    """`augment.to_rgb` as a convolution with ones: as exact, twice as fast on a CPU."""
    return tf.nn.conv2d(images, tf.ones([1, 1, 1, 3]), strides=1, padding="VALID")


class TrainingBatches:
    """Augmented training batches.

    Args:
        images: uint8 [count, h, w], grey, or [count, h, w, 3], RGB.
        sizes: (height, width) of the batches, one for each scale.
        how: the augmentation.
        ten_crops: each face gives ten images.
        answers: (function from a size to the batch's view of that size) -> float32 [n, classes],
            what the teachers say (`fer_tf.training.distillation`).
        workers: batches made at the same time; the result does not depend on it.
    """

    def __init__(
        self,
        images: Images,
        *,
        sizes: Sequence[tuple[int, int]],
        how: Augmentation,
        ten_crops: bool = False,
        answers: Answers | None = None,
        workers: int = 2,
    ):
        gather = _gathering(images)
        self.workers = workers

        @tf.function(reduce_retracing=True, autograph=False)
        def make(rows, draws, targets, scale):
            images, ratios = gather(rows), draws[:, COLUMN["mix_ratio"]]

            def view(size):
                return augment.augment(
                    images, draws, ratios, size, how, warp, to_rgb, ten_crops=ten_crops
                )

            # Of one size, the shape stays known, and the training step is the faster for it.
            views = [partial(view, size) for size in sizes]
            x = views[0]() if len(views) == 1 else tf.switch_case(scale, views)
            return x if answers is None else {"images": x, "answers": answers(view)}, targets

        self._make = make

    def epoch(self, epoch: Epoch) -> tf.data.Dataset:
        """The epoch's batches in order: (float32 [n, height, width, 3], float32 [n, classes]).

        With teachers, {"images", "answers"} in place of the first.
        """
        batches = _steps(epoch)
        batches = batches.map(self._make, num_parallel_calls=self.workers, deterministic=True)
        return batches.prefetch(self.workers)


def evaluation_batches(
    images: Images,
    *,
    size: tuple[int, int],
    batch_size: int,
    flip: bool = False,
    crop: tuple[float, float, float] | None = None,
) -> tf.data.Dataset:
    """All faces in order, resized, not augmented, complete to the last one.

    Args:
        images: uint8 [count, h, w], grey, or [count, h, w, 3], RGB.
        size: (height, width) of the batches.
        batch_size: faces in a batch; the last one may be smaller. Where TensorFlow divides batches
            among devices, all are as large as these can share evenly, the last one by repeating
            the last face.
        flip: mirror left to right.
        crop: (zoom, shift_x, shift_y), the part to see (`augment.resize`).

    Returns:
        Batches of float32 [n, height, width, 3], 0 to 255.
    """

    @tf.autograph.experimental.do_not_convert
    def resize(faces):
        return augment.resize(faces, size, warp, flip=flip, crop=crop)

    devices = tf.distribute.get_strategy().num_replicas_in_sync
    if isinstance(images, MappedImages) or devices > 1:
        rows = np.minimum(np.arange(-(-len(images) // devices) * devices), len(images) - 1)
        rows = _in_order(rows).batch(-(-batch_size // devices) * devices)
        batches = rows.map(_gathering(images), num_parallel_calls=2, deterministic=True)
    else:
        batches = _in_order(images).batch(batch_size)
    return batches.map(resize, num_parallel_calls=2, deterministic=True).prefetch(2)


def _gathering(images: Images) -> Callable[[Any], Any]:
    """The function from rows, int [n], to these images, from memory or from their file."""
    if isinstance(images, MappedImages):

        def read(rows):
            faces = tf.numpy_function(images.__getitem__, [rows], tf.uint8, stateful=False)
            return tf.ensure_shape(faces, [rows.shape[0], *images.shape[1:]])

        return read
    with tf.device("cpu"):
        faces = tf.constant(images)
    return lambda rows: tf.gather(faces, rows)


def _steps(epoch: Epoch) -> tf.data.Dataset:
    """(rows, draws, targets, scale) of each step; of a large epoch, drawn a window at a time."""

    def windows():
        for part in epoch.windows():
            yield part.rows, np.asarray(part.draws), np.asarray(part.targets), part.scale

    first = next(windows())
    if isinstance(epoch.draws, np.ndarray):
        return _in_order(first)
    like = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in first)
    drawn = tf.data.Dataset.from_generator(windows, output_signature=like)
    steps = drawn.flat_map(lambda *arrays: tf.data.Dataset.from_tensor_slices(arrays))
    # Keras would else learn the number of steps from the end, and take that for an error.
    return _plain(steps.apply(tf.data.experimental.assert_cardinality(len(epoch))))


def _in_order(arrays) -> tf.data.Dataset:
    """A dataset of slices."""
    return _plain(tf.data.Dataset.from_tensor_slices(arrays))


def _plain(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Without autotuning, which has nothing to choose here.

    Its thread sleeps twice as long each time, up to a minute, and the end of an epoch can wait
    for it to wake.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
