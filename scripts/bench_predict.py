"""How long a person waits for answers, side by side with another version of this package.

    python scripts/bench_predict.py [--against WORKTREE] [--only first next crowd folder]

`first`: new processes, of which the first is not counted (it reads the files from disk). `next`:
a picture of 640x480 pixels with one face, read, searched and recognised again, on one thread and
on two. `crowd`: ten faces in 1280x720. `folder`: pictures a second of `fer_tf.predict --json` on a
folder, on one core and on all of them, and the most memory. Each version answers in a process of
its own that stays open, and they take turns: what slows the machine hits all alike. A ratio is the
median over the rounds of the other version's time over this one's.

The faces are scikit-image's astronaut (NASA) and Matplotlib's Grace Hopper (US Navy), both in the
public domain.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT, header
from _people import photos
from _scenes import background

from fer_tf.cores import cores

WORKER = """
import json, sys, time
import cv2, fer_tf
threads, options, photo = json.loads(sys.argv[1])
cv2.setNumThreads(threads)
analyzer = fer_tf.FaceAnalyzer(threads=threads, **options)
for _ in sys.stdin:
    start = time.perf_counter()
    faces = len(analyzer.analyze(photo))
    print(json.dumps([1000 * (time.perf_counter() - start), faces]), flush=True)
