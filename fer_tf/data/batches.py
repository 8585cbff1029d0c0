"""The input pipeline that suits the Keras backend, behind one interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from fer_tf.data.augment import augment, warp_by_gather
from fer_tf.data.draws import COLUMN, Epoch
from fer_tf.data.mapped import Images
from fer_tf.recipes.schema import Augmentation


def augmented(
    images: Images, epoch: Epoch, *, size: tuple[int, int], how: Augmentation
) -> Iterator[np.ndarray]:
    """An epoch's batches at one size, whatever its scales: float32 [n, height, width, 3]."""
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
