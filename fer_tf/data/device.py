"""Faces to batches where tf.data isn't: the augmentation runs inside the training step.

For the JAX backend (and any other): the data set lies in the accelerator's
memory, and a batch that travels there is a few indices and random numbers.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from fer_tf.data import augment
from fer_tf.data.draws import COLUMN, Epoch
from fer_tf.recipes import Augmentation


class EpochBatches(keras.utils.PyDataset):
    """An epoch's batches in order: ({"rows", "draws"}, targets)."""

    def __init__(self, epoch: Epoch):
        super().__init__()
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.epoch)

    def __getitem__(self, step: int):
        inputs = {"rows": self.epoch.rows[step], "draws": self.epoch.draws[step]}
        return inputs, self.epoch.targets[step]


class AugmentedModel(keras.Model):
    """A network with the training faces and their augmentation in front of it.

    Takes {"rows": int32 [n], "draws": float32 [n, columns]} and returns the network's logits.

    Args:
        network: the model to train; its variables are this model's trainable ones.
        images: uint8 [count, h, w], grey.
        size: (height, width) of the network's input.
        how: the augmentation.
    """

    def __init__(
        self,
        network: keras.Model,
        images: np.ndarray,
        *,
        size: tuple[int, int],
        how: Augmentation,
    ):
        super().__init__(name="augmented")
        self.network = network
        self.size = size
        self.how = how
        self.faces = self.add_weight(
            shape=images.shape, dtype="uint8", initializer="zeros", trainable=False, name="faces"
        )
        self.faces.assign(images)
        self.built = True

    def call(self, inputs, training=False):
        images = ops.take(self.faces, inputs["rows"], axis=0)
        draws = inputs["draws"]
        ratios = draws[:, COLUMN["mix_ratio"]]
        x = augment.augment(images, draws, ratios, self.size, self.how, augment.warp_by_gather)
        return self.network(x, training=training)


class EvaluationBatches(keras.utils.PyDataset):
    """Faces in order, resized, complete to the last one: float32 [n, height, width, 3].

    Args:
        images: uint8 [count, h, w], grey.
        size: (height, width) of the batches.
        batch_size: faces in a batch; the last one may be smaller.
        flip: mirror left to right.
        crop: (zoom, shift_x, shift_y), the part to see (`augment.resize`).
    """

    def __init__(
        self,
        images: np.ndarray,
        *,
        size: tuple[int, int],
        batch_size: int,
        flip: bool = False,
        crop: tuple[float, float, float] | None = None,
    ):
        super().__init__()
        self.images = images
        self.size = size
        self.batch_size = batch_size
        self.flip = flip
        self.crop = crop

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, step: int):
        images = self.images[step * self.batch_size : (step + 1) * self.batch_size]
        x = augment.resize(
            images, self.size, augment.warp_by_gather, flip=self.flip, crop=self.crop
        )
        return (ops.convert_to_numpy(x),)
