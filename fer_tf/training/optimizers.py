"""Optimisers from a recipe: the update rules of `torch.optim`, but for AdamW, which is Keras'.

Clipping comes first, and decay is added to what it leaves, as where PyTorch's `clip_grad_value_`
or `clip_grad_norm_` is called before the step. Gradients, weights and state are float32.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from fer_tf.recipes.schema import Recipe
from fer_tf.training.devices import mirrored
from fer_tf.training.schedules import momentum


class RawWeights(keras.optimizers.Optimizer):
    """Mixed into an optimiser: `fit` does not put the averaged weights over the trained ones.

    Keras does so at the end of every `fit`, and each of our epochs is one. And on several devices
    with TensorFlow, what is clipped is the gradient of the whole batch.
    """

    @property
    def averages(self) -> bool:
        """Whether it keeps an average of the weights, which is validated and kept."""
        return self.use_ema

    def finalize_variable_values(self, var_list):
        """Keep the weights as they are."""

    def _backend_apply_gradients(self, grads, trainable_variables):
        if mirrored() > 1:
            from tensorflow import distribute

            # Keras sums them over the devices after it has clipped each device's own.
            context = distribute.get_replica_context()
            grads = context.all_reduce(distribute.ReduceOp.SUM, list(grads))
        super()._backend_apply_gradients(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars

    def overwrite_with_average(self, var_list):
        """Set the variables to their averages."""
        super().finalize_variable_values(var_list)


class L2(RawWeights):
    """Mixed into an optimiser: weight decay added to the gradient, as PyTorch does.

    Keras' own `weight_decay` is decoupled from the gradient, so momentum does not accumulate it.
    """

    l2 = 0.0

    def decayed(self, gradient, variable):
        """The gradient of the loss with that of `l2 / 2` times the squared weights."""
        gradient = ops.cast(gradient, variable.dtype)
        return gradient + self.l2 * variable if self.l2 else gradient

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(self.decayed(gradient, variable), variable, learning_rate)


class SGD(L2):
    """`torch.optim.SGD`: v = momentum * v + g; w = w - rate * v, or rate * (g + momentum * v).

    Not `keras.optimizers.SGD`, whose velocity sums steps, each at the rate of its time: after a
    fall of the rate it goes on at the old one for about 1 / (1 - momentum) steps (Goyal et al.,
    2017, "Accurate, Large Minibatch SGD", section 3, remark 2).

    Args:
        momentum: a number in [0, 1), or a schedule over the steps.
        nesterov: whether to look ahead (Sutskever et al., ICML 2013).
        keywords: learning_rate and others of `keras.optimizers.Optimizer`.
    """

    def __init__(self, *, momentum: Any = 0.0, nesterov: bool = False, **keywords: Any):
        super().__init__(**keywords)
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, variables):
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        gradient = self.decayed(gradient, variable)
        momentum = at(self.momentum, self.iterations)
        velocity = self.velocities[self._get_variable_index(variable)]
        moved = momentum * velocity + gradient
        self.assign(velocity, moved)
        step = gradient + momentum * moved if self.nesterov else moved
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)


class AveragedSGD(L2):
    """`torch.optim.ASGD`: the mean of the weights from a step on (Polyak and Juditsky, 1992).

    Step t, from 0, is w = w * (1 - decay * e) - e * g with e = rate / (1 + decay * rate * t) **
    power; the average is the weights themselves until step `start`, and their mean after it.
    Where the learning rate moves, PyTorch uses the one of the step before, and this the present.

    Args:
        decay: PyTorch's `lambd`.
        power: PyTorch's `alpha`.
        start: PyTorch's `t0`, in steps.
        keywords: learning_rate and others of `keras.optimizers.Optimizer`.
    """

    @property
    def averages(self) -> bool:
        return True

    def __init__(self, *, decay: float, power: float, start: int, **keywords: Any):
        super().__init__(**keywords)
        self.decay, self.power, self.start = decay, power, start

    def build(self, variables):
        super().build(variables)
        self.means = self.add_optimizer_variables(variables, "mean")

    def update_step(self, gradient, variable, learning_rate):
        gradient = self.decayed(gradient, variable)
        rate = ops.cast(learning_rate, variable.dtype)
        step = ops.cast(self.iterations, variable.dtype)
        rate = rate / (1.0 + self.decay * rate * step) ** self.power
        weight = variable * (1.0 - self.decay * rate) - rate * gradient
        self.assign(variable, weight)
        mean = self.means[self._get_variable_index(variable)]
        share = 1.0 / ops.maximum(step - float(self.start), 1.0)
        # Not mean + 1 * (weight - mean) before the start: that would not be the weight's bits.
        self.assign(mean, ops.where(share < 1.0, mean + share * (weight - mean), weight))

    def overwrite_with_average(self, var_list):
        """Set the variables to their averages."""
        for variable in var_list:
            variable.assign(self.means[self._get_variable_index(variable)])


class MovingBeta(RawWeights):
    """Mixed into Adam: `beta_1` may be a schedule over the steps, as one-cycle moves it."""

    @property
    def beta_1(self):
        """Of the step that comes."""
        return at(self._beta_1, self.iterations)

    @beta_1.setter
    def beta_1(self, value):
        self._beta_1 = value


class Adam(MovingBeta, L2, keras.optimizers.Adam):
    """`torch.optim.Adam`, also with `amsgrad=True` (Reddi et al., ICLR 2018)."""

    @property
    def epsilon(self):
        """1e-8 beside the corrected second moment; Keras adds its own beside the raw one."""
        step = ops.cast(self.iterations + 1, "float32")
        return 1e-8 * ops.sqrt(1.0 - self.beta_2**step)

    @epsilon.setter
    def epsilon(self, value):
        """Keras sets its own."""


class AdamW(MovingBeta, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`: decoupled weight decay (Loshchilov and Hutter, 2019).

    `torch.optim.AdamW` adds 1e-8 to the corrected second moment's root, and Keras 1e-7 to the raw
    one's, which is up to 32 times smaller in the first steps. PyTorch decays every weight by
    default, and `build_optimizer` spares biases and norms.
    """


