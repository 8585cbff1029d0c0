"""How long a person waits for the first answer and for the next, and a video for its drawing.

    python scripts/bench_predict.py [--repeats 10] [--models 224=fer_224_int8.tflite]

The photo is scikit-image's astronaut, 640x480, as JPEG. First answers are of new processes, the
first of which is not counted: it reads the files from disk and compiles them. Next answers are of
one process and in alternating rounds: read, find the face, recognise it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT, header
from PIL import Image
from skimage import data

from fer_tf import FaceAnalyzer
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.results import Box, Face

FRAMES = 200
ROUNDS = 60

LIBRARY = "import sys, fer_tf; assert fer_tf.FaceAnalyzer(detector={!r}).analyze(sys.argv[1])"


def process_seconds(arguments: Sequence[str]) -> float:
    """From starting `python ARGUMENTS` to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def next_milliseconds(photo: Path, analyzers: dict[str, FaceAnalyzer]) -> dict[str, list[float]]:
    """Of analysing the photo again, by model."""
    times: dict[str, list[float]] = {name: [] for name in analyzers}
    for analyzer in analyzers.values():
        analyzer.analyze(photo)
    for _ in range(ROUNDS):
        for name, analyzer in analyzers.items():
            start = time.perf_counter()
            analysis = analyzer.analyze(photo)
            times[name].append(1000 * (time.perf_counter() - start))
            assert len(analysis) == 1
    return times


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


def say(what: str, times: Sequence[float], unit: str, digits: int = 2) -> None:
    """A line with the median, the 95th percentile and the maximum."""
    most = np.percentile(times, 95)
    figures = (statistics.median(times), most, max(times))
    median, p95, longest = (f"{figure:8.{digits}f}" for figure in figures)
    print(f"{what:58}{median}{p95}{longest} {unit}")


def main() -> None:
    """Print medians, 95th percentiles and maxima."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=10, help="new processes (default: 10)")
    parser.add_argument("--detector", default="haar")
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME=FILE")
    args = parser.parse_args()

    pixels = cv2.resize(data.astronaut()[:384], (640, 480), interpolation=cv2.INTER_CUBIC)
    print(header(), "\n")
    print(f"{'detector ' + args.detector:58}  median     p95     max")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(pixels).save(photo, quality=92)
        detector = ["--detector", args.detector]
        command = ["-m", "fer_tf.predict", str(photo), "--out", folder, *detector]
        library = ["-c", LIBRARY.format(args.detector), str(photo)]
        for what, arguments in (
            ("first answer, FaceAnalyzer in a new process", library),
            ("first answer, fer_tf.predict, annotated picture written", command),
        ):
            process_seconds(arguments)
            say(what, [process_seconds(arguments) for _ in range(args.repeats)], "s")
        models = [model.partition("=") for model in args.models]
        analyzers = {"shipped": FaceAnalyzer(detector=args.detector)}
        analyzers |= {name: FaceAnalyzer(path, args.detector) for name, _, path in models}
        for name, times in next_milliseconds(photo, analyzers).items():
            size = "x".join(map(str, analyzers[name].recognizer.size))
            say(f"next answer, {name}, {size} px", times, "ms", 1)
    say(f"drawing a face on 640x480, {FRAMES} frames", drawing_milliseconds(pixels), "ms")


if __name__ == "__main__":
    main()
