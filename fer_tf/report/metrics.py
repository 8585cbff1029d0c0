"""Scores of a classifier from its probabilities, with bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fer_tf.errors import FerError
from fer_tf.report.estimates import Estimate, interval
from fer_tf.report.value_scores import Values, ValueScore, score_values

BINS = 15
"""Equal-width confidence bins of the calibration error, as in Guo et al. (2017), section 5."""


@dataclass(frozen=True)
class ClassScore:
    """One class against the rest, each score in 0..1.

    A score whose denominator is zero is 0: precision of a class that was never predicted, recall
    of a class without rows (`support` 0).
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Bin:
    """The rows whose confidence (greatest probability) lies in (low, high].

    `confidence` and `accuracy` are means over its `rows`, and 0 where there are none.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Metrics:
    """How good the predictions of `rows` rows are.

    Attributes:
        rows: how many rows were judged.
        accuracy: share of rows whose most probable class is the label, 0..1.
        top2_accuracy: share of rows whose label is among the two most probable classes, 0..1.
        macro_f1: mean F1 of the classes that have rows, 0..1. A class absent from the rows has
            no F1 to speak of and is left out, but predicting it still costs recall elsewhere.
        kappa: Cohen's kappa, -1..1; 0 where it is undefined (one class in labels and predictions).
        alpha: Krippendorff's alpha of labels and predictions, nominal, -1..1; 0 likewise
            (Krippendorff, "Content Analysis", 2019, chapter 12).
        ece: expected calibration error, 15 equal-width bins, 0..1 (Guo et al., 2017).
        ece_floor: the calibration error that a perfectly calibrated network with these confidences
            is expected to have on so many rows, by chance alone; see `chance_calibration_error`.
        weighted_f1: mean F1 weighted by support, 0..1.
        nll: negative log-likelihood of the labels, mean over rows, in nats.
        classes: the scores of each class, in label order.
        confusion: rows counted by [label][prediction].
        calibration: the bins of `ece`, from low to high confidence.
        values: the scores of each continuous value; () for a task without any.
    """

    rows: int
    accuracy: Estimate
    top2_accuracy: Estimate
    macro_f1: Estimate
    kappa: Estimate
    alpha: Estimate
    ece: Estimate
    ece_floor: float
    weighted_f1: float
    nll: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[Bin, ...]
    values: tuple[ValueScore, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same values as dictionaries, tuples and numbers, ready for `json.dumps`."""
        return asdict(self)


