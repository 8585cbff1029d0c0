"""The networks that ship at several sizes, each from one set of weights: how good, how dear.

    python scripts/measure_sizes.py --data fer2013.csv [--sizes 48 64 96 128 224] [--rounds 30]

Prints the table of docs/figures.md. Accuracy, macro-F1, calibration error and mean log loss are of
the float16 weights in Keras on PublicTest, one crop, without a temperature; multiply-adds are
counted in the exported files; latency is LiteRT's for one face on one thread, the median of rounds
in which all of them alternate (`fer_tf.benchmark`).
"""

from __future__ import annotations

import argparse

from _machine import header

import fer_tf
from fer_tf.benchmark import Benchmark, benchmark
from fer_tf.report.metrics import evaluate
from fer_tf.shipped import SHIPPED
from fer_tf.tasks import FER2013
from fer_tf.trained.inference import predict_logits, softmax

FORMS = ("litert-float32", "litert-int8")
COLUMNS = (
    "network",
    "size, px",
    "accuracy",
    "macro-F1",
    "calibration error",
    "log loss",
    "multiply-adds",
    "LiteRT float32, ms",
    "LiteRT int8, ms",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 96, 128, 224])
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()

    asked = Benchmark(
        models=SHIPPED, sizes=tuple(args.sizes), formats=FORMS, threads=(1,), rounds=args.rounds
    )
    costs = {(row.model, row.size, row.format): row for row in benchmark(asked, lambda text: None)}
    faces = fer_tf.load_faces(args.data).of("PublicTest")
    models = {name: fer_tf.load_model(name) for name in SHIPPED}
    print(header(), "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", sep="\n")
    for name, model in models.items():
        for size in args.sizes:
            probabilities = softmax(predict_logits(model, faces.images, size=(size, size)))
            scores = evaluate(faces.labels, probabilities, FER2013, bootstrap=1)
            plain, int8 = (costs[name, size, form] for form in FORMS)
            assert plain.multiply_adds is not None
            print(
                f"| {name} | {size} | {scores.accuracy.value:.1%} | {scores.macro_f1.value:.3f} "
                f"| {scores.ece.value:.1%} | {scores.nll:.3f} "
                f"| {plain.multiply_adds / 1e6:,.0f} M "
                f"| {plain.latency_ms:.2f} | {int8.latency_ms:.2f} |"
            )
    counts = (f"{name} {model.count_params():,}" for name, model in models.items())
    print(f"\nparameters: {', '.join(counts)}; {len(faces):,} faces")


if __name__ == "__main__":
    main()
