"""Cold start: a fresh process opens one file, answers once and says what that took.

`python -m fer_tf.benchmarking.first_answer FILE RUNTIME HEIGHT WIDTH` is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tf.benchmarking.candidates import Candidate
from fer_tf.errors import FerError
from fer_tf.runtimes.runner import open_runner

REPEATS = 3
PATIENCE = 3.0
"""Seconds after which a slow start is not measured again."""


@dataclass(frozen=True)
class FirstAnswer:
    """What the first answer of a fresh process took.

    Attributes:
        seconds: from its start to its answer, the imports included; the median of the repeats.
        peak_bytes: the most memory it had resident (VmHWM); None where the system does not tell.
    """

    seconds: float
    peak_bytes: int | None


def first_answer(candidate: Candidate) -> FirstAnswer:
    """Start processes for one candidate, one after the other, each with one thread.

    Raises:
        FerError: the process fails; its last words.
    """
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < PATIENCE:
        taken, facts = _start(candidate)
        seconds.append(taken)
    return FirstAnswer(float(np.median(seconds)), facts["peak_bytes"])


def _start(candidate: Candidate) -> tuple[float, dict]:
    module = "fer_tf.benchmarking.first_answer"
    place = [str(candidate.path), candidate.runtime, *map(str, candidate.size)]
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", module, *place],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    taken = time.perf_counter() - start
    _, complaint = child.communicate()
    if child.returncode or not line:
        raise FerError(
            f"{candidate.path}: a fresh process could not answer: {last_line(complaint)}"
        )
    return taken, json.loads(line)


def last_line(text: str) -> str:
    """What a process said at its end, or that it said nothing."""
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("fer_tf: ") if lines else "it ended without a word"


def peak_bytes(process: int | str = "self") -> int | None:
    """The most memory that a process has had resident, from Linux's /proc; None if it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def main() -> None:
    """Answer once, then print the facts as a line of JSON."""
    path, runtime, height, width = sys.argv[1:]
    runner = open_runner(path, runtime=runtime, size=(int(height), int(width)))  # type: ignore[arg-type]
    runner(np.zeros((1, *runner.size, runner.channels), np.uint8))
    print(json.dumps({"peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    main()
