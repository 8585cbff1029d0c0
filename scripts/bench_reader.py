"""How long and how much memory the first and the cached reading of a FER2013 file take.

    python scripts/bench_reader.py fer2013.csv [--votes fer2013new.csv] [--repeats 3]

Each reading is a new process with a cache folder of its own, which starts empty. The time is
that of `fer_tf.data.load_faces` with the imports it needs, without the interpreter's start; the
memory is the process's peak, all included. The file itself is in the system's page cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _machine import ROOT, header

READ = """
import sys, time
from resource import RUSAGE_SELF, getrusage
start = time.perf_counter()
from fer_tf.data import load_faces
faces = load_faces(sys.argv[1], votes=sys.argv[2] or None)
seconds = time.perf_counter() - start
peak = getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(len(faces), seconds, peak / 1e6)
"""


def measure(data: Path, votes: Path | None, cache: str) -> tuple[int, float, float]:
    """Rows, seconds and peak megabytes of reading `data` in a new process."""
    command = [sys.executable, "-c", READ, str(data), str(votes or "")]
    environment = {**os.environ, "FER_TF_CACHE": cache}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    rows, seconds, megabytes = done.stdout.split()
    return int(rows), float(seconds), float(megabytes)


def main() -> None:
    """Print the seconds and the peak memory of each reading."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="fer2013.csv, or an archive that holds it")
    parser.add_argument("--votes", type=Path, help="fer2013new.csv")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: 3)")
    args = parser.parse_args()
    data, votes = args.data.resolve(), args.votes and args.votes.resolve()

    print(header(), "\n")
    with data.open("rb") as file:
        # By pieces: Linux counts the memory of the parent in the peak of a new process.
        while file.read(1 << 20):
            pass
    print(f"{data.name}, {data.stat().st_size / 1e6:.0f} MB")
    print("           rows  seconds  peak MB")
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as cache:
            for name in ("first", "cached"):
                rows, seconds, megabytes = measure(data, votes, cache)
                print(f"{name:8} {rows:6,} {seconds:8.2f} {megabytes:8.0f}")


if __name__ == "__main__":
    main()
