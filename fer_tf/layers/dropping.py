"""What attention networks leave out in training."""

from __future__ import annotations

import keras
from keras import ops


class Dropping(keras.layers.Layer):
    """What the layers share that drop at random, in training only.

    Args:
        rate: probability of dropping, in [0, 1), or in [0, 1] where the class is `certain`.
        seed: int, or None for a random one. The state is a variable of the layer, so that a
            checkpoint holds it.
    """

    certain = False
    """Whether a rate of 1 makes sense."""

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not (0.0 <= rate < 1.0 or (self.certain and rate == 1.0)):
            allowed = "[0, 1]" if self.certain else "[0, 1)"
            raise ValueError(f"{type(self).__name__}: rate must be in {allowed}, got {rate}")
        self.rate = rate
        self.seed = seed
        if rate > 0.0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        # Or Keras on JAX runs the whole network op by op before each prediction, to build this.
        self.built = True

    def call(self, inputs, training=False):
        return self.drop(inputs) if training and self.rate > 0.0 else inputs

    def drop(self, inputs):
        """What is left of the inputs, of the same shape and dtype, after one draw."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("fer_tf")
class AttentionDropping(Dropping):
    """Zero one of the attentions of a random share of the examples, in training only.

    Multi-Attention Dropping of TransFER (Xue et al., ICCV 2021, section 3): with probability
    `rate` an example loses one of its attention maps, each as likely, so that the others have to
    look elsewhere. Over the heads of self-attention it is their MSAD. What is left
    is not scaled.

    Args:
        rate: probability that an example loses one, in [0, 1].
        axis: along which the attentions are counted, not 0.
        seed: as of `Dropping`.
    """

    certain = True

    def __init__(self, rate: float, *, axis: int = -1, **kwargs):
        super().__init__(rate, **kwargs)
        self.axis = axis

    def drop(self, inputs):
        count = inputs.shape[self.axis]
        draw = keras.random.uniform((ops.shape(inputs)[0], 2), seed=self.seed_generator)
        chosen = ops.one_hot(ops.cast(draw[:, 0] * count, "int32"), count)
        kept = 1.0 - chosen * ops.cast(draw[:, 1:] < self.rate, chosen.dtype)
        sides = [1] * len(inputs.shape)
        sides[0], sides[self.axis] = -1, count
        return inputs * ops.cast(ops.reshape(kept, sides), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@keras.saving.register_keras_serializable("fer_tf")
class UnscaledDropout(Dropping):
    """Zero a random share of the elements, in training only, without scaling what is left.

    Args:
        rate: probability of zeroing an element, in [0, 1).
        seed: as of `Dropping`.
    """

    def drop(self, inputs):
        draw = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator)
        return inputs * ops.cast(draw >= self.rate, inputs.dtype)
