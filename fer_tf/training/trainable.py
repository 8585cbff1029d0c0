"""The network and the pipeline that `fit` takes, as suits the Keras backend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras

from fer_tf.data.mapped import Images, MappedImages
from fer_tf.recipes.schema import Augmentation
from fer_tf.training.accumulation import accumulate
from fer_tf.training.devices import process, processes
from fer_tf.training.distillation import Student, Teachers


def trainable(
    network: keras.Model,
    images: Images,
    *,
    sizes: Sequence[tuple[int, int]],
    how: Augmentation,
    ten_crops: bool = False,
    teachers: Teachers | None = None,
    parts: int = 1,
) -> tuple[keras.Model, Any]:
    """What to call `fit` on, and the function that turns an `Epoch` into what `fit` takes.

    With TensorFlow: the network, and tf.data. With any other backend: the network with the
    faces and their augmentation in front of it, and a PyDataset.

    Args:
        network: the network to train.
        images: uint8 [count, h, w], the training faces.
        sizes: (height, width) of the network's input, one for each scale.
        how: the augmentation.
        ten_crops: each face gives ten images.
        teachers: whose answers are mixed into the targets.
        parts: a training step looks at its batch in so many parts.
    """
    batches: Any
    if keras.backend.backend() == "tensorflow":
        from fer_tf.data.pipeline import TrainingBatches

        model = network if teachers is None else Student(network, teachers.share, teachers.values)
        answers = None if teachers is None else teachers.answers
        batches = TrainingBatches(
            images, sizes=sizes, how=how, ten_crops=ten_crops, answers=answers
        ).epoch
    else:
        from fer_tf.data.device import AugmentedModel, EpochBatches

        # Where there are several processes, each gives out the pixels of its own share.
        given_out = images if isinstance(images, MappedImages) or processes() > 1 else None
        held = None if given_out is not None else images
        model = AugmentedModel(network, held, how=how, ten_crops=ten_crops, teachers=teachers)
        share = (process(), processes())
        batches = partial(EpochBatches, sizes=sizes, images=given_out, share=share)
    if parts > 1:
        accumulate(model, parts)
    return model, batches
