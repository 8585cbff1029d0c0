"""What scoring costs: the r, e, S, m and b of the formula in docs/scale.md.

    python scripts/measure_scoring.py [--pictures 5000] [--part 250] [--workers 1 2] [--rounds 1]

Drawn faces of 64 and of 128 pixels are put into pictures of 640x480 that show nobody else
(scripts/_scenes.py), and written as JPEG. `fer-tf score` with each number of workers is compared
with as many plain loops over `analyze_batch`, all running at the same time on files of their own,
so that both share the cores, their caches and their clock alike. A worker computes with one thread,
and gives way to other programs by Ray's niceness of 15; so does a loop. The loops run before and
after the command, whose rate is divided by the mean of both. Of the command, the parts from each
worker's first to the first worker's last are timed: its start is told by itself, and no worker is
without work.

With the defaults it takes about ten minutes on two cores.

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
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from _machine import header
from _scenes import scene
from prove_scoring import workers_below

from fer_tf.benchmarking.first_answer import peak_bytes
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

LOOKED_AT = 500
"""Pictures of each plain loop, before and after."""

ARCHIVE = 10**8
"""Pictures that the formula is printed for."""

LOOP = """
import os, sys, time
from pathlib import Path
import cv2
from fer_tf import FaceAnalyzer
cv2.setNumThreads(1)
os.nice(int(os.environ.get("RAY_worker_niceness", 15)))
analyzer = FaceAnalyzer(threads=1)
folder, size, first, last = sys.argv[1], *map(int, sys.argv[2:])
files = sorted(Path(folder).iterdir())[first:last]
analyzer.analyze_batch(files[:size])
print("warm", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for first in range(0, len(files), size):
    analyzer.analyze_batch(files[first : first + size])
print(time.perf_counter() - start)
"""


def draw(folder: Path, count: int, size: int) -> None:
    """Write the pictures."""
    folder.mkdir(parents=True)
    starts = range(0, count, 250)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        work = partial(draw_some, folder, size)
        list(pool.map(work, starts, [min(250, count - start) for start in starts]))


def draw_some(folder: Path, size: int, start: int, count: int) -> None:
    """Write those from a number on."""
    cv2.setNumThreads(1)
    for number, face in enumerate(draw_dataset(count, start).images, start):
        image = scene(face, number, size, seed=0).image
        cv2.imwrite(str(folder / f"{number:06}.jpg"), image[..., ::-1])


def plain_rate(folder: Path, loops: int, count: int) -> float:
    """Pictures a second of each of so many loops that run at the same time, over `count` each."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, str(folder), *map(str, (BATCH, first, first + count))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as Ray gives it to a worker
        )
        for first in range(0, loops * count, count)
    ]
    for loop in running:
        assert loop.stdin and loop.stdout and loop.stdout.readline() == "warm\n"
    for loop in running:
        assert loop.stdin
        loop.stdin.write("\n")
        loop.stdin.flush()
    return statistics.mean(count / float(loop.communicate()[0]) for loop in running)


def job_for(folder: Path, out: Path, part: int) -> ScoreJob:
    """The command's job, with its list."""
    job = job_of(Score(str(folder), str(out), part=part))
    enter(job)
    InputList(job.place).add(find_entries(job.source, None), job.part)
    return job


class Run(NamedTuple):
    """What the command did.

    Attributes:
        rate: pictures a second of each worker.
        start: seconds until the first part began.
        peak: the most bytes of a worker.
        faces: that were found.
    """

    rate: float
    start: float
    peak: int
    faces: int


def command_run(job: ScoreJob, workers: int) -> Run:
    """Score, each worker with a core, and time those parts while all of them work."""
    ends: list[float] = []
    peak = faces = 0

    def done(part: PartTally) -> None:
        nonlocal peak, faces
        ends.append(time.perf_counter())
        faces += part.faces
        held = (peak_bytes(worker) or 0 for worker in workers_below(os.getpid(), b"ray::"))
        peak = max([peak, *held])

    start = time.perf_counter()
    missing = job.missing(InputList(job.place))
    run_parts(job, missing, workers=workers, address=None, done=done, say=print)
    first, last = workers - 1, len(ends) - workers
    rate = (last - first) * job.part / (ends[last] - ends[first]) / workers
    return Run(rate, ends[0] - start - job.part / rate, peak, faces)


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
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    if args.pictures < 4 * args.part * max(args.workers):
        parser.error("--pictures: expected four parts a worker, or more")
    cv2.setNumThreads(1)
    print(header(), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            measure(Path(folder) / str(size), size, args)


def measure(root: Path, size: int, args: argparse.Namespace) -> None:
    """Print all of one size."""
    photos = root / "photos"
    draw(photos, args.pictures, size)
    print(f"{args.pictures:,} pictures with faces of {size} px", flush=True)
    for workers in args.workers:
        loops: list[float] = []
        runs: list[Run] = []
        looked_at = min(LOOKED_AT, args.pictures // workers)
        for turn in range(args.rounds):
            out = root / f"out-{workers}-{turn}"
            job = job_for(photos, out, args.part)
            before = plain_rate(photos, workers, looked_at)
            runs.append(command_run(job, workers))
            loops.append((before + plain_rate(photos, workers, looked_at)) / 2)
        r = statistics.median(loops)
        e = statistics.median(run.rate / loop for run, loop in zip(runs, loops, strict=True))
        start = statistics.median(run.start for run in runs)
        m, share = max(run.peak for run in runs), runs[0].faces / args.pictures
        print(
            f"  {workers} at a time: a plain loop {r:.1f} pictures a second, a worker {r * e:.1f}, "
            f"{r * e * share:.1f} faces; e = {e:.3f}, S = {start:.1f} s, m = {m / 1e6:.0f} MB; "
            f"{ARCHIVE:,} pictures: {ARCHIVE / (3600 * r * e):,.0f} core-hours",
            flush=True,
        )
    b = stored(out) / args.pictures
    print(f"  b = {b:.0f} bytes a picture; {ARCHIVE:,} pictures: {ARCHIVE * b / 1e9:,.1f} GB")
    spent = stages(photos, root / "stages", min(args.pictures, 500))
    parts = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in spent.items())
    print(f"  milliseconds a picture by stage: {parts}\n", flush=True)


if __name__ == "__main__":
    main()
