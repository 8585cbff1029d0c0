"""What FER2013's own class shares bring to networks that learnt from other targets (`fit_prior`).

    python scripts/measure_prior.py runs/votes runs/broad --data fer2013.csv [--size 64]

The shift of the logits is fitted to Training alone, at the size at which PublicTest is measured,
one crop. A run that has a shift already is given a second one.
"""

from __future__ import annotations

import argparse

from _machine import header

import fer_tf
from fer_tf.report.metrics import evaluate
from fer_tf.tasks import FER2013
from fer_tf.trained.inference import predict_logits, softmax
from fer_tf.trained.model import open_trained, parse_size
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
        trained = open_trained(name)
        model = trained.network()
        size = trained.size(args.size)
        known = predict_logits(model, training.images[rows], size=size)
        shift = fit_shift(known, training.labels[rows])
        logits = predict_logits(model, judged.images, size=size)
        print(f"\n{name}, {size[0]}x{size[1]} px")
        shifts = ", ".join(f"{label} {by:+.2f}" for label, by in zip(FER2013, shift, strict=True))
        print(f"shift of the logits: {shifts}")
        for what, values in (("as trained", logits), ("with the shift", logits + shift)):
            scores = evaluate(judged.labels, softmax(values), FER2013, bootstrap=1)
            print(
                f"{what:15} accuracy {scores.accuracy.value:.2%}  "
                f"macro-F1 {scores.macro_f1.value:.3f}  log loss {scores.nll:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
