"""The training loss, by hand."""

from __future__ import annotations

import keras
import numpy as np

from fer_tf.training.losses import accuracy, soft_cross_entropy

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
    both = keras.ops.convert_to_numpy(soft_cross_entropy(targets[cut], logits[cut]))
    np.testing.assert_allclose(both, parts[0] + parts[1], rtol=1e-5)
    right = keras.ops.convert_to_numpy(accuracy(targets, logits))
    expected = targets[:, :7].argmax(axis=1) == logits[:, :7].argmax(axis=1)
    np.testing.assert_array_equal(right, expected)


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
