"""How long a person waits for the first answer of `fer_tf.predict`, and a video for its drawing.

    python scripts/bench_predict.py [--repeats 10]

The photo is scikit-image's astronaut at 640x480. The first run is not counted: it reads the
files from disk and compiles them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT, header
from PIL import Image
from skimage import data

from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.results import Box, Face

FRAMES = 200


def first_answer_seconds(photo: Path) -> float:
    """From starting `python -m fer_tf.predict PHOTO` to its end, the picture written."""
    command = [sys.executable, "-m", "fer_tf.predict", str(photo), "--out", str(photo.parent)]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def drawing_milliseconds(photo: np.ndarray) -> list[float]:
    """Of box, label and bars around one face, whose place and answer change with each frame."""
    rng = np.random.default_rng(0)
    times = []
    for index in range(FRAMES):
        shares = tuple(rng.dirichlet(np.ones(7)).tolist())
        face = Face(Box(200 + index % 50, 90 + index % 30, 125, 125), 1.0, shares)
        start = time.perf_counter()
        draw_faces(photo, [face], tracks=[1])
        times.append(1000 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Print medians and maxima."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=10, help="new processes (default: 10)")
    repeats = parser.parse_args().repeats

    pixels = cv2.resize(data.astronaut()[:384], (640, 480), interpolation=cv2.INTER_CUBIC)
    print(header(), "\n")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        Image.fromarray(pixels).save(photo)
        first_answer_seconds(photo)
        waits = [first_answer_seconds(photo) for _ in range(repeats)]
    median, most = statistics.median(waits), max(waits)
    print(f"first answer of a new process, 640x480: median {median:.2f} s, max {most:.2f} s")
    draws = drawing_milliseconds(pixels)
    median, most = statistics.median(draws), max(draws)
    print(f"drawing a face on 640x480, {FRAMES} frames: median {median:.2f} ms, max {most:.2f} ms")


if __name__ == "__main__":
    main()
