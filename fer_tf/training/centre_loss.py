"""The sparse centre loss of DACL, and the update of its centres.

Farzaneh and Qi, "Facial Expression Recognition in the Wild via Deep Attentive Center Loss",
WACV 2021, section 3; the centres move as in Wen et al., ECCV 2016, section 3.2.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from fer_tf.models.heads import joined
from fer_tf.training.losses import TaskLoss

RATE = 0.5
"""Learning rate of the centres, the alpha of both papers."""


class Centred(keras.Model):
    """A network whose answers are followed by its features and their attention, for `CentreLoss`.

    From images to rows float32 [n, width + d + d]: what `joined(network)` answers, then what its
    layer "attended" takes. Its weights are the network's, in the same order, and the centres, which
    no optimiser trains.

    Args:
        network: has a layer "attended" (`fer_tf.layers.combining.AttendedFeatures`).
        classes: that have a centre each.
        seed: of the centres' first values, N(0, 2 / classes) as in the published code.
    """

    def __init__(self, network: keras.Model, *, classes: int, seed: int):
        super().__init__(name="centred")
        self.network = network
        features, attention = network.get_layer("attended").input
        parts = [joined(network).output, features, attention]
        self.parts = keras.Model(network.input, parts)
        self.centres = self.add_weight(
            shape=(classes, features.shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=math.sqrt(2 / classes), seed=seed),
            trainable=False,
            dtype="float32",
            name="centres",
        )
        self.built = True

    def call(self, inputs, training=False):
        parts = self.parts(inputs, training=training)
        return ops.concatenate([ops.cast(part, "float32") for part in parts], axis=-1)


class CentreLoss:
    """A task's loss, and how far features are from their class's centre where attention looks.

    For each example: loss + weight * sum_j A_j (f_j - c_j)^2 / 2. With soft targets each class's
    centre counts by the class's share of the target. Each call moves the centres, too, so that
    this loss is for training alone.

    Args:
        loss: of the task.
        centres: float32 [classes, d], the centres of `Centred`.
        weight: of the distance.
    """

    def __init__(self, loss: TaskLoss, centres: keras.Variable, weight: float):
        self.loss = loss
        self.centres = centres
        self.weight = weight

    def __call__(self, targets, answers):
        """The sum of the losses: float32 [n].

        Args:
            targets: float32 [n, width], as of `TaskLoss`.
            answers: float32 [n, width + d + d], as of `Centred`.
        """
        width = targets.shape[-1]
        features, attention = ops.split(answers[:, width:], 2, axis=-1)
        shares = targets[:, : self.loss.classes]
        distance = ops.square(features[:, None] - ops.stop_gradient(self.centres))
        distance = ops.sum(attention[:, None] * distance, axis=-1) / 2.0
        distance = ops.sum(shares * distance, axis=-1)
        # Last, because TensorFlow reads a variable where it is used.
        self.centres.assign(moved_centres(self.centres, features, attention, shares))
        return self.loss(targets, answers[:, :width]) + self.weight * distance


def moved_centres(centres, features, attention, shares):
    """The centres after one step of their own gradient descent, float32 [classes, d].

    c - RATE * sum_i s_i A_i (c - f_i) / (1 + sum_i s_i) for each class; the loss's weight is not
    in it.

    Args:
        centres: float32 [classes, d].
        features: float32 [n, d].
        attention: float32 [n, d], in [0, 1].
        shares: float32 [n, classes], the classes' shares of each example's target.
    """
    features, attention = ops.stop_gradient(features), ops.stop_gradient(attention)
    each = ops.transpose(shares)
    pull = centres * ops.matmul(each, attention) - ops.matmul(each, attention * features)
    return centres - RATE * pull / (1.0 + ops.sum(each, axis=-1, keepdims=True))


def fitted(
    network: keras.Model, loss: TaskLoss, *, centre_loss: float, seed: int
) -> tuple[keras.Model, Any]:
    """What is to be fitted, and with which loss: the network itself, or `Centred`.

    Args:
        network: to train.
        loss: of its task.
        centre_loss: as of `fer_tf.models.network.Network`.
        seed: of the centres.
    """
    if not centre_loss:
        return joined(network), loss
    model = Centred(network, classes=loss.classes, seed=seed)
    return model, CentreLoss(loss, model.centres, centre_loss)
