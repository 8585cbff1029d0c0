"""What trained networks know together: each one's accuracy on PublicTest, and their means'.

    python scripts/measure_teachers.py runs/vgg_wide runs/labels --data fer2013.csv

Each at the size at which its run was best, one crop. Teachers whose mean is better than each of
them are worth distilling together; the mean's log loss says how much.
"""

from __future__ import annotations

import argparse
from itertools import combinations

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
    args = parser.parse_args()

    faces = fer_tf.load_faces(args.data).of("PublicTest")
    probabilities = {}
    for name in args.runs:
        trained = open_trained(name)
        model = trained.network()
        size = trained.size()
        probabilities[name] = softmax(predict_logits(model, faces.images, size=size))
        print(f"{name}: {size[0]}x{size[1]} px", flush=True)
    print("", header(), "", "accuracy  log loss", sep="\n")
    for count in range(1, len(probabilities) + 1):
        for names in combinations(probabilities, count):
            mean = np.mean([probabilities[name] for name in names], axis=0)
            scores = evaluate(faces.labels, mean, FER2013, bootstrap=1)
            print(f"{scores.accuracy.value:8.2%}  {scores.nll:8.4f}  {' + '.join(names)}")


if __name__ == "__main__":
    main()
