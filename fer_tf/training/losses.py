"""The training loss, and the accuracy that is shown beside it."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.tasks import FER2013

CLASSES = len(FER2013)


@keras.saving.register_keras_serializable("fer_tf")
def soft_cross_entropy(targets, logits):
    """Cross-entropy with soft, possibly weighted targets: float32 [n].

    Not `keras.losses.CategoricalCrossentropy`: TensorFlow's kernel takes for
    granted that a row of targets sums to 1, and a class weight makes it another sum.

    Args:
        targets: float32 [n, classes], at least 0; beyond FER2013's seven, a second answer.
        logits: float [n, classes]; each answer has a softmax of its own, and the losses add up.
    """
    logits = ops.cast(logits, "float32")
    loss = -ops.sum(targets[:, :CLASSES] * ops.log_softmax(logits[:, :CLASSES]), axis=-1)
    if logits.shape[-1] > CLASSES:
        loss -= ops.sum(targets[:, CLASSES:] * ops.log_softmax(logits[:, CLASSES:]), axis=-1)
    return loss


def accuracy(targets, logits):
    """Whether the first answer's likeliest class is the target's: float32 [n], 0 or 1."""
    return keras.metrics.categorical_accuracy(targets[:, :CLASSES], logits[:, :CLASSES])
