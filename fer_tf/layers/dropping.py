"""What attention networks leave out in training."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable("fer_tf")
class AttentionDropping(keras.layers.Layer):
    """Zero one of the attentions of a random share of the examples, in training only.

    Multi-Attention Dropping of TransFER (Xue et al., ICCV 2021, section 3): with probability
    `rate` an example loses one of its attention maps, each as likely, so that the others have to
    look elsewhere. Over the heads of self-attention it is their MSAD. What is left
    is not scaled.

    Args:
        rate: probability that an example loses one, in [0, 1].
        axis: along which the attentions are counted, not 0.
        seed: int, or None for a random one. The state is a variable of the layer, so that a
            checkpoint holds it.
    """

    def __init__(self, rate: float, *, axis: int = -1, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate <= 1.0:
            raise ValueError(f"AttentionDropping: rate must be in [0, 1], got {rate}")
        self.rate = rate
        self.axis = axis
        self.seed = seed
        if rate > 0.0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        # Or Keras on JAX runs the whole network op by op before each prediction, to build this.
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0.0:
            return inputs
        count = inputs.shape[self.axis]
        draw = keras.random.uniform((ops.shape(inputs)[0], 2), seed=self.seed_generator)
        chosen = ops.one_hot(ops.cast(draw[:, 0] * count, "int32"), count)
        kept = 1.0 - chosen * ops.cast(draw[:, 1:] < self.rate, chosen.dtype)
        sides = [1] * len(inputs.shape)
        sides[0], sides[self.axis] = -1, count
        return inputs * ops.cast(ops.reshape(kept, sides), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "axis": self.axis, "seed": self.seed}


@keras.saving.register_keras_serializable("fer_tf")
class UnscaledDropout(keras.layers.Layer):
    """Zero a random share of the elements, in training only, without scaling what is left.

    Args:
        rate: probability of zeroing an element, in [0, 1).
        seed: as of `AttentionDropping`.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"UnscaledDropout: rate must be in [0, 1), got {rate}")
        self.rate = rate
        self.seed = seed
        if rate > 0.0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        # Or Keras on JAX runs the whole network op by op before each prediction, to build this.
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0.0:
            return inputs
        draw = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        return inputs * ops.cast(draw >= self.rate, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
