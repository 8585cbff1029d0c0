"""The network that ships at several sizes, from the one set of weights: how good, how dear.

    python scripts/measure_sizes.py --data fer2013.csv [--sizes 48 64 96 128 224] [--rounds 30]

Prints README's table. Accuracy and macro-F1 are of the float16 weights in Keras on PublicTest, one
crop; multiply-adds are counted in the exported files; latency is LiteRT's for one face on one
thread, the median of alternating rounds (`fer_tf.benchmark`).
"""

from __future__ import annotations

import argparse

from _machine import header
from sklearn.metrics import f1_score

import fer_tf
from fer_tf.benchmark import Benchmark, benchmark
from fer_tf.trained.inference import predict_logits

FORMS = ("litert-float32", "litert-int8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 96, 128, 224])
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()

    costs = benchmark(
        Benchmark(
            shipped=True,
            sizes=tuple(args.sizes),
            formats=FORMS,
            threads=(1,),
            rounds=args.rounds,
        ),
        lambda text: None,
    )
    rows = {(row.size, row.format): row for row in costs}
    faces = fer_tf.load_faces(args.data).of("PublicTest")
    model = fer_tf.load_model()
    print(header(), "", sep="\n")
    print(
        "| size, px | accuracy | macro-F1 | multiply-adds | LiteRT float32, ms | LiteRT int8, ms |"
    )
    print("|---|---|---|---|---|---|")
    for size in args.sizes:
        answers = predict_logits(model, faces.images, size=(size, size)).argmax(axis=1)
        accuracy = (answers == faces.labels).mean()
        macro_f1 = f1_score(faces.labels, answers, average="macro")
        plain, int8 = (rows[size, form] for form in FORMS)
        assert plain.multiply_adds is not None
        print(
            f"| {size} | {accuracy:.1%} | {macro_f1:.3f} | {plain.multiply_adds / 1e6:,.0f} M "
            f"| {plain.latency_ms:.2f} | {int8.latency_ms:.2f} |"
        )
    print(f"\n{model.count_params():,} parameters; {len(faces):,} faces")


if __name__ == "__main__":
    main()
