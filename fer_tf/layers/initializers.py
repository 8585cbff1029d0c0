"""Initialisation of SegFormer, without which the transformer does not learn from scratch.

Keras' own initialisers give one instance's weights to every layer that shares
it and the shape; these draw anew at every call.
"""

from __future__ import annotations

import math

import keras


@keras.saving.register_keras_serializable("fer_tf")
class DenseNormal(keras.initializers.Initializer):
    """Truncated normal with standard deviation 0.02, for dense layers (SegFormer's code).

    Args:
        seed: int, or None for Keras' global generator.
    """

    def __init__(self, *, seed: int | None = None):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        return keras.random.truncated_normal(shape, stddev=0.02, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("fer_tf")
class FanOutNormal(keras.initializers.Initializer):
    """N(0, sqrt(2 / fan_out)) for convolutions (He et al., 2015, section 2.2, equation 14).

    For a kernel [k, k, c_in, c_out] fan_out is k * k * c_out; for a depthwise one
    [k, k, c, multiplier], each of whose c groups has `multiplier` outputs, k * k * multiplier.

    Args:
        seed: int, or None for Keras' global generator.
    """

    def __init__(self, *, seed: int | None = None):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        deviation = math.sqrt(2.0 / (math.prod(shape[:2]) * shape[3]))
        return keras.random.normal(shape, stddev=deviation, dtype=dtype, seed=self.seed)

    def get_config(self):
        return {"seed": self.seed}
