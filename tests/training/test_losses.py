"""The training loss, by hand."""

from __future__ import annotations

import keras
import numpy as np

from fer_tf.tasks import TASKS, Task
from fer_tf.training.losses import TaskLoss, soft_cross_entropy, squared_error

LOGITS = np.array([[1.0, 2.0, 0.5], [-3.0, 0.0, 40.0]], np.float32)
TARGETS = np.array([[0.2, 0.7, 0.1], [1.5, 0.0, 1.0]], np.float32)
"""The second row's class weight is 2.5."""


def by_hand(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -(TARGETS * np.log(shares)).sum(axis=1)


def test_weighted_soft_targets() -> None:
    loss = keras.ops.convert_to_numpy(soft_cross_entropy(TARGETS, LOGITS))
    assert loss.shape == (2,) and loss.dtype == np.float32
    np.testing.assert_allclose(loss, by_hand(LOGITS), rtol=1e-6)


def test_a_second_answer_has_a_softmax_of_its_own() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4, 17)).astype(np.float32)
    targets = random.dirichlet(np.ones(17), 4).astype(np.float32)
    parts = [
        keras.ops.convert_to_numpy(soft_cross_entropy(targets[:, each], logits[:, each]))
        for each in (np.s_[:7], np.s_[7:14])
    ]
    cut = np.s_[:, :14]
    loss = TaskLoss(TASKS["fer2013"])
    both = keras.ops.convert_to_numpy(loss(targets[cut], logits[cut]))
    np.testing.assert_allclose(both, parts[0] + parts[1], rtol=1e-5)
    right = keras.ops.convert_to_numpy(loss.accuracy(targets, logits))
    expected = targets[:, :7].argmax(axis=1) == logits[:, :7].argmax(axis=1)
    np.testing.assert_array_equal(right, expected)


def test_values_are_weighed_and_left_out_where_there_are_none() -> None:
    loss = TaskLoss(Task("two", ("a", "b"), ("valence", "arousal")), (0.9, 0.05, 0.1))
    targets = np.array([[1, 0, 0.5, np.nan], [0, 1, np.nan, np.nan]], np.float32)
    answers = np.array([[2, 1, -0.5, 0.3], [0, 0, 1, 1]], np.float32)
    found = keras.ops.convert_to_numpy(loss(targets, answers))
    expected = [0.9 * np.log1p(np.exp(-1)) + 0.05, 0.9 * np.log(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_missing_value_has_no_gradient() -> None:
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.set_weights([np.array([[0.25]], np.float32)])
    network.compile(keras.optimizers.SGD(0.5), lambda y, x: squared_error(y[:, 0], x[:, 0]))
    network.train_on_batch(np.ones((2, 1)), np.array([[np.nan], [1.0]], np.float32))
    # Half of -2 (1 - 0.25), the mean over two rows, times the rate.
    np.testing.assert_allclose(network.get_weights()[0], [[0.25 + 0.375]], rtol=1e-6)


def test_gradient_of_weighted_soft_targets() -> None:
    # weight * softmax - target; the mean over the rows halves it.
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    network.set_weights([LOGITS])
    network.compile(keras.optimizers.SGD(1.0), soft_cross_entropy)
    network.train_on_batch(np.eye(2, dtype=np.float32), TARGETS)
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    gradient = TARGETS.sum(axis=1, keepdims=True) * shares - TARGETS
    np.testing.assert_allclose(
        LOGITS - network.get_weights()[0], gradient / 2, rtol=1e-5, atol=1e-6
    )


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits = keras.ops.cast(LOGITS, "float16")
    loss = soft_cross_entropy(TARGETS, logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    np.testing.assert_allclose(keras.ops.convert_to_numpy(loss), by_hand(LOGITS), rtol=1e-6)
