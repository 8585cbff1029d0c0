"""What FER2013's own class shares bring to a network that was trained on votes (`fit_prior`).

    python scripts/measure_prior.py runs/votes --data fer2013.csv [--size 64]

The shift of the logits is fitted to Training alone; the figures are of PublicTest, one crop.
"""

from __future__ import annotations

import argparse

from _machine import header
from sklearn.metrics import f1_score

import fer_tf
from fer_tf.emotions import FER2013
from fer_tf.evaluate import find, input_size, load, parse_size
from fer_tf.training.inference import predict_logits
from fer_tf.training.priors import fit_shift, spread


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="a run folder or a .keras file")
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument(
        "--size", type=parse_size, help="N or HxW pixels; the run's best if not given"
    )
    args = parser.parse_args()

    target = find(args.run)
    model = load(target)
    size = input_size(target, model, args.size)
    faces = fer_tf.load_faces(args.data)
    training, judged = faces.of("Training"), faces.of("PublicTest")
    rows = spread(len(training))
    known = predict_logits(model, training.images[rows], size=size)
    shift = fit_shift(known, training.labels[rows])
    logits = predict_logits(model, judged.images, size=size)
    print(header(), "", sep="\n")
    shifts = ", ".join(f"{name} {by:+.2f}" for name, by in zip(FER2013, shift, strict=True))
    print(f"shift of the logits: {shifts}")
    for name, values in (("as trained", logits), ("with the shift", logits + shift)):
        answers = values.argmax(axis=1)
        accuracy = (answers == judged.labels).mean()
        macro_f1 = f1_score(judged.labels, answers, average="macro")
        print(f"{name:15} accuracy {accuracy:.2%}  macro-F1 {macro_f1:.3f}")


if __name__ == "__main__":
    main()
