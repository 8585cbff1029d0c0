"""Stochastic depth for each example."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class DropPath(keras.layers.Layer):
    """Zero the whole input for a random share of the examples, in training only.

    The survivors are divided by the probability of surviving, so that the
    expectation is unchanged (Huang et al., 2016, "Deep Networks with
    Stochastic Depth"; per example as in Larsson et al., 2017).

    Args:
        rate: probability of dropping an example, in [0, 1).
        seed: int, or None for a random one. The state is a variable of the
            layer, so that a checkpoint holds it.
    """

    def __init__(self, rate: float = 0.0, *, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"DropPath: rate must be in [0, 1), got {rate}")
        self.rate = rate
        self.seed = seed
        if rate > 0.0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        # Or Keras on JAX runs the whole network op by op before each prediction, to build this.
        self.built = True
        self.supports_masking = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0.0:
            return inputs
        keep = 1.0 - self.rate
        shape = (ops.shape(inputs)[0],) + (1,) * (len(inputs.shape) - 1)
        draw = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return inputs * ops.cast(ops.floor(draw + keep) / keep, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