"""
LIBRARY = "import sys, fer_tf; assert fer_tf.FaceAnalyzer().analyze(sys.argv[1])"
PEAK = (
    "import resource, sys; from fer_tf.predict import main; main(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
)
OLD = "the other"


def environment(tree: Path) -> dict[str, str]:
    """In which `import fer_tf` finds the one of `tree`."""
    return {**os.environ, "PYTHONPATH": str(tree)}


class Worker:
    """An analyzer of one version in a process of its own.

    Args:
        tree: the version.
        threads: of OpenCV and of the network.
        options: of its FaceAnalyzer.
        photo: that it analyses.
    """

    def __init__(self, tree: Path, threads: int, options: dict[str, int], photo: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps([threads, options, str(photo)])],
            env=environment(tree),
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.faces = 0
        for _ in range(3):
            self.milliseconds()

    def milliseconds(self) -> float:
        """Of one more answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        spent, self.faces = json.loads(self._process.stdout.readline())
        return spent

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def alternate(takers: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each gives, in turn."""
    times: dict[str, list[float]] = {name: [] for name in takers}
    for _ in range(rounds):
        for name, take in takers.items():
            times[name].append(take())
    return times


def say(what: str, times: dict[str, list[float]], unit: str, digits: int = 1) -> None:
    """A line a version: median, least, and the ratio to the other version."""
    for name, values in times.items():
        line = f"{what + ', ' + name:52}{statistics.median(values):9.{digits}f}"
        line += f"{min(values):9.{digits}f} {unit}"
        if OLD in times and name != OLD:
            ratios = [old / new for old, new in zip(times[OLD], values, strict=True)]
            line += f"   {statistics.median(ratios):.2f} times as fast"
        print(line, flush=True)


def portrait() -> np.ndarray:
    """One face in 640x480 pixels: BGR."""
    upper = cv2.resize(photos()[0].image[:384], (640, 480), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(upper, cv2.COLOR_RGB2BGR)


def crowd() -> np.ndarray:
    """Ten faces in 1280x720 pixels: BGR."""
    picture = cv2.resize(background(2, seed=1), (1280, 720))
    astronaut, hopper, _ = photos()
    heads = astronaut.image[20:240, 130:310], hopper.image[20:350, 120:390]
    for number in range(10):
        head = cv2.resize(heads[number % 2], (180, 220), interpolation=cv2.INTER_AREA)
        left, top = 40 + 245 * (number % 5), 90 + 320 * (number // 5)
        picture[top : top + 220, left : left + 180] = head
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)


def process_seconds(tree: Path, arguments: Sequence[str]) -> float:
    """From starting `python ARGUMENTS` to its end."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start


def first_answers(trees: dict[str, Path], photo: Path, rounds: int) -> None:
    """Print how long a new process takes."""
    out = str(photo.parent / "out")
    for what, arguments in (
        ("first answer, FaceAnalyzer", ["-c", LIBRARY, str(photo)]),
        ("first, fer_tf.predict", ["-m", "fer_tf.predict", str(photo), "--out", out]),
    ):
        for tree in trees.values():
            process_seconds(tree, arguments)
        takers = {n: lambda t=t, a=arguments: process_seconds(t, a) for n, t in trees.items()}
        say(what, alternate(takers, rounds), "s", 2)


def next_answers(trees: dict[str, Path], photo: Path, what: str, rounds: int) -> None:
    """Print how long an answer of a process that is open takes."""
    forms = {name: (tree, {}) for name, tree in trees.items()}
    forms["this, --detect-size 320"] = (ROOT, {"detect_size": 320})
    for threads in (1, 2):
        workers = {n: Worker(tree, threads, o, photo) for n, (tree, o) in forms.items()}
        takers = {name: worker.milliseconds for name, worker in workers.items()}
        told = f"{what}, {threads} thread{'s' * (threads > 1)}"
        say(told, alternate(takers, rounds), "ms")
        print("faces found:", {name: worker.faces for name, worker in workers.items()})
        for worker in workers.values():
            worker.close()


def folder_rate(trees: dict[str, Path], photo: Path, pictures: int, rounds: int) -> None:
    """Print pictures a second and the most memory, on one core and on all."""
    folder = photo.parent / "folder"
    folder.mkdir()
    for number in range(pictures):
        (folder / f"{number:05}.jpg").write_bytes(photo.read_bytes())
    rates: dict[tuple[str, str], list[float]] = {}
    peaks: dict[tuple[str, str], int] = {}
    for _ in range(rounds):
        for name, tree in trees.items():
            for which, limit in (("one core", ["taskset", "-c", "0"]), (f"{cores()} cores", [])):
                start = time.perf_counter()
                done = subprocess.run(
                    [*limit, sys.executable, "-c", PEAK, str(folder), "--json"],
                    env=environment(tree), cwd=tree, capture_output=True, text=True, check=True,
                )  # fmt: skip
                seconds = time.perf_counter() - start
                rates.setdefault((name, which), []).append(pictures / seconds)
                peaks[name, which] = int(done.stderr.split()[-1])
    for (name, which), values in rates.items():
        print(
            f"{f'folder of {pictures}, {name}, {which}':52}{statistics.median(values):9.1f}"
            f"{max(values):9.1f} pictures/s, {peaks[name, which]} MB"
        )


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--against", type=Path, help="a worktree of another version")
    parser.add_argument("--only", nargs="+", default=["first", "next", "crowd", "folder"])
    parser.add_argument("--rounds", type=int, default=40, help="of next answers (default: 40)")
    parser.add_argument("--repeats", type=int, default=10, help="new processes (default: 10)")
    parser.add_argument("--pictures", type=int, default=1000, help="of the folder (default: 1000)")
    args = parser.parse_args()
    trees = {} if args.against is None else {OLD: args.against.resolve()}
    trees["this"] = ROOT
    print(header(), f"\nload:    {os.getloadavg()[0]:.1f}\n")
    print(f"{'':52}{'median':>9}{'best':>9}")
    with tempfile.TemporaryDirectory() as folder:
        photo, ten = Path(folder) / "photo.jpg", Path(folder) / "ten.jpg"
        cv2.imwrite(str(photo), portrait(), [cv2.IMWRITE_JPEG_QUALITY, 92])
        cv2.imwrite(str(ten), crowd(), [cv2.IMWRITE_JPEG_QUALITY, 92])
        if "first" in args.only:
            first_answers(trees, photo, args.repeats)
        if "next" in args.only:
            next_answers(trees, photo, "640x480", args.rounds)
        if "crowd" in args.only:
            next_answers(trees, ten, "1280x720, ten faces", args.rounds)
        if "folder" in args.only:
            folder_rate(trees, photo, args.pictures, 3)


if __name__ == "__main__":
    main()
