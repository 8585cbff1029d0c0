import json

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from fer_tf.errors import FerError
from fer_tf.report.metrics import (
    calibration_bins,
    calibration_interval,
    evaluate,
    expected_calibration_error,
    interval,
    resampled_scores,
    scores_of_confusion,
)
from fer_tf.tasks import FER2013

ABC = ("a", "b", "c")
HEADLINES = ("accuracy", "top2_accuracy", "macro_f1", "kappa", "alpha", "ece")


def test_hand_computed():
    labels = np.array([0, 0, 1, 2], np.uint8)
    probabilities = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    m = evaluate(labels, probabilities, ABC)
    assert m.confusion == ((1, 1, 0), (0, 1, 0), (1, 0, 0))
    assert m.accuracy.value == 0.5
    assert m.top2_accuracy.value == 0.75
    # F1: a 2*1/(2+2), b 2*1/(1+2), c 0
    assert m.macro_f1.value == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert m.weighted_f1 == pytest.approx((2 * 1 / 2 + 2 / 3 + 0) / 4)
    # chance agreement (2*2 + 1*2 + 1*0) / 16
    assert m.kappa.value == pytest.approx((0.5 - 0.375) / (1 - 0.375))
    # each confidence in a bin of its own, but the two of 0.6 in (8/15, 9/15]: both wrong
    assert m.ece.value == pytest.approx((0.3 + 0.2 + 2 * 0.6) / 4)
    assert m.nll == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.1]).mean())
    assert [c.support for c in m.classes] == [2, 1, 1]
    assert m.classes[1].precision == 0.5 and m.classes[1].recall == 1.0


def test_equals_sklearn(made_up):
    labels, probabilities = made_up(500, sharpness=1.5)
    predicted = probabilities.argmax(axis=1)
    m = evaluate(labels, probabilities, FER2013)
    assert m.accuracy.value == pytest.approx(sk.accuracy_score(labels, predicted))
    top2 = sk.top_k_accuracy_score(labels, probabilities, k=2, labels=range(7))
    assert m.top2_accuracy.value == pytest.approx(top2)
    assert m.macro_f1.value == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    confidence, correct = probabilities.max(axis=1), predicted == labels
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=15)
    filled = [b for b in m.calibration if b.rows]
    assert [b.accuracy for b in filled] == pytest.approx(list(accuracies))
    assert [b.confidence for b in filled] == pytest.approx(list(confidences), abs=1e-6)


def test_resamples_equal_sklearn_on_the_same_rows(made_up):
    labels, probabilities = made_up(60, seed=3)
    probabilities = probabilities.astype(np.float64)
    samples = resampled_scores(labels, probabilities, 20, seed=5)
    rng = np.random.default_rng(5)
    for i in range(20):
        rows = rng.integers(0, 60, 60)
        y, p = labels[rows], probabilities[rows]
        guess = p.argmax(axis=1)
        top2 = sk.top_k_accuracy_score(y, p, k=2, labels=range(7))
        expected = {
            "accuracy": sk.accuracy_score(y, guess),
            "top2_accuracy": top2,
            "macro_f1": sk.f1_score(y, guess, labels=np.unique(y), average="macro"),
            "kappa": sk.cohen_kappa_score(y, guess),
            "alpha": krippendorff.alpha([y, guess], level_of_measurement="nominal"),
            "ece": expected_calibration_error(calibration_bins(y, p)),
        }
        assert {name: samples[name][i] for name in samples} == pytest.approx(expected)


def test_calibrated_predictions_have_a_small_error_and_sharpened_ones_a_large(made_up):
    calibrated = evaluate(*made_up(3589), FER2013).ece
    overconfident = evaluate(*made_up(3589, sharpness=2.0), FER2013).ece
    assert calibrated.value < 0.03
    assert overconfident.low > 0.12


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_the_floor_is_the_mean_error_of_labels_drawn_from_the_probabilities(made_up, sharpness):
    labels, probabilities = made_up(3589, sharpness=sharpness)
    ends = probabilities.cumsum(axis=1)
    draws = np.random.default_rng(1).uniform(0, ends[:, -1], (100, len(labels)))
    errors = [
        expected_calibration_error(calibration_bins((u[:, None] > ends).sum(axis=1), probabilities))
        for u in draws
    ]
    floor = evaluate(labels, probabilities, FER2013, bootstrap=1).ece_floor
    assert floor == pytest.approx(np.mean(errors), rel=0.05)


def test_intervals_narrow_with_rows_and_repeat_with_the_seed(made_up):
    few, many = (evaluate(*made_up(rows), FER2013) for rows in (100, 10_000))
    for name in HEADLINES:
        a, b = getattr(few, name), getattr(many, name)
        assert b.high - b.low < (a.high - a.low) / 3
    assert evaluate(*made_up(100), FER2013) == few
    assert evaluate(*made_up(100), FER2013, seed=1).kappa != few.kappa


def test_accuracy_interval_is_the_binomial_one(made_up):
    e = evaluate(*made_up(3589), FER2013).accuracy
    half = 1.96 * np.sqrt(e.value * (1 - e.value) / 3589)
    assert e.high - e.value == pytest.approx(half, rel=0.15)
    assert e.value - e.low == pytest.approx(half, rel=0.15)


