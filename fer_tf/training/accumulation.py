"""Gradient accumulation: a step looks at its batch in parts, and moves the weights once.

It needs the memory of a part and gives the gradient of the whole batch, to rounding. Augmentation
and mixing come before, for the whole batch. What a layer does across a batch it does across a part:
batch normalisation takes its statistics there, and dropping draws anew for each part.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops


def accumulate(model: keras.Model, parts: int) -> None:
    """Let `fit` divide each batch of a model into so many equal parts, one after the other.

    Part k is every `parts`-th example from the kth on, so that of a batch that lies on several
    devices, each holds an equal share of each part.

    Args:
        model: from examples to answers. With JAX it may have a function `prepared`, which is
            called on the whole batch before that is divided (`fer_tf.data.device.AugmentedModel`).
        parts: divides the number of examples in a batch.
    """
    on_tensorflow = keras.backend.backend() == "tensorflow"
    step = _step_on_tensorflow if on_tensorflow else _step_on_jax
    setattr(model, "train_step", partial(step, model, parts))  # noqa: B010


def _step_on_tensorflow(model: Any, parts: int, data: Any) -> dict[str, Any]:
    """A training step: the metrics' values."""
    import tensorflow as tf

    variables, sums = model.trainable_variables, None
    for part in range(parts):
        x, y = tf.nest.map_structure(lambda each, first=part: each[first::parts], data)
        # One after the other: side by side, they would take the memory of the whole batch.
        with tf.control_dependencies(sums or []):
            with tf.GradientTape() as tape:
                answers = model(x, training=True)
                loss = model.compute_loss(x, y, answers, training=True)
                scaled = model.optimizer.scale_loss(loss / parts)
            gradients = tape.gradient(scaled, variables)
            sums = gradients if sums is None else list(map(tf.add, sums, gradients))
            # Keras divides the loss by the devices, whose gradients it sums.
            loss *= tf.distribute.get_strategy().num_replicas_in_sync
            _loss_tracker(model).update_state(loss, sample_weight=tf.shape(y)[0])
            logs = model.compute_metrics(x, y, answers)
    model.optimizer.apply_gradients(zip(sums or [], variables, strict=True))
    return logs


def _step_on_jax(model: Any, parts: int, state: Any, data: Any) -> tuple[dict[str, Any], Any]:
    """A training step: the metrics' values, and the state of the variables after it."""
    import jax

    trainable, fixed, optimizer, metrics = state
    x, y = data
    if hasattr(model, "prepared"):
        values = zip(model.non_trainable_variables, fixed, strict=True)
        with keras.StatelessScope(state_mapping=values):
            x = model.prepared(x)
    differentiate = jax.grad(model.compute_loss_and_updates, has_aux=True)

    def add(carry, part):
        sums, fixed, metrics = carry
        x, y = part
        gradients, (loss, answers, fixed, metrics) = differentiate(
            trainable, fixed, metrics, x, y, None, training=True, optimizer_variables=optimizer
        )
        values = zip(model.metrics_variables, metrics, strict=True)
        with keras.StatelessScope(state_mapping=values) as scope:
            _loss_tracker(model).update_state(loss, sample_weight=len(y))
            logs = model.compute_metrics(x, y, answers)
        metrics = [scope.get_current_value(each) for each in model.metrics_variables]
        return (list(map(ops.add, sums, gradients)), fixed, metrics), logs

    def divided(each):
        return ops.swapaxes(ops.reshape(each, (-1, parts, *each.shape[1:])), 0, 1)

    zeros = [ops.zeros_like(each) for each in trainable]
    divided_data = jax.tree.map(divided, (x, y))
    (sums, fixed, metrics), logs = jax.lax.scan(add, (zeros, fixed, metrics), divided_data)
    gradients = [each / parts for each in sums]
    trainable, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trainable)
    last = {name: each[-1] for name, each in logs.items()}
    return last, (trainable, fixed, optimizer, metrics)


def _loss_tracker(model: keras.Model) -> keras.Metric:
    """The mean of the loss over an epoch, which `fit` shows."""
    return next(metric for metric in model.metrics if metric.name == "loss")
