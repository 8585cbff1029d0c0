"""The input pipeline that suits the Keras backend, behind one interface."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from fer_tf.data.draws import Epoch
from fer_tf.recipes import Augmentation


def trainable(
    network: keras.Model, images: np.ndarray, *, size: tuple[int, int], how: Augmentation
) -> tuple[keras.Model, Any]:
    """What to call `fit` on, and the function that turns an `Epoch` into what `fit` takes.

    With TensorFlow: the network, and tf.data. With any other backend: the network with the
    faces and their augmentation in front of it, and a PyDataset.

    Args:
        network: the network to train.
        images: uint8 [count, h, w], the training faces.
        size: (height, width) of the network's input.
        how: the augmentation.
    """
    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import TrainingBatches

        return network, TrainingBatches(images, size=size, how=how).epoch
    from fer_tf.data.device import AugmentedModel, EpochBatches

    return AugmentedModel(network, images, size=size, how=how), EpochBatches


def evaluation(images: np.ndarray, **keywords: Any) -> Any:
    """Batches for `predict`: the arguments are those of `fer_tf.data.pipeline.evaluation_batches`.

    Epoch order, values and length are the same on every backend.
    """
    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import evaluation_batches

        return evaluation_batches(images, **keywords)
    from fer_tf.data.device import EvaluationBatches

    return EvaluationBatches(images, **keywords)


__all__ = ["Epoch", "evaluation", "trainable"]
