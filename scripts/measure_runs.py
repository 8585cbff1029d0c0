"""Trained networks side by side: accuracy and mean log loss on PublicTest at several sizes.

    python scripts/measure_runs.py runs/broad runs/broadest --data fer2013.csv

One crop. The log loss tells apart networks that are right equally often.
"""

from __future__ import annotations

import argparse

import numpy as np
from _machine import header
from sklearn.metrics import log_loss

import fer_tf
from fer_tf.evaluate import find, load
from fer_tf.training.inference import predict_logits, softmax


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="run folders or .keras files")
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 96, 128, 224])
    args = parser.parse_args()

    faces = fer_tf.load_faces(args.data).of("PublicTest")
    print(header(), "", sep="\n")
    print("| run |", *(f"{size} px |" for size in args.sizes))
    print("|---|" + "---|" * len(args.sizes))
    for name in args.runs:
        model = load(find(name))
        cells = []
        for size in args.sizes:
            logits = predict_logits(model, faces.images, size=(size, size))
            said = softmax(logits.astype(np.float64))
            accuracy = (said.argmax(axis=1) == faces.labels).mean()
            loss = log_loss(faces.labels, said, labels=range(said.shape[1]))
            cells.append(f"{accuracy:.1%}, {loss:.3f} |")
        print(f"| {name} |", *cells, flush=True)


if __name__ == "__main__":
    main()
