"""What FER2013's own class shares bring to networks that learnt from other targets (`fit_prior`).

    python scripts/measure_prior.py runs/votes runs/broad --data fer2013.csv [--size 64]

The shift of the logits is fitted to Training alone, at the size at which PublicTest is measured,
one crop. A run that has a shift already is given a second one.
"""

from __future__ import annotations

import argparse

import numpy as np
from _machine import header
from sklearn.metrics import f1_score, log_loss

import fer_tf
from fer_tf.emotions import FER2013
from fer_tf.evaluate import find, input_size, load, parse_size
from fer_tf.training.inference import predict_logits, softmax
from fer_tf.training.priors import fit_shift, spread


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
        target = find(name)
        model = load(target)
        size = input_size(target, model, args.size)
        known = predict_logits(model, training.images[rows], size=size)
        shift = fit_shift(known, training.labels[rows])
        logits = predict_logits(model, judged.images, size=size)
        print(f"\n{name}, {size[0]}x{size[1]} px")
        shifts = ", ".join(f"{label} {by:+.2f}" for label, by in zip(FER2013, shift, strict=True))
        print(f"shift of the logits: {shifts}")
        for what, values in (("as trained", logits), ("with the shift", logits + shift)):
            said = softmax(values.astype(np.float64))
            answers = said.argmax(axis=1)
            accuracy = (answers == judged.labels).mean()
            macro_f1 = f1_score(judged.labels, answers, average="macro")
            loss = log_loss(judged.labels, said, labels=range(said.shape[1]))
            print(
                f"{what:15} accuracy {accuracy:.2%}  macro-F1 {macro_f1:.3f}  log loss {loss:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
