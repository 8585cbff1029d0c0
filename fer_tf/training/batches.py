"""The input pipeline that suits the Keras backend, behind one interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from fer_tf.data.draws import Epoch
from fer_tf.data.mapped import Images, MappedImages
from fer_tf.recipes.schema import Augmentation

if TYPE_CHECKING:
    from fer_tf.training.distillation import Teachers


def trainable(
    network: keras.Model,
    images: Images,
    *,
    sizes: Sequence[tuple[int, int]],
    how: Augmentation,
    teachers: Teachers | None = None,
) -> tuple[keras.Model, Any]:
    """What to call `fit` on, and the function that turns an `Epoch` into what `fit` takes.

    With TensorFlow: the network, and tf.data. With any other backend: the network with the
    faces and their augmentation in front of it, and a PyDataset.

    Args:
        network: the network to train.
        images: uint8 [count, h, w], the training faces.
        sizes: (height, width) of the network's input, one for each scale.
        how: the augmentation.
        teachers: whose answers are mixed into the targets.
    """
    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import TrainingBatches
        from fer_tf.training.distillation import Student

        model = network if teachers is None else Student(network, teachers.share, teachers.values)
        answers = None if teachers is None else teachers.answers
        return model, TrainingBatches(images, sizes=sizes, how=how, answers=answers).epoch
    from fer_tf.data.device import AugmentedModel, EpochBatches

    model = AugmentedModel(network, images, how=how, teachers=teachers)
    in_file = images if isinstance(images, MappedImages) else None
    return model, partial(EpochBatches, sizes=sizes, images=in_file)


def augmented(
    images: Images, epoch: Epoch, *, size: tuple[int, int], how: Augmentation
) -> Iterator[np.ndarray]:
    """An epoch's batches at one size, whatever its scales: float32 [n, height, width, 3]."""
    from fer_tf.data.augment import augment, warp_by_gather
    from fer_tf.data.draws import COLUMN

    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import TrainingBatches

        batches = TrainingBatches(images, sizes=[size], how=how).epoch(epoch)
        yield from (np.asarray(pixels) for pixels, _ in batches)
        return
    for rows, draws in zip(epoch.rows, epoch.draws, strict=True):
        ratios = draws[:, COLUMN["mix_ratio"]]
        view = augment(images[rows], draws, ratios, size, how, warp_by_gather)
        yield keras.ops.convert_to_numpy(view)


def evaluation(images: Images, **keywords: Any) -> Any:
    """Batches for `predict`: the arguments are those of `fer_tf.data.pipeline.evaluation_batches`.

    Order and values are the same on every backend; without TensorFlow the last batch is full.
    """
    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import evaluation_batches

        return evaluation_batches(images, **keywords)
    from fer_tf.data.device import EvaluationBatches

    return EvaluationBatches(images, **keywords)


__all__ = ["Epoch", "augmented", "evaluation", "trainable"]