def test_intervals_hold_the_value():
    assert interval(0.5, np.full(9, 0.7)).low == 0.5
    e = calibration_interval(0.01, np.linspace(0.02, 0.05, 100))
    assert (e.low, e.high) == (0.0, 0.01)


def test_an_absent_class_is_left_out_of_macro_f1_and_warns_nothing(recwarn):
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    m = evaluate(labels, probabilities, ABC)
    assert m.macro_f1.value == pytest.approx((2 / 3 + 1) / 2)
    assert m.classes[2].support == 0 and m.classes[2].recall == 0
    assert not recwarn.list


def test_kappa_of_a_single_class_is_zero(recwarn):
    m = evaluate(np.zeros(5, int), np.tile([0.9, 0.1], (5, 1)), ("a", "b"))
    assert (m.kappa.value, m.kappa.low, m.kappa.high) == (0, 0, 0)
    assert m.accuracy.value == 1
    assert not recwarn.list


def test_perfect_predictions():
    labels = np.arange(70) % 7
    m = evaluate(labels, np.eye(7)[labels], FER2013)
    for name in ("accuracy", "top2_accuracy", "macro_f1", "kappa"):
        e = getattr(m, name)
        assert (e.value, e.low, e.high) == (1, 1, 1)
    assert m.ece.value == m.ece.high == 0
    assert m.nll == pytest.approx(0, abs=1e-12)


def test_goes_through_json(made_up):
    m = evaluate(*made_up(50), FER2013)
    values = json.loads(json.dumps(m.to_dict(), allow_nan=False))
    assert values["accuracy"] == {
        "value": m.accuracy.value,
        "low": m.accuracy.low,
        "high": m.accuracy.high,
    }
    assert values["classes"][3]["name"] == "Happy"
    assert np.sum(values["confusion"]) == 50 == sum(b["rows"] for b in values["calibration"])


rows = st.integers(1, 25)
cells = rows.flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.uint8, n, elements=st.integers(0, 3)),
        hnp.arrays(np.float64, (n, 4), elements=st.floats(0, 1)),
    )
)


def normalised(scores: np.ndarray) -> np.ndarray:
    return (scores + 1e-3) / (scores + 1e-3).sum(axis=1, keepdims=True)


def test_a_calibration_interval_stays_among_shares():
    assert calibration_interval(0.9, np.array([0.1, 0.5])).high == 1
    assert calibration_interval(0.1, np.array([0.3, 0.5])).low == 0


@settings(deadline=None, max_examples=60)
@given(cells, st.randoms(use_true_random=False))
def test_bounds_and_permutation(example, random):
    labels, probabilities = example[0], normalised(example[1])
    m = evaluate(labels, probabilities, "wxyz", bootstrap=20)
    for name in HEADLINES:
        e = getattr(m, name)
        assert (-1 if name in ("kappa", "alpha") else 0) <= e.low <= e.value <= e.high <= 1
    assert m.accuracy.value <= m.top2_accuracy.value
    assert m.rows == sum(map(sum, m.confusion)) == sum(c.support for c in m.classes)

    order = list(range(len(labels)))
    random.shuffle(order)
    shuffled = evaluate(labels[order], probabilities[order], "wxyz", bootstrap=20)
    assert shuffled.confusion == m.confusion and shuffled.classes == m.classes
    for name in HEADLINES:
        assert getattr(shuffled, name).value == pytest.approx(getattr(m, name).value)


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.int64, (4, 4), elements=st.integers(0, 9)).filter(np.any))
def test_scores_of_confusion_equal_sklearn(confusion):
    labels, predicted = np.repeat(np.indices((4, 4)).reshape(2, 16), confusion.ravel(), axis=1)
    ours = scores_of_confusion(confusion)
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    f1 = sk.f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)
    assert ours["macro_f1"] == pytest.approx(f1)
    if len({*labels, *predicted}) > 1:
        assert ours["kappa"] == pytest.approx(sk.cohen_kappa_score(labels, predicted))
        alpha = krippendorff.alpha([labels, predicted], level_of_measurement="nominal")
        assert ours["alpha"] == pytest.approx(alpha)


GOOD = np.full((2, 3), 1 / 3)


@pytest.mark.parametrize(
    ("labels", "probabilities", "names", "says"),
    [
        ([0, 3], GOOD, ABC, "label of row 1 is 3: expected 0..2"),
        ([0, -1], GOOD, ABC, "label of row 1 is -1"),
        ([0.5, 1.0], GOOD, ABC, "integer"),
        ([0], GOOD, ABC, "expected 1 rows of 3 classes"),
        ([0, 1], GOOD, ("a", "b"), "expected 2 rows of 2 classes"),
        ([0, 1], GOOD * 2, ABC, "row 0"),
        ([0, 1], [[0.5, 0.5, 0], [np.nan, 0.5, 0.5]], ABC, "row 1"),
        ([0, 1], [[0.5, 0.5, 0], [1.5, -0.5, 0]], ABC, "row 1"),
        (np.zeros(0, int), np.zeros((0, 3)), ABC, "at least one"),
    ],
)
def test_refuses(labels, probabilities, names, says):
    with pytest.raises(FerError, match=says):
        evaluate(np.array(labels), np.array(probabilities), names)
