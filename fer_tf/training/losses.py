"""The training loss of a task's answers, and the accuracy that is shown beside it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from fer_tf.tasks import Task


def soft_cross_entropy(targets, logits):
    """Cross-entropy with soft, possibly weighted targets, in nats: float32 [n].

    Not `keras.losses.CategoricalCrossentropy`: TensorFlow's kernel takes for
    granted that a row of targets sums to 1, and a class weight makes it another sum.

    Args:
        targets: float32 [n, classes], at least 0.
        logits: float [n, classes].
    """
    return -ops.sum(targets * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)


def squared_error(targets, values):
    """Squared errors of a continuous value, 0 where its target is NaN: float32 [n]."""
    known = ops.logical_not(ops.isnan(targets))
    # Not the error's square where known: NaN times 0 is NaN, in the gradient too.
    return ops.square(ops.where(known, targets, values) - values)


class TaskLoss:
    """The loss of a network that answers a task, of rows as `fer_tf.models.heads.joined` has them.

    A row begins with a number for each class, ends with one for each value, and may hold a second
    answer between them, FERPlus' votes, which has a softmax of its own.

    Args:
        task: its classes and values.
        weights: of the classes' cross-entropy and of each value's squared error; () is 1 for each.
    """

    def __init__(self, task: Task, weights: Sequence[float] = ()):
        self.classes, self.values = len(task.labels), len(task.values)
        self.weights = tuple(weights) or (1.0,) * (1 + self.values)

    def __call__(self, targets, answers):
        """The weighted sum of the losses: float32 [n].

        Args:
            targets: float32 [n, width], values NaN where a face has none.
            answers: float [n, width], logits and values.
        """
        answers = ops.cast(answers, "float32")
        votes, values = self.classes, answers.shape[-1] - self.values
        loss = soft_cross_entropy(targets[:, :votes], answers[:, :votes])
        if votes < values:
            loss += soft_cross_entropy(targets[:, votes:values], answers[:, votes:values])
        loss = self.weights[0] * loss
        for i, weight in enumerate(self.weights[1:], values):
            loss += weight * squared_error(targets[:, i], answers[:, i])
        return loss

    def accuracy(self, targets, answers):
        """Whether the likeliest class is the target's: float32 [n], 0 or 1."""
        both = targets[:, : self.classes], answers[:, : self.classes]
        return keras.metrics.categorical_accuracy(*both)
