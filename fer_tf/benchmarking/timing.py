"""Times of many networks in one process, in alternating rounds: noise hits all of them alike.

`python -m fer_tf.benchmarking.timing JOB.json RESULT.json` is that process: how many threads a
runtime uses must be said before its first operation, so each number of threads has a process of
its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_tf import cli
from fer_tf.benchmarking.candidates import Candidate
from fer_tf.benchmarking.first_answer import last_line
from fer_tf.errors import FerError
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import Runner, open_runner

CALLS = 5
"""Timed calls in a row."""
WARM_CALLS, WARM_SECONDS = 8, 0.03
"""Before them, calls that are not timed, up to so many or so long: the turn before has emptied the
caches, and small networks need several calls until they are full again."""
BATCHES = (8, 64)
"""Beside batch 1, unless asked otherwise."""
BATCH_ROUNDS = 10
"""There is one round of the larger batches for so many at batch 1."""
TENSORFLOW = ("keras-eager", "keras-graph", "savedmodel")


@dataclass(frozen=True)
class Job:
    """What one process is to time.

    Attributes:
        candidates: path, runtime and face size of each.
        threads: how many each runtime may use.
        rounds: at batch 1.
        faces: by "HEIGHTxWIDTH", .npy files of uint8 [n, height, width] to classify; none for none.
        labels: their classes, as indices of `classes`.
        classes: names of the data's classes, which are another network's in another order.
        batches: sizes of the larger batches that are timed beside batch 1.
    """

    candidates: Sequence[tuple[str, str, tuple[int, int]]]
    threads: int
    rounds: int
    faces: dict[str, str] = field(default_factory=dict)
    labels: list[int] = field(default_factory=list)
    classes: Sequence[str] = ()
    batches: Sequence[int] = BATCHES


@dataclass(frozen=True)
class Times:
    """What one process has measured, in seconds.

    Attributes:
        latency: [round, candidate, call], at batch 1.
        batch: by batch size, [round, candidate]; not a number where the form takes 1 only.
        accuracy: of each candidate; not a number without faces.
    """

    latency: NDArray[np.float64]
    batch: dict[int, NDArray[np.float64]]
    accuracy: NDArray[np.float64]


def time_candidates(
    candidates: Sequence[Candidate],
    directory: Path,
    *,
    threads: int,
    rounds: int,
    faces: dict[str, str] | None = None,
    labels: Sequence[int] | np.ndarray = (),
    classes: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Times:
    """Time all candidates in a process of their own.

    Args:
        candidates: what to time.
        directory: where the process's files go.
        threads: how many each runtime may use.
        rounds: how often each has its turn at batch 1.
        faces: as of `Job`.
        labels: as of `Job`.
        classes: as of `Job`.
        say: is told what is being done.

    Raises:
        FerError: the process fails; its last words.
    """
    places = [(str(c.path.resolve()), c.runtime, c.face) for c in candidates]
    labels = [int(label) for label in labels]
    job = Job(places, threads, rounds, faces or {}, labels, classes)
    asked, told = directory / f"job-{threads}.json", directory / f"times-{threads}.json"
    asked.write_text(json.dumps(asdict(job)))
    complaints = directory / f"complaints-{threads}.txt"
    with complaints.open("w") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", "fer_tf.benchmarking.timing", str(asked), str(told)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert child.stdout is not None
        try:
            for line in child.stdout:
                say(f"threads: {threads}, {line.strip()}")
            code = child.wait()
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
    if code:
        words = last_line(complaints.read_text(errors="replace"))
        raise FerError(f"timing with {threads} threads ended with exit code {code}: {words}")
    return from_json(told.read_text())


def from_json(text: str) -> Times:
    """Read what the process wrote."""
    found = json.loads(text)
    return Times(
        latency=np.array(found["latency"]),
        batch={int(size): np.array(rounds, float) for size, rounds in found["batch"].items()},
        accuracy=np.array(found["accuracy"], float),
    )


def measure(job: Job) -> Times:
    """Time everything in this process; lines on stdout tell what is being done."""
    if any(runtime in TENSORFLOW for _, runtime, _ in job.candidates):
        cli.start_keras()
    runners = [
        open_runner(path, runtime=runtime, size=size, threads=job.threads)  # type: ignore[arg-type]
        for path, runtime, size in job.candidates
    ]
    if job.classes:
        for runner in runners:  # before long work
            common_classes(runner, job)
    rng = np.random.default_rng(0)
    latency = []
    for number in range(job.rounds):
        print(f"round {number + 1} of {job.rounds}", flush=True)
        latency.append([timed(runner, images(runner, 1, rng)) for runner in runners])
    return Times(
        latency=np.array(latency),
        batch={size: time_batches(runners, size, job.rounds, rng) for size in job.batches},
        accuracy=np.array([score(runner, job) for runner in runners]),
    )


def timed(call: Callable, argument) -> list[float]:
    """Seconds of `CALLS` calls, after some that are not timed."""
    start = time.perf_counter()
    for _ in range(WARM_CALLS):
        call(argument)
        if time.perf_counter() - start > WARM_SECONDS:
            break
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call(argument)
        seconds.append(time.perf_counter() - start)
    return seconds


def time_batches(
    runners: Sequence[Runner], size: int, rounds: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Seconds of a batch, [round, runner]; a runner of batch 1 has none."""
    seconds = []
    print(f"batch {size}", flush=True)
    for _ in range(1 + max(2, rounds // BATCH_ROUNDS)):
        taken = [float("nan")] * len(runners)
        for place, runner in enumerate(runners):
            if runner.batch is None:
                batch = images(runner, size, rng)
                start = time.perf_counter()
                runner(batch)
                taken[place] = time.perf_counter() - start
        seconds.append(taken)
    return np.array(seconds[1:])


def images(runner: Runner, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random pixels of the runner's shape."""
    return rng.integers(0, 256, (count, *runner.size, runner.channels), dtype=np.uint8)


def score(runner: Runner, job: Job) -> float:
    """Share of the faces that get their label, as `fer_tf.evaluate` counts it: of the classes that
    network and data have in common. Not a number without faces."""
    file = job.faces.get("x".join(map(str, runner.size)))
    if file is None:
        return float("nan")
    print(f"accuracy of {runner.name} at {runner.size[0]} px", flush=True)
    own, theirs = common_classes(runner, job)
    faces, labels = np.load(file, mmap_mode="r"), np.array(job.labels)
    rows = np.flatnonzero(np.isin(labels, theirs))
    channels, right = min(runner.task.face[2], runner.channels), 0
    for some in np.split(rows, range(BATCHES[-1], len(rows), BATCHES[-1])):
        # A network that learnt from grey faces is given grey ones.
        part = to_input(faces[some], runner.size, channels)
        part = np.repeat(part, runner.channels // channels, axis=-1)
        right += int(np.sum(theirs[runner(part)[:, own].argmax(axis=-1)] == labels[some]))
    return right / len(rows) if len(rows) else float("nan")


def common_classes(runner: Runner, job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the classes in common, in the network's task and in the data's: int [c] each.

    Raises:
        FerError: there are fewer than two.
    """
    found = [(runner.task.index(name), place) for place, name in enumerate(job.classes)]
    pairs = [pair for pair in found if pair[0] is not None]
    if len(pairs) < 2:
        raise FerError(
            f"--data: has the classes {', '.join(job.classes)}: expected at least two of the "
            f"network's, {', '.join(runner.task.labels)}"
        )
    own, theirs = np.array(pairs, int).T
    return own, theirs


def main() -> None:
    """The process."""
    asked, told = map(Path, sys.argv[1:])
    job = json.loads(asked.read_text())
    job["candidates"] = [(path, runtime, tuple(size)) for path, runtime, size in job["candidates"]]
    times = measure(Job(**job))
    told.write_text(json.dumps(asdict(times), default=np.ndarray.tolist))


if __name__ == "__main__":
    cli.run(main)
