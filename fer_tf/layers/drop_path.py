"""Stochastic depth for each example."""

from __future__ import annotations

import keras
from keras import ops

from fer_tf.layers.dropping import Dropping


@keras.saving.register_keras_serializable("fer_tf")
class DropPath(Dropping):
    """Zero the whole input for a random share of the examples, in training only.

    The survivors are divided by the probability of surviving, so that the
    expectation is unchanged (Huang et al., 2016, "Deep Networks with
    Stochastic Depth"; per example as in Larsson et al., 2017).

    Args:
        rate: probability of dropping an example, in [0, 1).
        seed: as of `Dropping`.
    """

    def drop(self, inputs):
        keep = 1.0 - self.rate
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return inputs * ops.cast(ops.floor(draw + keep) / keep, inputs.dtype)
