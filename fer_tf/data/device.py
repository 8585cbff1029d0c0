"""Faces to batches where tf.data isn't: the augmentation runs inside the training step.

For the JAX backend (and any other): the data set lies in the accelerator's
memory, and a batch that travels there is a few indices and random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from fer_tf.data import augment
from fer_tf.data.draws import COLUMN, Epoch
from fer_tf.data.mapped import Images
from fer_tf.data.targets import mix_targets
from fer_tf.recipes.schema import Augmentation

if TYPE_CHECKING:
    from fer_tf.training.distillation import Teachers


class EpochBatches(keras.utils.PyDataset):
    """An epoch's batches in order: ({"rows", "draws", "canvas"}, targets).

    Args:
        epoch: what to give out.
        sizes: (height, width) of the batches, one for each scale.
        images: whose pixels are given out, as "faces", and not their rows: those in a file.
        share: (i, n): of each batch the ith of n equal parts, from 0, is given out.
    """

    def __init__(
        self,
        epoch: Epoch,
        *,
        sizes: Sequence[tuple[int, int]],
        images: Images | None = None,
        share: tuple[int, int] = (0, 1),
    ):
        super().__init__()
        self.share = share
        self.epoch = epoch
        self.sizes = sizes
        self.images = images

    def __len__(self) -> int:
        return len(self.epoch)

    def __getitem__(self, step: int):
        rows, draws, targets = (
            self._own(each[step])
            for each in (self.epoch.rows, self.epoch.draws, self.epoch.targets)
        )
        size = self.sizes[self.epoch.scale[step]]
        # Without a value: its shape says the size, and each size is compiled once.
        canvas = np.zeros((len(rows), *size, 0), np.float32)
        inputs = {"draws": draws, "canvas": canvas}
        inputs |= {"rows": rows} if self.images is None else {"faces": self.images[rows]}
        return inputs, targets

    def _own(self, batch: np.ndarray) -> np.ndarray:
        which, shares = self.share
        size = len(batch) // shares
        return batch[which * size : (which + 1) * size]


class AugmentedModel(keras.Model):
    """A network with the training faces and their augmentation in front of it.

    Takes {"rows": int32 [n], "draws": float32 [n, columns], "canvas": float32 [n, height, width,
    0]} and returns the network's logits for faces of the canvas' size. Where it does not hold the
    faces, "rows" gives way to "faces", uint8 [n, h, w] or [n, h, w, 3].

    Args:
        network: the model to train; its variables are this model's trainable ones.
        images: uint8 [count, h, w], grey, or [count, h, w, 3], RGB; None for "faces".
        how: the augmentation.
        ten_crops: each face gives ten images, and so ten rows of logits.
        teachers: whose answers to the same view `compute_loss` mixes into the targets.
    """

    def __init__(
        self,
        network: keras.Model,
        images: Images | None,
        *,
        how: Augmentation,
        ten_crops: bool = False,
        teachers: Teachers | None = None,
    ):
        super().__init__(name="augmented")
        self.network = network
        self.how = how
        self.ten_crops = ten_crops
        self.teachers = teachers
        # Tracked, so that JAX is given their weights.
        self.teaching = [] if teachers is None else teachers.networks
        if images is not None:
            self.faces = self.add_weight(
                shape=images.shape,
                dtype="uint8",
                initializer="zeros",
                trainable=False,
                name="faces",
            )
            self.faces.assign(images)
        self.built = True

    def prepared(self, inputs):
        """{"images": the faces' views, "answers": the teachers', if there are any}.

        It may be passed in place of the inputs, also in parts.
        """
        done = {"images": self._view(inputs, inputs["canvas"].shape[1:3])}
        if self.teachers is not None:
            done["answers"] = self.teachers.answers(partial(self._view, inputs))
        return done

    def call(self, inputs, training=False):
        images = inputs.get("images")
        if images is None:
            images = self._view(inputs, inputs["canvas"].shape[1:3])
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if self.teachers is not None:
            answers = x.get("answers")
            if answers is None:
                answers = self.teachers.answers(partial(self._view, x))
            y = mix_targets(y, answers, self.teachers.share, values=self.teachers.values)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def _view(self, inputs, size):
        images = inputs.get("faces")
        if images is None:
            images = ops.take(self.faces, inputs["rows"], axis=0)
        draws = inputs["draws"]
        ratios = draws[:, COLUMN["mix_ratio"]]
        return augment.augment(
            images,
            draws,
            ratios,
            size,
            self.how,
            augment.warp_by_gather,
            ten_crops=self.ten_crops,
        )


class EvaluationBatches(keras.utils.PyDataset):
    """Faces in order, resized, complete to the last one: float32 [n, height, width, 3].

    The last batch is filled up with its last face: another shape would be compiled anew. Where
    Keras divides batches among devices, a batch is as large as they can share evenly.

    Args:
        images: uint8 [count, h, w], grey, or [count, h, w, 3], RGB.
        size: (height, width) of the batches.
        batch_size: faces in a batch.
        flip: mirror left to right.
        crop: (zoom, shift_x, shift_y), the part to see (`augment.resize`).
    """

    def __init__(
        self,
        images: Images,
        *,
        size: tuple[int, int],
        batch_size: int,
        flip: bool = False,
        crop: tuple[float, float, float] | None = None,
    ):
        super().__init__()
        self.images = images
        self.size = size
        distribution = keras.distribution.distribution()
        devices = 1 if distribution is None else distribution.device_mesh.devices.size
        self.batch_size = -(-batch_size // devices) * devices
        self.flip = flip
        self.crop = crop

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, step: int):
        rows = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        images = self.images[np.minimum(rows, len(self.images) - 1)]
        x = augment.resize(
            images, self.size, augment.warp_by_gather, flip=self.flip, crop=self.crop
        )
        return (ops.convert_to_numpy(x),)
