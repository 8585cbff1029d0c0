"""Trained networks side by side: accuracy and mean log loss on PublicTest at several sizes.

    python scripts/measure_runs.py runs/broad runs/broadest --data fer2013.csv [--mean]

One crop. The log loss tells apart networks that are right equally often. With --mean also the
network whose weights are the mean of theirs (Wortsman et al., 2022, "Model soups").
"""

from __future__ import annotations

import argparse

import numpy as np
from _machine import header

import fer_tf
from fer_tf.report.metrics import evaluate
from fer_tf.tasks import FER2013
from fer_tf.trained.inference import predict_logits, softmax
from fer_tf.trained.model import open_trained


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="run folders or .keras files")
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 96, 128, 224])
    parser.add_argument("--mean", action="store_true", help="also the mean of their weights")
    args = parser.parse_args()

    faces = fer_tf.load_faces(args.data).of("PublicTest")
    models = {name: open_trained(name).network() for name in args.runs}
    if args.mean:
        mean = open_trained(args.runs[0]).network()
        weights = zip(*(model.get_weights() for model in models.values()), strict=True)
        mean.set_weights([np.mean(values, axis=0) for values in weights])
        models["the mean of their weights"] = mean
    print(header(), "", sep="\n")
    print("| run |", *(f"{size} px |" for size in args.sizes))
    print("|---|" + "---|" * len(args.sizes))
    for name, model in models.items():
        cells = []
        for size in args.sizes:
            probabilities = softmax(predict_logits(model, faces.images, size=(size, size)))
            scores = evaluate(faces.labels, probabilities, FER2013, bootstrap=1)
            cells.append(f"{scores.accuracy.value:.1%}, {scores.nll:.3f} |")
        print(f"| {name} |", *cells, flush=True)


if __name__ == "__main__":
    main()
