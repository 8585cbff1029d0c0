"""By which margin YuNet's boxes lose least: answers for pasted faces against the same uncropped.

    python scripts/measure_margins.py --data data/fer2013.csv [--faces 1200]

Each face of a sample of PublicTest is enlarged and pasted into a picture of 640x480 pixels
(scripts/_scenes.py). The found ones, IoU 0.4 or more with the pasted square, are cropped with each
margin and recognised.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from _machine import header
from _scenes import SIZES, scene
from _wider import IOU

from fer_tf.data import load_faces
from fer_tf.errors import FerError
from fer_tf.vision.crops import crop_face
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.recognizer import open_recognizer

MARGINS = (-0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3)


def scores(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Which answers are right, bool [n], and the true class's mean log probability."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return probabilities.argmax(axis=1) == labels, float(np.log(np.maximum(of_truth, 1e-3)).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv")
    parser.add_argument("--faces", type=int, default=1200, help="sample (default: 1200)")
    args = parser.parse_args()
    faces = load_faces(str(args.data)).of("PublicTest")
    chosen = np.random.default_rng(0).permutation(len(faces.images))[: args.faces]
    recognise, detector = open_recognizer(), YunetDetector()
    there, crops = [], []
    for number, index in enumerate(chosen):
        pasted = scene(faces.images[index], number, SIZES[number % len(SIZES)], seed=0)
        found = detector.glance(pasted.image)
        best = max(found, key=lambda each: each.box.iou(pasted.square), default=None)
        if best is None or best.box.iou(pasted.square) < IOU:
            continue
        there.append(index)
        crops.append(
            [crop_face(pasted.image, best, recognise.size, margin=each).pixels for each in MARGINS]
        )
    labels = faces.labels[there]
    right, log = scores(recognise(faces.images[there]), labels)
    print(header(), "\n")
    print(
        f"{len(there)} of {len(chosen)} faces found; uncropped {100 * right.mean():.1f} % right, "
    )
    print(f"mean log probability of the true class {log:.3f}; against that, by margin:")
    print(f"{'margin':>8}{'points':>8}{'error':>7}{'log':>8}")
    for margin, column in zip(MARGINS, zip(*crops, strict=True), strict=True):
        found_right, found_log = scores(recognise(np.stack(column)), labels)
        change = found_right.astype(float) - right
        error = change.std() / len(change) ** 0.5
        told = f"{100 * change.mean():+8.1f}{100 * error:7.1f}{found_log - log:+8.3f}"
        print(f"{margin:+8.2f}{told}")


if __name__ == "__main__":
    try:
        main()
    except FerError as error:
        raise SystemExit(f"measure_margins: {error}") from None
