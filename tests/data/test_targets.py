"""What the network is asked to answer, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.data.faces import Faces
from fer_tf.data.targets import (
    class_weights,
    mix_targets,
    one_hot,
    training_targets,
    vote_shares,
)
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.tasks import FER2013, FERPLUS, TASKS, Task
from fer_tf.training.losses import soft_cross_entropy

FER2013_TASK = TASKS["fer2013"]

ANGRY, HAPPY, NEUTRAL = (FER2013.index(name) for name in ("Angry", "Happy", "Neutral"))


def faces_of(labels, votes=None) -> Faces:
    return Faces(
        images=np.zeros((len(labels), 48, 48), np.uint8),
        labels=np.array(labels, np.uint8),
        split=np.zeros(len(labels), np.uint8),
        votes=votes,
    )


def votes_of(**counts: int) -> np.ndarray:
    return np.array([[counts.get(name, 0) for name in FERPLUS]], np.uint8)


def test_plain_targets_are_one_hot():
    targets = training_targets(faces_of([HAPPY, ANGRY]), Recipe())
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, one_hot(np.array([HAPPY, ANGRY]), 7))
    np.testing.assert_array_equal(targets[0], [0, 0, 0, 1, 0, 0, 0])


def test_smoothing_spreads_its_share_evenly():
    targets = training_targets(faces_of([HAPPY]), Recipe(label_smoothing=0.14))
    expected = np.full(7, 0.02)
    expected[HAPPY] = 0.88
    np.testing.assert_allclose(targets[0], expected, rtol=1e-5)


def test_the_second_answer_is_the_shares_of_all_votes():
    faces = faces_of([HAPPY], votes_of(happiness=6, contempt=2, unknown=2))
    recipe = Recipe(votes="votes.csv", vote_answer=0.5)
    targets = training_targets(faces, recipe)
    np.testing.assert_array_equal(targets[:, :7], one_hot(faces.labels, 7))
    expected = 0.05 * votes_of(happiness=6, contempt=2, unknown=2)
    np.testing.assert_allclose(targets[:, 7:], expected, rtol=1e-6)
    answers = np.full((1, 7), 1 / 7, np.float32)
    mixed = np.asarray(mix_targets(targets, answers, 1.0))
    np.testing.assert_allclose(mixed[:, :7], answers, rtol=1e-6)
    np.testing.assert_array_equal(mixed[:, 7:], targets[:, 7:])


def test_votes_go_to_the_class_of_their_name():
    names = {
        "neutral": "Neutral",
        "happiness": "Happy",
        "surprise": "Surprise",
        "sadness": "Sad",
        "anger": "Angry",
        "disgust": "Disgust",
        "fear": "Fear",
    }
    for vote, name in names.items():
        shares = vote_shares(votes_of(**{vote: 10}), np.zeros((1, 7), np.float32), FER2013_TASK)
        np.testing.assert_array_equal(shares[0], np.eye(7)[FER2013.index(name)])


def test_votes_are_shares_without_those_that_have_no_class():
    votes = votes_of(anger=3, neutral=1, contempt=4, unknown=1, NF=1)
    shares = vote_shares(votes, np.zeros((1, 7), np.float32), FER2013_TASK)[0]
    assert shares[ANGRY] == 0.75 and shares[NEUTRAL] == 0.25 and shares.sum() == 1


def test_a_face_without_usable_votes_keeps_its_label():
    faces = faces_of([HAPPY], votes_of(NF=8, contempt=2))
    targets = training_targets(faces, Recipe(votes="fer2013new.csv", vote_weight=1.0))
    np.testing.assert_array_equal(targets[0], one_hot(np.array([HAPPY]), 7)[0])


def test_votes_are_mixed_with_the_smoothed_label():
    faces = faces_of([HAPPY], votes_of(happiness=5, neutral=5))
    recipe = Recipe(votes="fer2013new.csv", vote_weight=0.4, label_smoothing=0.07)
    expected = np.full(7, 0.6 * 0.01)
    expected[HAPPY] = 0.6 * 0.94 + 0.4 * 0.5
    expected[NEUTRAL] += 0.4 * 0.5
    np.testing.assert_allclose(training_targets(faces, recipe)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("share", ["vote_weight", "vote_answer"])
def test_wanting_votes_that_are_not_there_is_refused(share):
    with pytest.raises(FerError, match="votes, which these faces don't have"):
        training_targets(faces_of([HAPPY]), Recipe(votes="v.csv", **{share: 0.5}))


def test_class_balance_by_hand():
    # Four Happy, one Angry. Inverse counts are 1/4 and 1; their mean over the faces is 2/5.
    labels = np.array([HAPPY] * 4 + [ANGRY])
    weights = class_weights(labels, 1.0, 7)
    assert weights[HAPPY] == pytest.approx(0.625) and weights[ANGRY] == pytest.approx(2.5)
    # Inverse roots are 1/2 and 1; their mean is 3/5.
    weights = class_weights(labels, 0.5, 7)
    assert weights[HAPPY] == pytest.approx(5 / 6) and weights[ANGRY] == pytest.approx(5 / 3)
    targets = training_targets(faces_of(labels), Recipe(class_balance=1.0, label_smoothing=0.1))
    np.testing.assert_allclose(targets.sum(axis=1), [0.625] * 4 + [2.5], rtol=1e-5)


def test_given_class_weights_by_hand():
    # Three Happy of weight 1, one Angry of weight 5: the mean over the faces is 2.
    given_weights = (5.0, 9.0, 9.0, 1.0, 9.0, 9.0, 9.0)
    faces = faces_of([HAPPY, HAPPY, ANGRY, HAPPY])
    targets = training_targets(faces, Recipe(class_weights=given_weights))
    np.testing.assert_allclose(targets[:, HAPPY], [0.5, 0.5, 0, 0.5])
    np.testing.assert_allclose(targets[:, ANGRY], [0, 0, 2.5, 0])
    # Over a batch that is all faces, the mean is PyTorch's: weighted losses over their weights.
    logits = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
    losses = -np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    own = losses[np.arange(4), faces.labels]
    weights = np.array(given_weights)[faces.labels]
    ours = np.mean(soft_cross_entropy(targets, logits))
    assert ours == pytest.approx((own * weights).sum() / weights.sum(), rel=1e-5)


def test_a_wrong_number_of_class_weights_is_refused():
    with pytest.raises(FerError, match=r"^class_weights: found 2, expected one for each of Angry,"):
        training_targets(faces_of([HAPPY]), Recipe(class_weights=(1.0, 2.0)))


@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=50), balance=st.floats(0, 1))
def test_class_weights_are_1_on_average_and_absent_classes_have_none(labels, balance):
    labels = np.array(labels)
    weights = class_weights(labels, balance, 7)
    assert weights[labels].mean() == pytest.approx(1)
    assert (weights[np.bincount(labels, minlength=7) == 0] == 0).all()
    if balance == 0:
        np.testing.assert_allclose(weights[labels], 1)


def test_votes_for_contempt_count_where_it_is_a_class():
    votes = votes_of(anger=3, contempt=1, unknown=6)
    shares = vote_shares(votes, np.zeros((1, 8), np.float32), TASKS["ferplus"])[0]
    np.testing.assert_array_equal(shares, [0, 0, 0, 0, 0.75, 0, 0, 0.25])


def test_values_stand_last_and_stay_nan():
    task = Task("own", ("calm", "cross", "glad"), ("valence", "arousal"))
    values = np.array([[0.5, np.nan], [-1, 1]], np.float32)
    faces = dataclasses.replace(faces_of([2, 0]), task=task, values=values)
    targets = training_targets(faces, Recipe())
    np.testing.assert_array_equal(targets[:, :3], np.eye(3)[[2, 0]])
    np.testing.assert_array_equal(targets[:, 3:], values)
    answers = np.array([[0, 1, 0, 1, 1]] * 2, np.float32)
    mixed = np.asarray(mix_targets(targets, answers, 0.25, values=2))
    np.testing.assert_allclose(mixed[:, :3], [[0, 0.25, 0.75], [0.75, 0.25, 0]])
    np.testing.assert_allclose(mixed[:, 3:], [[0.625, 1], [-0.5, 1]])


def test_the_answers_of_teachers_take_their_share():
    targets = np.array([[1, 0], [0, 3]], np.float32)
    answers = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    mixed = np.asarray(mix_targets(targets, answers, 0.5))
    np.testing.assert_allclose(mixed, [[0.625, 0.375], [0.75, 2.25]])
    np.testing.assert_array_equal(mix_targets(targets, answers, 0.0), targets)
