"""What the network is asked to answer for each face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import FERPLUS, Task


def training_targets(faces: Faces, recipe: Recipe) -> np.ndarray:
    """Targets of the training faces: float32 [n, classes + votes + values].

    Each row's first numbers, one for each class, are the label, smoothed, mixed with the face's
    FERPlus votes by `vote_weight`, and multiplied by its class's weight (`class_balance`,
    `class_weights`); they sum to that weight, which is 1 on average over all faces. (PyTorch's
    weighted cross-entropy makes it 1 on average over each batch.) With `vote_answer` ten more
    are the shares of FERPlus' votes, and sum to it. The last are the values, NaN where there is
    none.

    Raises:
        FerError: the recipe wants votes that the faces don't have, or has another number of class
            weights than the task has classes.
    """
    if (recipe.vote_weight or recipe.vote_answer) and faces.votes is None:
        raise FerError("the recipe needs the FERPlus votes, which these faces don't have")
    classes = len(faces.task.labels)
    if len(recipe.class_weights) not in (0, classes):
        raise FerError(
            f"class_weights: found {len(recipe.class_weights)}, expected one for each of "
            f"{', '.join(faces.task.labels)}"
        )
    targets = one_hot(faces.labels, classes) * (1 - recipe.label_smoothing)
    targets += recipe.label_smoothing / classes
    if recipe.vote_weight and faces.votes is not None:
        shares = vote_shares(faces.votes, targets, faces.task)
        targets += recipe.vote_weight * (shares - targets)
    weights = class_weights(faces.labels, recipe.class_balance, classes, recipe.class_weights)
    targets *= weights[faces.labels][:, None]
    parts = [targets]
    if recipe.vote_answer and faces.votes is not None:
        shares = faces.votes / faces.votes.sum(axis=1, keepdims=True)
        parts.append(recipe.vote_answer * shares)
    if faces.values is not None:
        parts.append(faces.values)
    return np.concatenate(parts, axis=1).astype(np.float32)


def mix_targets(targets, answers, share: float, *, values: int = 0):
    """Targets in which `share` is the teachers' answers; a row keeps its sum, its weight.

    Args:
        targets: float32 [n, classes + votes + values]; the votes stay as they are.
        answers: float32 [n, classes + values], probabilities and values. Where a face's own value
            is NaN, the teachers' is taken whole.
        share: in [0, 1].
        values: how many of both rows' last numbers are values.
    """
    classes, end = answers.shape[-1] - values, targets.shape[-1] - values
    own, votes = targets[:, :classes], targets[:, classes:end]
    weights = ops.sum(own, axis=-1, keepdims=True)
    parts = [(1.0 - share) * own + share * weights * answers[:, :classes], votes]
    if values:
        mine, theirs = targets[:, end:], answers[:, classes:]
        parts.append(ops.where(ops.isnan(mine), theirs, (1.0 - share) * mine + share * theirs))
    return ops.concatenate(parts, axis=-1)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Labels uint8 [n] as float32 [n, classes]."""
    return np.eye(classes, dtype=np.float32)[labels]


def vote_shares(votes: np.ndarray, otherwise: np.ndarray, task: Task) -> np.ndarray:
    """FERPlus votes as shares of a task's classes: float32 [n, classes].

    Votes for what the task has no class for, such as "not a face", are left out.

    Args:
        votes: uint8 [n, 10] in the order of `fer_tf.tasks.FERPLUS`.
        otherwise: float32 [n, classes], the rows of faces without any vote for a class.
        task: its classes.
    """
    counts = np.zeros(otherwise.shape, np.float32)
    for column, name in enumerate(FERPLUS):
        label = task.index(name)
        if label is not None:
            counts[:, label] += votes[:, column]
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), otherwise)


def class_weights(
    labels: np.ndarray, balance: float, classes: int, given: Sequence[float] = ()
) -> np.ndarray:
    """Weight of each class in the loss, float64 [classes]: 1 on average over the faces.

    They are in proportion to those `given`, or else to count ** -balance.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -balance, 0.0)
    if given:
        weights = np.array(given, np.float64)
    return weights / weights[labels].mean()
