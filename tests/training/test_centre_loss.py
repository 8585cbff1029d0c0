"""The sparse centre loss and the update of its centres, alone and in a training."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from small import flags, last_bits, train
from test_resume import assert_same_end
from tiny import tiny_csv

from fer_tf import create_model
from fer_tf.models.saving import load_model
from fer_tf.tasks import TASKS, Task
from fer_tf.training.centre_loss import RATE, CentreLoss, fitted, moved_centres
from fer_tf.training.losses import TaskLoss

CLASSES, WIDTH, COUNT = 7, 5, 6
RNG = np.random.default_rng(0)
FEATURES, CENTRES, LOGITS = (
    RNG.normal(size=shape).astype(np.float32)
    for shape in ((COUNT, WIDTH), (CLASSES, WIDTH), (COUNT, CLASSES))
)
ATTENTION = RNG.uniform(size=(COUNT, WIDTH)).astype(np.float32)
LABELS = np.array([2, 0, 2, 5, 2, 0])
HARD = np.eye(CLASSES, dtype=np.float32)[LABELS]
SOFT = RNG.dirichlet(np.ones(CLASSES), COUNT).astype(np.float32)


def published_update() -> np.ndarray:
    """As the authors' code has it, one example after the other."""
    counts, gradients = np.ones(CLASSES), np.zeros((CLASSES, WIDTH))
    for feature, attention, label in zip(FEATURES, ATTENTION, LABELS, strict=True):
        counts[label] += 1
        gradients[label] -= attention * (feature - CENTRES[label])
    return CENTRES - 0.5 * gradients / counts[:, None]


def loss_of(task: Task = TASKS["fer2013"]) -> CentreLoss:
    centres = keras.Variable(CENTRES, trainable=False)
    return CentreLoss(TaskLoss(task), centres, 0.01)


def test_the_loss_is_the_published_one_beside_the_cross_entropy():
    """0.01 * sum A (f - c_y)^2 / (2 B), where Keras takes the mean over the batch."""
    rows = np.concatenate([LOGITS, FEATURES, ATTENTION], axis=1)
    each = np.asarray(loss_of()(HARD, rows))
    entropy = np.asarray(TaskLoss(TASKS["fer2013"])(HARD, LOGITS))
    distance = (ATTENTION * (FEATURES - CENTRES[LABELS]) ** 2).sum() / 2 / COUNT
    np.testing.assert_allclose(each.mean(), entropy.mean() + 0.01 * distance, rtol=1e-5)


def test_with_soft_targets_each_centre_counts_by_its_share():
    rows = np.concatenate([LOGITS, FEATURES, ATTENTION], axis=1)
    each = np.asarray(loss_of()(SOFT, rows) - TaskLoss(TASKS["fer2013"])(SOFT, LOGITS))
    expected = [
        sum(SOFT[i, c] * (ATTENTION[i] * (FEATURES[i] - CENTRES[c]) ** 2).sum() for c in range(7))
        for i in range(COUNT)
    ]
    np.testing.assert_allclose(each, 0.01 * np.array(expected) / 2, rtol=1e-3)


def test_the_centres_move_as_the_authors_move_them():
    assert RATE == 0.5
    moved = moved_centres(CENTRES, FEATURES, ATTENTION, HARD)
    np.testing.assert_allclose(moved, published_update(), rtol=1e-5, atol=1e-6)
    untouched = [label for label in range(CLASSES) if label not in LABELS]
    np.testing.assert_array_equal(np.asarray(moved)[untouched], CENTRES[untouched])


def test_a_call_moves_the_centres_once_and_uses_them_as_they_were():
    loss, rows = loss_of(), np.concatenate([LOGITS, FEATURES, ATTENTION], axis=1)
    first = np.asarray(loss(HARD, rows))
    np.testing.assert_allclose(loss.centres, published_update(), rtol=1e-5, atol=1e-6)
    assert np.asarray(loss(HARD, rows)).mean() < first.mean()


def test_values_of_a_task_stand_before_the_features():
    task = Task("two", ("a", "b"), ("valence",))
    targets = np.array([[1, 0, 0.5], [0, 1, -0.5]], np.float32)
    answers = np.array([[2, 1, 0.1], [0, 3, 0.2]], np.float32)
    centres = keras.Variable(np.zeros((2, WIDTH), np.float32), trainable=False)
    rows = np.concatenate([answers, FEATURES[:2], ATTENTION[:2]], axis=1)
    each = np.asarray(CentreLoss(TaskLoss(task), centres, 0.01)(targets, rows))
    distance = (ATTENTION[:2] * FEATURES[:2] ** 2).sum(axis=1) / 2
    expected = np.asarray(TaskLoss(task)(targets, answers)) + 0.01 * distance
    np.testing.assert_allclose(each, expected, rtol=1e-5)


def test_what_is_fitted_has_the_network_s_weights_in_their_order(small_network):
    network = create_model("attentive", input_shape=(32, 32, 3))
    model, _ = fitted(network, TaskLoss(TASKS["fer2013"]), centre_loss=0.01, seed=0)
    ours, theirs = model.trainable_variables, network.trainable_variables
    assert all(variable is known for variable, known in zip(ours, theirs, strict=True))
    assert {tuple(v.shape) for v in model.variables if "centres" in v.path} == {(7, 8)}
    assert not any("centres" in variable.path for variable in network.variables)
    assert fitted(network, "loss", centre_loss=0.0, seed=0) == (network, "loss")


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory) -> Path:
    """80 faces to train on, 12 to validate."""
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv")


@pytest.fixture(params=["tensorflow", "jax"])
def backend(request, monkeypatch):
    pytest.importorskip(request.param)
    monkeypatch.setenv("KERAS_BACKEND", request.param)


@pytest.mark.slow
def test_a_training_that_is_killed_keeps_its_centres(backend, csv_file, tmp_path):
    """Bit for bit, also what is dropped, with mixup and smoothed labels.

    The attention, whose gradient is that of the centre loss alone, is trained; the network that is
    saved has no centres.
    """
    runs = tmp_path / "runs"
    command = flags(csv_file, runs, "--model", "attentive", "--stages", "32 1")
    command += ["--checkpoint-minutes", "0", "--label-smoothing", "0.1"]
    command += ["--mix-probability", "0.5", "--mixup", "0.4"]
    code, _, err = train(*command, "--run", "whole", at={0: "no-report"})
    assert code == 0, err
    assert train(*command, "--run", "killed", at={0: "no-report", 6: "kill"})[0] == -9
    then = last_bits(runs / "killed")
    assert train(*command, "--run", "killed", at={0: "no-report"})[0] == 0
    assert_same_end(runs / "killed", runs / "whole")
    now = last_bits(runs / "killed")
    for part in ("centres", "attention_pairs.kernel"):
        (name,) = (name for name in now if part in name and name.startswith("network"))
        assert now[name] != then[name]
    saved = load_model(runs / "killed" / "best.keras")
    assert saved.output_shape == (None, 7)
    assert not any("centres" in variable.path for variable in saved.variables)
