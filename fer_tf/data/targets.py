"""What the network is asked to answer for each face."""

from __future__ import annotations

import numpy as np
from keras import ops

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import FER2013, FERPLUS_TO_FER2013


def training_targets(faces: Faces, recipe: Recipe) -> np.ndarray:
    """Targets of the training faces: float32 [n, 7], or [n, 17] with `vote_answer`.

    Each row's first seven are FER2013's label, smoothed, mixed with the face's FERPlus votes
    by `vote_weight`, and multiplied by its class's weight (`class_balance`);
    they sum to that weight, which is 1 on average over the faces. The other ten are the shares of
    FERPlus' votes, and sum to `vote_answer`.

    Raises:
        FerError: the recipe wants votes that the faces don't have.
    """
    if (recipe.vote_weight or recipe.vote_answer) and faces.votes is None:
        raise FerError("the recipe needs the FERPlus votes, which these faces don't have")
    classes = len(FER2013)
    targets = one_hot(faces.labels) * (1 - recipe.label_smoothing)
    targets += recipe.label_smoothing / classes
    if recipe.vote_weight and faces.votes is not None:
        targets += recipe.vote_weight * (vote_shares(faces.votes, targets) - targets)
    targets *= class_weights(faces.labels, recipe.class_balance)[faces.labels][:, None]
    if recipe.vote_answer and faces.votes is not None:
        shares = faces.votes / faces.votes.sum(axis=1, keepdims=True)
        targets = np.concatenate([targets, recipe.vote_answer * shares], axis=1)
    return targets.astype(np.float32)


def mix_targets(targets, answers, share: float):
    """Targets in which `share` is the teachers' answers; a row keeps its sum, its weight.

    Args:
        targets: float32 [n, classes], or wider: what follows stays as it is.
        answers: float32 [n, classes], probabilities.
        share: in [0, 1].
    """
    classes = answers.shape[-1]
    own, more = targets[:, :classes], targets[:, classes:]
    weights = ops.sum(own, axis=-1, keepdims=True)
    return ops.concatenate([(1.0 - share) * own + share * weights * answers, more], axis=-1)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Labels uint8 [n] as float32 [n, 7]."""
    return np.eye(len(FER2013), dtype=np.float32)[labels]


def vote_shares(votes: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """FERPlus votes as shares of FER2013's classes: float32 [n, 7].

    Votes for contempt, unknown and "not a face" have no class here and are left out.

    Args:
        votes: uint8 [n, 10] in the order of `fer_tf.tasks.FERPLUS`.
        otherwise: float32 [n, 7], the rows of faces without any vote for the seven classes.
    """
    counts = np.zeros((len(votes), len(FER2013)), np.float32)
    counts[:, list(FERPLUS_TO_FER2013)] = votes[:, : len(FERPLUS_TO_FER2013)]
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), otherwise)


def class_weights(labels: np.ndarray, balance: float) -> np.ndarray:
    """Weight of each class in the loss, float64 [7]: count ** -balance, mean 1 over the faces."""
    counts = np.bincount(labels, minlength=len(FER2013))
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -balance, 0.0)
    return weights / weights[labels].mean()
