"""What scoring costs: the r, e, S, m and b of the formula in docs/scale.md.

    python scripts/measure_scoring.py [--pictures 5000] [--part 250] [--workers 1 2] [--rounds 3]

Drawn faces of 64 and of 128 pixels are put into pictures of 640x480 that show nobody else
(scripts/_scenes.py), and written as JPEG. A plain loop over `analyze_batch`, on one thread, and
`fer-tf score` with each number of workers take turns on the same files. Of the command, the parts
after each worker's first are timed, so that its start, which is told by itself, is not among them.

The stages are timed one after the other on one thread: reading a file, decoding it, finding the
faces, cropping and recognising them, and making rows and the Parquet file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _machine import header
from _scenes import scene
from prove_scoring import workers_below

from fer_tf.data.synthetic import draw_dataset
from fer_tf.pictures.images import read_image
from fer_tf.score import Score, job_of
from fer_tf.scoring.input_lists import InputList, find_entries
from fer_tf.scoring.part_scores import BATCH, PartTally
from fer_tf.scoring.places import place_of, read_whole, write_whole
from fer_tf.scoring.ray_parts import run_parts
from fer_tf.scoring.score_jobs import ScoreJob, enter
from fer_tf.scoring.score_table import answer_rows, to_parquet, to_table
from fer_tf.vision.analyzer import FaceAnalyzer
from fer_tf.vision.results import Analysis

SIZES = (64, 128)
"""Sides of the faces, in pixels."""

ARCHIVE = 10**8
"""Pictures that the formula is printed for."""

LOOP = """
import sys, time
from pathlib import Path
import cv2
from fer_tf import FaceAnalyzer
cv2.setNumThreads(1)
analyzer = FaceAnalyzer(threads=1)
files = sorted(Path(sys.argv[1]).iterdir())
size = int(sys.argv[2])
analyzer.analyze_batch(files[:size])
start, faces = time.perf_counter(), 0
for first in range(0, len(files), size):
    faces += sum(map(len, analyzer.analyze_batch(files[first : first + size])))
print(time.perf_counter() - start, faces)
"""


def draw(folder: Path, count: int, size: int) -> None:
    """Write the pictures."""
    folder.mkdir(parents=True)
    for start in range(0, count, 1000):
        faces = draw_dataset(min(1000, count - start), start)
        for number, face in enumerate(faces.images, start):
            image = scene(face, number, size, seed=0).image
            cv2.imwrite(str(folder / f"{number:06}.jpg"), image[..., ::-1])


def plain_rate(folder: Path) -> tuple[float, int]:
    """Pictures a second of the plain loop, and the faces in all of them."""
    done = subprocess.run(
        [sys.executable, "-c", LOOP, str(folder), str(BATCH)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, faces = done.stdout.split()
    return sum(1 for _ in folder.iterdir()) / float(seconds), int(faces)


def job_for(folder: Path, out: Path, part: int) -> ScoreJob:
    """The command's job, with its list."""
    job = job_of(Score(str(folder), str(out), part=part))
    enter(job)
    InputList(job.place).add(find_entries(job.source, None), job.part)
    return job


def command_rate(job: ScoreJob, workers: int) -> tuple[float, float, int]:
    """Pictures a second of warm workers, the seconds of their start, and the most bytes of one."""
    ends: list[float] = []
    peak = 0

    def done(_: PartTally) -> None:
        nonlocal peak
        ends.append(time.perf_counter())
        peak = max([peak, *map(peak_memory, workers_below(os.getpid(), b"ray::"))])

    start = time.perf_counter()
    missing = job.missing(InputList(job.place))
    run_parts(job, missing, workers=workers, address=None, done=done, say=print)
    rate = (len(ends) - workers) * job.part / (ends[-1] - ends[workers - 1])
    return rate, ends[0] - start - job.part * workers / rate, peak


def peak_memory(process: int) -> int:
    """Bytes that a process held at most; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return max([0, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))])


def stages(folder: Path, out: Path, count: int) -> dict[str, float]:
    """Milliseconds a picture of each stage."""
    analyzer = FaceAnalyzer(threads=1)
    job = job_for(folder, out, count)
    spent: dict[str, float] = defaultdict(float)

    def timed(stage: str, work: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        answer = work(*arguments)
        spent[stage] += 1000 * (time.perf_counter() - start) / count
        return answer

    def crops(picture: np.ndarray, found: Any) -> np.ndarray:
        return np.array([analyzer.crop(picture, face).pixels for face in found], np.uint8)

    rows = []
    for file in sorted(folder.iterdir())[:count]:
        data = timed("read", read_whole, place_of(str(file)))
        picture = timed("decode", read_image, data)
        found = timed("detect", analyzer.detect, picture)
        faces = timed("recognise", crops, picture, found)
        timed("recognise", analyzer.recognizer.answer, faces)
        (answer,) = analyzer.recognize([picture], [found])
        rows += timed("write", answer_rows, Analysis(answer, source=str(file)))
    table = timed("write", to_table, rows, job.schema)
    whole = timed("write", to_parquet, [table], job.schema, job.about)
    timed("write", write_whole, place_of(str(out / "stages.parquet")), whole)
    return dict(spent)


def stored(out: Path) -> int:
    """Bytes of a folder's files."""
    return sum(file.stat().st_size for file in out.rglob("*") if file.is_file())


def main() -> None:
    """Print a table for each size of faces, the stages, and the formula."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--part", type=int, default=250, help="pictures in a part")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.pictures < 2 * args.part * max(args.workers):
        parser.error("--pictures: expected two parts a worker, or more")
    cv2.setNumThreads(1)
    print(header(), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            measure(Path(folder) / str(size), size, args)


def measure(root: Path, size: int, args: argparse.Namespace) -> None:
    """Print all of one size."""
    photos = root / "photos"
    draw(photos, args.pictures, size)
    plain: list[float] = []
    runs: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    faces = kept = 0
    for turn in range(args.rounds):
        rate, faces = plain_rate(photos)
        plain.append(rate)
        for workers in args.workers:
            out = root / f"out-{workers}-{turn}"
            runs[workers].append(command_rate(job_for(photos, out, args.part), workers))
            kept = stored(out)
    r, b = statistics.median(plain), kept / args.pictures
    share = faces / args.pictures
    print(f"faces of {size} px: {args.pictures:,} pictures, {faces:,} faces")
    print(f"  plain loop: {r:.1f} pictures a second and core, {r * share:.1f} faces")
    for workers, each in runs.items():
        ratio = statistics.median(
            rate / workers / loop for (rate, *_), loop in zip(each, plain, strict=True)
        )
        start = statistics.median(start for _, start, _ in each)
        m = max(memory for *_, memory in each)
        hours = ARCHIVE / (3600 * r * ratio)
        print(
            f"  {workers} x score: {ratio * r:.1f} pictures a second and core, "
            f"{ratio * r * share:.1f} faces; e = {ratio:.3f}, S = {start:.1f} s, "
            f"m = {m / 1e6:.0f} MB; {ARCHIVE:,} pictures: {hours:,.0f} core-hours"
        )
    print(f"  b = {b:.0f} bytes a picture; {ARCHIVE:,} pictures: {ARCHIVE * b / 1e9:,.1f} GB")
    spent = stages(photos, root / "stages", min(args.pictures, 500))
    parts = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in spent.items())
    print(f"  milliseconds a picture by stage: {parts}\n", flush=True)


if __name__ == "__main__":
    main()