def evaluate(
    labels: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str],
    *,
    values: Values | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Metrics:
    """Score predicted probabilities against labels.

    Args:
        labels: integer [n], the true class of each row, an index into `names`.
        probabilities: float [n, k], each row in 0..1 with sum 1; ties go to the lower class.
        names: the k classes.
        values: of the same rows, where the task has any.
        bootstrap: how often the rows are resampled for the intervals, at least 1.
        seed: of the resampling; the same seed gives the same intervals.

    Raises:
        FerError: shapes, labels, probabilities or values are not as above.
    """
    import krippendorff
    from sklearn import metrics as sk

    labels, probabilities = _checked(labels, probabilities, names, bootstrap)
    k = len(names)
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(k), zero_division=0
    )
    confusion = sk.confusion_matrix(labels, predicted, labels=range(k))
    one_class = confusion.max() == len(labels) and confusion.trace() == len(labels)
    calibration = calibration_bins(labels, probabilities)
    hits = _top2_hits(labels, probabilities)
    point = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "top2_accuracy": hits.mean(),
        "macro_f1": f1[support > 0].mean(),
        "kappa": 0.0 if one_class else sk.cohen_kappa_score(labels, predicted),
        "alpha": 0.0
        if one_class
        else krippendorff.alpha([labels, predicted], level_of_measurement="nominal"),
    }
    samples = resampled_scores(labels, probabilities, bootstrap, seed)
    return Metrics(
        rows=len(labels),
        **{name: interval(float(value), samples[name]) for name, value in point.items()},
        ece=calibration_interval(expected_calibration_error(calibration), samples["ece"]),
        ece_floor=chance_calibration_error(calibration),
        weighted_f1=float(np.average(f1, weights=support)),
        nll=float(sk.log_loss(labels, probabilities, labels=range(k))),
        classes=tuple(
            ClassScore(name, float(p), float(r), float(f), int(n))
            for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        calibration=calibration,
        values=()
        if values is None
        else tuple(score_values(values, bootstrap=bootstrap, seed=seed)),
    )


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[Bin, ...]:
    """Confidence against accuracy in `BINS` equal-width bins (Guo et al., 2017, section 2).

    Args:
        labels: integer [n], in 0..k-1.
        probabilities: float [n, k].
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    which = _bin_of(confidence)
    rows = np.bincount(which, minlength=BINS)
    filled = np.maximum(rows, 1)
    mean_confidence = np.bincount(which, weights=confidence, minlength=BINS) / filled
    accuracy = np.bincount(which, weights=correct, minlength=BINS) / filled
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, int(rows[i]), float(mean_confidence[i]), float(accuracy[i]))
        for i in range(BINS)
    )


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of accuracy from confidence over all rows, 0..1 (Guo et al., 2017, eq. 3)."""
    rows = sum(b.rows for b in bins)
    return sum(b.rows * abs(b.accuracy - b.confidence) for b in bins) / rows


def chance_calibration_error(bins: Sequence[Bin]) -> float:
    """The calibration error that chance alone gives a perfectly calibrated network, 0..1.

    In a bin of n rows with the mean confidence c its correct rows are nearly normal about n c with
    the variance n c (1 - c), and such a number is sqrt(2 / pi) standard deviations away on average.
    An error near it can't be told from none (Vaicenavicius et al., AISTATS 2019, simulate it).
    """
    rows = sum(b.rows for b in bins)
    away = sum(math.sqrt(b.rows * b.confidence * (1 - b.confidence)) for b in bins)
    return math.sqrt(2 / math.pi) * away / rows


def resampled_scores(
    labels: np.ndarray, probabilities: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """The headline scores of rows drawn with replacement, as many as there are.

    Every score but the calibration error and top-2 accuracy is a function of the confusion
    matrix, and the calibration error one of the sum of (correct - confidence) in each bin: so a
    resample is two bincounts, and no score is computed row by row.

    Args:
        labels: integer [n], in 0..k-1.
        probabilities: float [n, k].
        resamples: how many times the rows are drawn.
        seed: of the draws.

    Returns:
        float64 [resamples] for each of accuracy, top2_accuracy, macro_f1, kappa, alpha and ece.
    """
    n, k = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    cell = labels.astype(np.int64) * k + predicted
    confidence = probabilities.max(axis=1)
    gap = (predicted == labels) - confidence
    which = _bin_of(confidence)
    hits = _top2_hits(labels, probabilities)

    rng = np.random.default_rng(seed)
    confusion = np.empty((resamples, k, k))
    top2 = np.empty(resamples)
    gaps = np.empty((resamples, BINS))
    for i in range(resamples):
        rows = rng.integers(0, n, n)
        confusion[i] = np.bincount(cell[rows], minlength=k * k).reshape(k, k)
        gaps[i] = np.bincount(which[rows], weights=gap[rows], minlength=BINS)
        top2[i] = hits[rows].mean()
    return {
        **scores_of_confusion(confusion),
        "top2_accuracy": top2,
        "ece": np.abs(gaps).sum(axis=1) / n,
    }


def scores_of_confusion(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, macro-F1, kappa and alpha of many confusion matrices, defined as in `Metrics`.

    Args:
        confusion: [..., k, k], counts by [label, prediction], each matrix with at least one row.

    Returns:
        float64 [...] for each of accuracy, macro_f1, kappa and alpha.
    """
    total = confusion.sum(axis=(-2, -1))
    actual, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    f1 = 2 * right / np.maximum(actual + predicted, 1)
    observed = right.sum(axis=-1) / total
    by_chance = (actual * predicted).sum(axis=-1) / total**2
    defined = by_chance < 1
    # Both answers of a pair come from one pool, without being put back.
    pool = actual + predicted
    by_pool = (pool * (pool - 1)).sum(axis=-1) / (2 * total * (2 * total - 1))
    different = by_pool < 1
    return {
        "accuracy": observed,
        "macro_f1": f1.sum(axis=-1) / (actual > 0).sum(axis=-1),
        "kappa": np.where(
            defined, (observed - by_chance) / np.where(defined, 1 - by_chance, 1), 0.0
        ),
        "alpha": np.where(different, 1 - (1 - observed) / np.where(different, 1 - by_pool, 1), 0.0),
    }


def calibration_interval(value: float, samples: np.ndarray) -> Estimate:
    """The 95 % basic interval of a bootstrap (Davison & Hinkley, 1997, 5.2), cut at 0 and 1.

    The percentile interval fails here: resampling adds noise to every bin, so a resample's
    calibration error is greater than that of the data by about as much as the data's is greater
    than the truth. The basic interval reflects the resamples at `value` and so subtracts that
    excess. For 3,589 rows of a true error of 0.012 it held the truth in 91 % of 150 simulated
    data sets, the percentile interval in none. Arguments as of `interval`.
    """
    return interval(value, np.clip(2 * value - samples, 0, 1))


def _checked(
    labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], bootstrap: int
) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    k = len(names)
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise FerError(
            f"labels are {labels.dtype} {list(labels.shape)}: expected at least one integer a row"
        )
    if k < 2 or probabilities.shape != (len(labels), k):
        raise FerError(
            f"probabilities are {list(probabilities.shape)}: expected {len(labels)} rows of "
            f"{k} classes ({', '.join(names)}), and two classes at least"
        )
    if labels.min() < 0 or labels.max() >= k:
        row = int(np.flatnonzero((labels < 0) | (labels >= k))[0])
        raise FerError(f"label of row {row} is {labels[row]}: expected 0..{k - 1}")
    total = probabilities.sum(axis=1)
    wrong = ~((probabilities >= 0).all(axis=1) & (np.abs(total - 1) < 1e-3))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FerError(
            f"probabilities of row {row} are {probabilities[row].tolist()}: expected values in "
            "0..1 with sum 1"
        )
    if bootstrap < 1:
        raise FerError(f"bootstrap is {bootstrap}: expected at least 1 resample")
    return labels.astype(np.int64), probabilities / total[:, None]


def _bin_of(confidence: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence, side="left")


def _top2_hits(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return (best == labels[:, None]).any(axis=1)
