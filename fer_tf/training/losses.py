"""The training loss."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
def soft_cross_entropy(targets, logits):
    """Cross-entropy with soft, possibly weighted targets: float32 [n].

    Not `keras.losses.CategoricalCrossentropy`: TensorFlow's kernel takes for
    granted that a row of targets sums to 1, and a class weight makes it another sum.

    Args:
        targets: float32 [n, classes], at least 0.
        logits: float [n, classes].
    """
    return -ops.sum(targets * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)
