"""What `--tta flip` brings and costs: faces answered alone, and with their mirror images.

    python scripts/measure_flip.py --data fer2013.csv [--faces 3589] [--rounds 200]

The int8 files that ship answer faces of PublicTest, uncropped and as YuNet's boxes cut them out of
photos of nobody (scripts/_scenes.py). The time is that of the whole way from a photo of 640x480
with one face to its answer, on two threads, both ways in turn.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _machine import header
from _scenes import found_scenes, scene

import fer_tf
from fer_tf.detecting import TTA
from fer_tf.report.metrics import evaluate
from fer_tf.shipped import SHIPPED
from fer_tf.tasks import FER2013


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--faces", type=int, default=3589)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    public = fer_tf.load_faces(args.data).of("PublicTest")
    rows = np.random.default_rng(args.seed).permutation(len(public))[: args.faces]
    faces, labels = public.images[rows], public.labels[rows]
    analyzers = {(name, tta): fer_tf.FaceAnalyzer(name, tta=tta) for name in SHIPPED for tta in TTA}
    crops: dict[str, list[np.ndarray]] = {name: [] for name in SHIPPED}
    kept = []
    detector = analyzers[SHIPPED[0], "none"].detector
    for number, pasted, hit in found_scenes(faces, detector, seed=args.seed):
        kept.append(number)
        for name, cut in crops.items():
            cut.append(analyzers[name, "none"].crop(pasted.image, hit).pixels)
    print(header())
    print(f"\n{len(faces):,} faces of PublicTest, seed {args.seed}; YuNet found {len(kept):,}\n")
    print(
        "| network | tta | uncropped | found and cropped | a photo's time |",
        "|---" * 5 + "|",
        sep="\n",
    )
    picture = scene(faces[kept[0]], kept[0], 160, seed=args.seed).image
    for name in SHIPPED:
        times = timed([analyzers[name, tta] for tta in TTA], picture, args.rounds)
        for tta, seconds in zip(TTA, times, strict=True):
            recognizer = analyzers[name, tta].recognizer
            plain = told(labels, recognizer(faces))
            cropped = told(labels[kept], recognizer(np.array(crops[name])))
            cost = f"{1000 * np.median(seconds):.1f} ms, {np.median(seconds / times[0]):.2f}"
            print(f"| {name} | {tta} | {plain} | {cropped} | {cost} |", flush=True)


def told(labels: np.ndarray, probabilities: np.ndarray) -> str:
    """Accuracy, calibration error and mean log loss."""
    scores = evaluate(labels, probabilities, FER2013, bootstrap=1)
    return f"{scores.accuracy.value:.1%}, {scores.ece.value:.1%}, {scores.nll:.3f}"


def timed(
    analyzers: list[fer_tf.FaceAnalyzer], picture: np.ndarray, rounds: int
) -> list[np.ndarray]:
    """Seconds of each round of each analyzer, in turn, after a first round that does not count."""
    seconds = np.empty((len(analyzers), rounds + 1))
    for turn in range(rounds + 1):
        for number, analyzer in enumerate(analyzers):
            started = time.perf_counter()
            analyzer.analyze(picture)
            seconds[number, turn] = time.perf_counter() - started
    return list(seconds[:, 1:])


if __name__ == "__main__":
    main()