class Adadelta(L2, keras.optimizers.Adadelta):
    """`torch.optim.Adadelta` (Zeiler, 2012), with its rho of 0.9 and epsilon of 1e-6."""


class Adagrad(L2):
    """`torch.optim.Adagrad` (Duchi et al., 2011).

    Keras' own begins at a sum of 0.1 instead of 0, and adds its epsilon within the root.
    """

    def build(self, variables):
        super().build(variables)
        self.sums = self.add_optimizer_variables(variables, "sum")

    def update_step(self, gradient, variable, learning_rate):
        gradient = self.decayed(gradient, variable)
        total = self.sums[self._get_variable_index(variable)]
        squares = total + ops.square(gradient)
        self.assign(total, squares)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * gradient / (ops.sqrt(squares) + 1e-10))


def at(value: Any, step):
    """A number, or a schedule's value after so many steps."""
    return value(step) if callable(value) else value


def build_optimizer(recipe: Recipe, network: keras.Model, rate, steps: int = 1 << 30):
    """The recipe's optimiser, built for the network's weights.

    Args:
        recipe: optimizer, momentum, weight_decay, clip_norm, clip_value, ema, average_*.
        network: what it will train.
        rate: what `learning_rate` returns.
        steps: of an epoch. The average of a short run reaches back over a tenth of it at most, or
            it would be mostly the random weights at the start.
    """
    shared = {
        "learning_rate": rate,
        "global_clipnorm": recipe.clip_norm,
        "clipvalue": recipe.clip_value,
        "use_ema": recipe.ema > 0,
        "ema_momentum": max(0.0, min(recipe.ema, 1 - 10 / (recipe.epochs * steps))),
    }
    beta = momentum(recipe, steps)
    variables = network.trainable_variables
    optimizer: Any
    match recipe.optimizer:
        case "sgd" | "nesterov":
            nesterov = recipe.optimizer == "nesterov"
            optimizer = SGD(momentum=beta, nesterov=nesterov, **shared)
        case "averaged_sgd":
            how = (recipe.average_decay, recipe.average_power, recipe.average_start)
            optimizer = AveragedSGD(decay=how[0], power=how[1], start=how[2], **shared)
        case "adam" | "amsgrad":
            optimizer = Adam(beta_1=beta, amsgrad=recipe.optimizer == "amsgrad", **shared)
        case "adadelta":
            optimizer = Adadelta(rho=0.9, epsilon=1e-6, **shared)
        case "adagrad":
            optimizer = Adagrad(**shared)
        case "adamw":
            optimizer = AdamW(beta_1=beta, weight_decay=recipe.weight_decay, **shared)
            optimizer.exclude_from_weight_decay([v for v in variables if len(v.shape) == 1])
    if isinstance(optimizer, L2):
        optimizer.l2 = recipe.weight_decay
    optimizer.build(variables)
    return optimizer
