"""What counts as the same answers as Keras'."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf.exporting.parity import TOLERANCES, check_parity
from fer_tf.runtimes.graph import Answers


class Fixed:
    """A runner that returns given answers in turn, whatever the faces."""

    name, size, channels, batch = "fixed", (2, 2), 1, None

    def __init__(self, answers: np.ndarray):
        self.answers = answers

    def answer(self, images: np.ndarray) -> Answers:
        return Answers(self.answers[images[:, 0, 0, 0]])


COUNT = 200
FACES = np.zeros((COUNT, 2, 2, 1), np.uint8) + np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
REFERENCE = np.random.default_rng(0).dirichlet(np.ones(7), COUNT).astype(np.float32)
LABELS = REFERENCE.argmax(axis=1)


def swapped(count: int) -> np.ndarray:
    """The reference with the two largest probabilities of the first `count` faces exchanged."""
    answers = REFERENCE.copy()
    order = answers.argsort(axis=1)
    for row in range(count):
        first, second = order[row, -1], order[row, -2]
        answers[row, [first, second]] = answers[row, [second, first]]
    return answers


@pytest.mark.parametrize("precision", TOLERANCES)
def test_equal_answers_pass(precision):
    parity = check_parity(
        Fixed(REFERENCE),
        FACES,
        Answers(REFERENCE),
        precision=precision,
        labels=LABELS,
        whole_split=True,
    )
    assert (parity.failure, parity.difference, parity.agreement) == ("", 0.0, 1.0)
    assert parity.accuracy == parity.keras_accuracy == 1.0
    assert parity.faces == COUNT and parity.milliseconds > 0


@pytest.mark.parametrize("precision", TOLERANCES)
def test_a_nan_fails(precision):
    answers = REFERENCE.copy()
    answers[7, 3] = np.nan
    parity = check_parity(Fixed(answers), FACES, Answers(REFERENCE), precision=precision)
    assert "differs by nan" in parity.failure


@pytest.mark.parametrize("precision", TOLERANCES)
def test_a_difference_beyond_the_tolerance_fails(precision):
    allowed = TOLERANCES[precision].difference
    for factor, fails in ((0.5, False), (1.5, True)):
        answers = REFERENCE.copy()
        answers[3, 0] += factor * allowed
        failure = check_parity(
            Fixed(answers), FACES, Answers(REFERENCE), precision=precision
        ).failure
        assert ("a probability differs by" in failure) is fails


@pytest.mark.parametrize(("precision", "few"), [("float32", 0), ("float16", 2), ("int8", 10)])
def test_too_many_other_classes_fail(precision, few):
    agree = check_parity(Fixed(swapped(few)), FACES, Answers(REFERENCE), precision=precision)
    assert "of the classes agree" not in agree.failure
    assert agree.agreement == 1 - few / COUNT
    disagree = check_parity(Fixed(swapped(few + 1)), FACES, Answers(REFERENCE), precision=precision)
    assert "of the classes agree" in disagree.failure


def test_a_tie_that_rounding_decides_is_no_disagreement():
    reference = np.full((COUNT, 7), 0.1, np.float32)
    reference[:, 0], reference[:, 1] = 0.25001, 0.25
    answers = reference.copy()
    answers[:5, 1] += 2e-5
    parity = check_parity(Fixed(answers), FACES, Answers(reference), precision="float32")
    assert parity.failure == "" and parity.agreement == 1 - 5 / COUNT


def test_accuracy_counts_only_on_a_whole_split():
    common = {"precision": "int8", "labels": LABELS}
    # 3 of 200 faces lost are 1.5 points.
    part = check_parity(Fixed(swapped(3)), FACES, Answers(REFERENCE), **common)
    whole = check_parity(Fixed(swapped(3)), FACES, Answers(REFERENCE), whole_split=True, **common)
    assert "accuracy" not in part.failure
    assert "1.50 points of accuracy lost, allowed 0.5" in whole.failure
    assert whole.accuracy == pytest.approx(1 - 3 / COUNT)
