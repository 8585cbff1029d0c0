"""How long `import fer_tf` and each command's --help take, in new processes.

    python scripts/bench_start.py [--repeats 10]

The first run of each is not counted: it reads the files from disk and compiles them.
The import is measured inside the process, so without the interpreter's own start;
--help from outside, as a person waits for it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from _machine import ROOT, header

from fer_tf.cli import VERBS

IMPORT = "import time; t = time.perf_counter(); import fer_tf; print(time.perf_counter() - t)"


def import_seconds() -> float:
    """Seconds that `import fer_tf` takes in a new process."""
    command = [sys.executable, "-c", IMPORT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def command_seconds(arguments: list[str]) -> float:
    """Seconds from starting `python ARGUMENTS` to its end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a table of medians and maxima in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=10, help="runs of each (default: 10)")
    repeats = parser.parse_args().repeats

    modules = [["fer_tf"], *(["fer_tf", verb] for verb in VERBS), *([f"fer_tf.{v}"] for v in VERBS)]
    measured: dict[str, Callable[[], float]] = {"import fer_tf": import_seconds}
    for module in modules:
        command = ["-m", *module, "--help"]
        measured["python " + " ".join(command)] = partial(command_seconds, command)

    print(header(), "\n")
    print(f"{'milliseconds':40} median    max")
    for name, measure in measured.items():
        measure()
        times = [1000 * measure() for _ in range(repeats)]
        print(f"{name:40} {statistics.median(times):6.0f} {max(times):6.0f}")


if __name__ == "__main__":
    main()
