"""Scores of continuous answers, such as valence and arousal, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_tf.errors import FerError
from fer_tf.report.estimates import Estimate, interval


@dataclass(frozen=True, eq=False)
class Values:
    """Continuous values of faces, and what a network estimates.

    Attributes:
        names: of the k values.
        true: float [n, k] in [-1, 1], NaN where a face has none.
        estimated: float [n, k].
        class_means: float [n, k], the mean values of each face's class, which its estimates are
            compared with; or None.
    """

    names: Sequence[str]
    true: np.ndarray
    estimated: np.ndarray
    class_means: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.true), len(self.names))
        guesses = self.estimated if self.class_means is None else self.class_means
        if not self.true.shape == self.estimated.shape == guesses.shape == shape:
            raise FerError(
                f"values are {list(self.true.shape)} and {list(self.estimated.shape)}: expected "
                f"as many rows, and columns {', '.join(self.names)}"
            )


@dataclass(frozen=True)
class ValueScore:
    """How good the estimates of one value are, over the faces that have it.

    Attributes:
        name: of the value.
        rows: how many faces have it.
        rmse: root-mean-square error, from 0, in the value's unit.
        mae: mean absolute error, from 0, in the value's unit.
        pearson: correlation, -1..1; 0 where one of both is constant.
        ccc: concordance correlation, -1..1 (Lin, Biometrics 1989): 1 where all are equal.
        sagr: share of faces whose signs agree, 0..1 (Nicolaou et al., IEEE TAC 2011, section 5).
        class_mean_ccc: what the mean of each face's true class would reach as its estimate, where
            that is known: how much of a value the class tells. A constant's is 0.
    """

    name: str
    rows: int
    rmse: Estimate
    mae: Estimate
    pearson: Estimate
    ccc: Estimate
    sagr: Estimate
    class_mean_ccc: float | None = None


def score_values(values: Values, *, bootstrap: int = 1000, seed: int = 0) -> list[ValueScore]:
    """Score each value, with 95 % bootstrap intervals over faces.

    Args:
        values: at least two faces have each of them.
        bootstrap: how often the rows are resampled.
        seed: of the resampling.

    Raises:
        FerError: fewer than two faces have a value, or an estimate is NaN.
    """
    if not np.isfinite(values.estimated).all():
        raise FerError("an estimated value is NaN or infinite: expected finite numbers")
    scores = []
    for i, name in enumerate(values.names):
        known = np.isfinite(values.true[:, i])
        rows = int(known.sum())
        if rows < 2:
            raise FerError(f"{rows} of the faces have a {name}: expected two at least")
        moments = _moments(values.true[known, i], values.estimated[known, i])
        rng = np.random.default_rng(seed)
        drawn = [moments[rng.integers(0, rows, rows)].mean(axis=0) for _ in range(bootstrap)]
        point, samples = _scores(moments.mean(axis=0)), _scores(np.array(drawn))
        estimates = {key: interval(float(each), samples[key]) for key, each in point.items()}
        class_mean = None
        if values.class_means is not None:
            guessed = _moments(values.true[known, i], values.class_means[known, i])
            class_mean = float(_scores(guessed.mean(axis=0))["ccc"])
        scores.append(ValueScore(name, rows, **estimates, class_mean_ccc=class_mean))
    return scores


def _moments(true: np.ndarray, estimated: np.ndarray) -> np.ndarray:
    """Per face, what the scores are functions of the means of: float64 [n, 7]."""
    x, y = true.astype(np.float64), estimated.astype(np.float64)
    columns = (x, y, x * x, y * y, x * y, np.abs(x - y), np.sign(x) == np.sign(y))
    return np.stack(columns, axis=1, dtype=np.float64)


def _scores(means: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of the means of `_moments`, float64 [..., 7]."""
    x, y, xx, yy, xy, distance, agreement = np.moveaxis(means, -1, 0)
    # Rounding leaves a constant a variance of about 1e-17.
    var_x, var_y = (np.where(v > 1e-12, v, 0.0) for v in (xx - x * x, yy - y * y))
    covariance = np.where((var_x > 0) & (var_y > 0), xy - x * y, 0.0)
    deviations = np.sqrt(var_x * var_y)
    spread = var_x + var_y + (x - y) ** 2
    return {
        "rmse": np.sqrt(np.maximum(xx - 2 * xy + yy, 0)),
        "mae": distance,
        "pearson": np.clip(covariance / np.where(deviations > 0, deviations, 1), -1, 1),
        "ccc": 2 * covariance / np.where(spread > 0, spread, 1),
        "sagr": agreement,
    }
