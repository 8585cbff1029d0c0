"""What numbers for each class, fitted to a network's logits, bring on PublicTest, one crop.

    python scripts/measure_prior.py runs/votes runs/broad --data fer2013.csv [--size 64]

- The shift of the logits to FER2013's own class shares (`fit_prior`), for networks that learnt from
  other targets, is fitted to Training alone. A run that has a shift already is given a second one.
- Temperature and vector scaling (Guo et al., ICML 2017, section 4.2: a factor and a shift for each
  class) are fitted to four fifths of PublicTest and judged by the others, for each fifth in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from _machine import header
from scipy.optimize import minimize

import fer_tf
from fer_tf.report.metrics import evaluate
from fer_tf.runtimes.calibration import fit_temperature
from fer_tf.tasks import FER2013
from fer_tf.trained.inference import predict_logits, softmax
from fer_tf.trained.model import open_trained, parse_size
from fer_tf.training.priors import fit_shift, spread

FOLDS = 5


def fit_vector(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The most probable factors, which come first, and shifts: float64 [2 classes]."""
    rows, classes = np.arange(len(labels)), logits.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        errors = softmax(logits * values[:classes] + values[classes:])
        likelihood = float(np.log(errors[rows, labels]).mean())
        errors[rows, labels] -= 1.0
        return -likelihood, np.append((errors * logits).mean(axis=0), errors.mean(axis=0))

    return minimize(loss, np.repeat([1.0, 0.0], classes), jac=True).x


def fit_factor(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same for temperature scaling, whose factors are all the same and whose shifts are 0."""
    classes = logits.shape[1]
    return np.repeat([1 / fit_temperature(softmax(logits), labels), 0.0], classes)


def cross_fitted(
    fit: Callable[[np.ndarray, np.ndarray], np.ndarray], logits: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Each fold's logits, scaled as fits the other folds best."""
    classes, scaled = logits.shape[1], np.empty_like(logits)
    for fold in np.array_split(np.random.default_rng(0).permutation(len(labels)), FOLDS):
        others = np.setdiff1d(np.arange(len(labels)), fold)
        values = fit(logits[others], labels[others])
        scaled[fold] = logits[fold] * values[:classes] + values[classes:]
    return scaled


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="run folders or .keras files")
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument(
        "--size", type=parse_size, help="N or HxW pixels; the run's best if not given"
    )
    args = parser.parse_args()

    faces = fer_tf.load_faces(args.data)
    training, judged = faces.of("Training"), faces.of("PublicTest")
    rows = spread(len(training))
    print(header())
    for name in args.runs:
        trained = open_trained(name)
        model = trained.network()
        size = trained.size(args.size)
        known = predict_logits(model, training.images[rows], size=size)
        shift = fit_shift(known, training.labels[rows])
        logits = predict_logits(model, judged.images, size=size).astype(np.float64)
        print(f"\n{name}, {size[0]}x{size[1]} px")
        shifts = ", ".join(f"{label} {by:+.2f}" for label, by in zip(FER2013, shift, strict=True))
        print(f"shift of the logits: {shifts}")
        for what, values in (
            ("as trained", logits),
            ("with the shift", logits + shift),
            ("temperature", cross_fitted(fit_factor, logits, judged.labels)),
            ("vector scaling", cross_fitted(fit_vector, logits, judged.labels)),
        ):
            scores = evaluate(judged.labels, softmax(values), FER2013, bootstrap=1)
            print(
                f"{what:15} accuracy {scores.accuracy.value:.2%}  "
                f"macro-F1 {scores.macro_f1.value:.3f}  log loss {scores.nll:.4f}  "
                f"calibration error {scores.ece.value:.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
