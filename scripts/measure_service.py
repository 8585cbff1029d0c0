"""Load on the service over loopback: speed with and without batches, memory, and two bad moments.

    python scripts/measure_service.py --locust LOCUST > results/service/load.txt

LOCUST is the program of the package locust, which may be in an environment of its own. Two
services run side by side, one with batches and one without (--max-batch 1), and are loaded in
turns. The clients run on the same cores. It takes ten minutes on two cores; --parts measures
some of it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from _machine import ROOT, header

CLIENTS = (1, 8, 32)
SECONDS, ROUNDS = 3, 5
REQUESTS = 10_000
PARTS = ("photos", "faces", "end", "kill", "memory")
PHOTO = ROOT / "fer_tf" / "demo_files" / "grace_hopper.jpg"


@dataclass(frozen=True)
class Service:
    """One that runs.

    Attributes:
        process: the supervisor.
        address: where it listens.
    """

    process: subprocess.Popen[str]
    address: str

    def processes(self) -> list[int]:
        """The numbers of all its processes."""
        found, todo = [], [self.process.pid]
        while todo:
            found.append(todo.pop())
            for file in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                with suppress(OSError):  # of a thread that has ended
                    todo += map(int, file.read_text().split())
        return found

    def workers(self) -> list[int]:
        """The numbers of those that answer."""
        return [
            number
            for number in self.processes()
            if "spawn_main" in Path(f"/proc/{number}/cmdline").read_text()
        ]

    def memory(self) -> float:
        """Megabytes (10**6 bytes) that all its processes hold, what they share counted once."""
        pages = (Path(f"/proc/{number}/smaps_rollup").read_text() for number in self.processes())
        return sum(int(re.findall(r"^Pss: +(\d+)", text, re.M)[0]) for text in pages) * 1024 / 1e6


@contextmanager
def service(*flags: str) -> Iterator[Service]:
    """A service at a free port."""
    command = [sys.executable, "-m", "fer_tf.serve", "--port", "0", "--no-access-log", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield Service(process, process.stdout.readline().split()[0].rstrip("/"))
        finally:
            process.terminate()


class Load:
    """Locust's clients, while they ask."""

    def __init__(
        self, locust: str, address: str, path: str, picture: Path, clients: int, count: int = 0
    ) -> None:
        self._folder = TemporaryDirectory()
        self._out = Path(self._folder.name, "requests.json")
        environment = {
            **os.environ,
            "MEASURE_PATH": path,
            "MEASURE_PICTURE": str(picture),
            "MEASURE_OUT": str(self._out),
            "MEASURE_COUNT": str(count),
        }
        file = ROOT / "scripts" / "service_locustfile.py"
        users = ["--users", str(clients), "--spawn-rate", str(clients), "--host", address]
        self.process = subprocess.Popen(
            [locust, "-f", str(file), "--headless", "--exit-code-on-error", "0", *users],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, seconds: float) -> list[tuple[float, str]]:
        """Milliseconds of each request of so many seconds, and what became of it."""
        self.begin()
        time.sleep(seconds)
        return self.stop()

    def begin(self) -> None:
        """Return when all clients ask."""
        while not self._out.with_name("begun").exists():
            time.sleep(0.05)

    def stop(self) -> list[tuple[float, str]]:
        """What `run` gives, of the time until now."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> list[tuple[float, str]]:
        """The same, once the clients end by themselves."""
        self.process.wait()
        done = [(float(ms), told) for ms, told in json.loads(self._out.read_text())]
        self._folder.cleanup()
        return done


def small_photo(folder: str) -> Path:
    """A small picture with one face: a 160x160 part of the photo."""
    picture = cv2.imread(str(PHOTO))
    path = Path(folder, "small.jpg")
    cv2.imwrite(str(path), cv2.resize(picture[40:440, 60:460], (160, 160)))
    return path


def crop(folder: str) -> Path:
    """A face of 96x96 pixels."""
    picture = cv2.imread(str(PHOTO))
    path = Path(folder, "face.jpg")
    cv2.imwrite(str(path), cv2.resize(picture[120:334, 182:354], (96, 96)))
    return path


def compare(locust: str, path: str, picture: Path) -> None:
    """Print requests per second and percentiles of both services, loaded in turns."""
    size = "x".join(str(side) for side in cv2.imread(str(picture)).shape[1::-1])
    print(f"\nPOST {path}, a JPEG of {size}: {ROUNDS} turns of {SECONDS} s each")
    print("clients  batches  requests/s  p50 ms  p95 ms  p99 ms  with/without, median (each turn)")
    with service() as with_batches, service("--max-batch", "1") as without:
        both = {"yes": with_batches, "no": without}
        for each in both.values():  # what is made at the first request is no part of it
            Load(locust, each.address, path, picture, 4).run(2)
        for clients in CLIENTS:
            times: dict[str, list[float]] = {name: [] for name in both}
            rates: dict[str, list[float]] = {name: [] for name in both}
            for turn in range(ROUNDS):
                for name in sorted(both, reverse=turn % 2 == 0):
                    load = Load(locust, both[name].address, path, picture, clients)
                    done = load.run(SECONDS)
                    assert {told for _, told in done} == {"200"}, done
                    good = [ms for ms, told in done if told == "200"]
                    times[name] += good
                    # Each client asks without a pause, so its times are all of its time.
                    rates[name].append(1000 * clients * len(good) / sum(good))
            for name in both:
                p50, p95, p99 = np.percentile(times[name], [50, 95, 99])
                row = f"{clients:7}  {name:7}  {np.median(rates[name]):10.1f}"
                row += f"  {p50:6.0f}  {p95:6.0f}  {p99:6.0f}"
                if name == "yes":
                    turns = np.array(rates["yes"]) / np.array(rates["no"])
                    row += f"  {np.median(turns):.2f} ({', '.join(f'{t:.2f}' for t in turns)})"
                print(row, flush=True)


def memory(locust: str, picture: Path) -> None:
    """Print what a service holds while it answers many requests."""
    with service() as one:
        before = one.memory()
        load = Load(locust, one.address, "/v1/analyze", picture, 8, REQUESTS)
        held = []
        while load.process.poll() is None:
            time.sleep(1)
            held.append(one.memory())
        statuses = Counter(told for _, told in load.wait())
    print(f"\nMemory of all processes over {REQUESTS:,} requests by 8 clients (MB, PSS)")
    quarters = np.array_split(held, 4)
    print(f"before {before:.0f}; mean of each quarter of the time", end=" ")
    print(", ".join(f"{np.mean(each):.0f}" for each in quarters), end="; ")
    print(f"at most {max(held):.0f}; answers {dict(statuses)}", flush=True)


def ended(locust: str, picture: Path) -> None:
    """Print what becomes of requests as a service is told to end."""
    with service() as one:
        load = Load(locust, one.address, "/v1/analyze", picture, 32)
        load.begin()
        time.sleep(5)
        begun = time.monotonic()
        one.process.terminate()
        code = one.process.wait()
        seconds = time.monotonic() - begun
        done = Counter(told for _, told in load.stop())
    refused = done.pop("ConnectionRefusedError", 0)
    print(
        f"\nSIGTERM under 32 clients: exit code {code} after {seconds:.1f} s; {dict(done)}", end=""
    )
    print(f"; afterwards {'connections' if refused else 'none'} refused", flush=True)


def killed(locust: str, picture: Path) -> None:
    """Print what becomes of requests as one of two workers is killed."""
    with service("--workers", "2") as two:
        load = Load(locust, two.address, "/v1/analyze", picture, 32)
        load.begin()
        time.sleep(5)
        worker = two.workers()[0]
        begun = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        while len(two.workers()) < 2 or worker in two.workers():
            time.sleep(0.01)
        seconds = time.monotonic() - begun
        time.sleep(6)
        done = Counter(told for _, told in load.stop())
    print(f"\nOne of two workers killed under 32 clients: {dict(done)}", end="")
    print(f"; another process was there after {seconds:.2f} s", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locust", required=True, help="the program")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="all of them")
    args = parser.parse_args()
    locust = args.locust
    version = subprocess.run([locust, "--version"], capture_output=True, text=True, check=True)
    print(header())
    print(f"load:    {version.stdout.split(' from')[0].strip()}, on the same machine")
    with TemporaryDirectory() as folder:
        small = small_photo(folder)
        measure = {
            "photos": lambda: compare(locust, "/v1/analyze", PHOTO),
            "faces": lambda: compare(locust, "/v1/faces", crop(folder)),
            "end": lambda: ended(locust, small),
            "kill": lambda: killed(locust, small),
            "memory": lambda: memory(locust, small),
        }
        for part in args.parts:
            measure[part]()


if __name__ == "__main__":
    main()
