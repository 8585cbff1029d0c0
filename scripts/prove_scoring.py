"""Does a score survive what kills it? A disturbed run is compared row by row with a quiet one.

    python scripts/prove_scoring.py [--pictures 10000] [--part 100] [--kills 20] [--longest 8]

Faces are drawn and written as pictures; one in fifty shows nobody, and one in fifty is cut off.
`fer-tf score` scores them twice: once on this machine, and once on a Ray cluster of three nodes
of one core each, whose workers, nodes and driver are killed (SIGKILL) at random moments. A node
that died is replaced, and the command is given again when it was killed. In the end both folders
must hold the same files, byte for byte, with each picture once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _machine import header
from pyarrow import parquet

from fer_tf.data.synthetic import draw_dataset

SIDE = 96
"""Pixels of a picture's side."""

VICTIMS = ["worker", "worker", "node", "driver"]
"""What is killed, in an order that is drawn each time that all were."""

STORE = 80 * 2**20
"""Bytes of a node's shared memory."""


def draw(folder: Path, count: int, seed: int) -> None:
    """Write the pictures, a thousand a folder."""
    for start in range(0, count, 1000):
        place = folder / f"{start // 1000:04}"
        place.mkdir(parents=True)
        faces = draw_dataset(min(1000, count - start), seed + start)
        for number, face in enumerate(faces.images):
            if number % 50 == 7:
                face = np.full_like(face, 128)
            large = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            data = cv2.imencode(".jpg", large)[1].tobytes()
            whole = number % 50 != 13
            (place / f"{number:03}.jpg").write_bytes(data if whole else data[: len(data) // 2])


def command(source: Path, out: Path, part: int, *more: str) -> list[str]:
    """What scores the pictures."""
    flags = ["--out", str(out), "--part", str(part), *more]
    return [sys.executable, "-m", "fer_tf.score", str(source), *flags]


class Disturbed:
    """A cluster, a command on it, and what kills them.

    Args:
        command: without the cluster's address.
        seed: of the moments and of the victims.
    """

    def __init__(self, command: list[str], seed: int):
        from ray.cluster_utils import Cluster

        self._draw = random.Random(seed)
        self._cluster = Cluster()
        self._node: dict[str, Any] = {
            "num_cpus": 1,
            "object_store_memory": STORE,
            "include_dashboard": False,
        }
        for _ in range(3):
            self._cluster.add_node(**self._node)
        self._command = [*command, "--ray-address", self._cluster.address]
        self.killed: Counter[str] = Counter()
        self.exits: list[int] = []
        self._victims: list[str] = []
        self._start()

    def _start(self) -> None:
        self._driver = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def run(self, kills: int, longest_s: float) -> None:
        """Until the command ends by itself.

        Args:
            kills: how many there are at most.
            longest_s: from one to the next.
        """
        while True:
            wait = self._draw.uniform(0.1, 1) * longest_s if self.killed.total() < kills else None
            try:
                self.exits.append(self._driver.wait(wait))
            except subprocess.TimeoutExpired:
                self._victims = self._victims or self._draw.sample(VICTIMS, len(VICTIMS))
                self._kill(self._victims.pop())
                continue
            if self.exits[-1] != -signal.SIGKILL:
                return
            self._start()

    def _kill(self, what: str) -> None:
        if what == "driver":
            self._driver.kill()
        elif what == "node":
            node = self._draw.choice(sorted(self._cluster.worker_nodes, key=id))
            self._cluster.remove_node(node, allow_graceful=False)
            self._cluster.add_node(**self._node)
        else:
            while not (workers := sorted(workers_below(os.getpid()))):
                if self._driver.poll() is not None:
                    return
                time.sleep(0.05)
            os.kill(self._draw.choice(workers), signal.SIGKILL)
        self.killed[what] += 1

    def close(self) -> None:
        """End what is left."""
        self._driver.kill()
        self._cluster.shutdown()


def workers_below(root: int, title: bytes = b"ray::_score") -> Iterator[int]:
    """Ray's workers among the processes below `root`; Ray titles those so that score a part."""
    parents, names = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                status = (folder / "stat").read_text().rpartition(")")[2].split()
                names[int(folder.name)] = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(folder.name)] = int(status[1])
    for process, name in names.items():
        above = process
        while above not in (root, 0, 1):
            above = parents.get(above, 0)
        if above == root and name.startswith(title):
            yield process


def differences(quiet: Path, disturbed: Path) -> list[str]:
    """The files of scores that only one folder has, or whose bytes differ."""
    files = {path.name for out in (quiet, disturbed) for path in out.iterdir() if path.is_file()}
    return [
        name
        for name in sorted(files)
        if not all((out / name).is_file() for out in (quiet, disturbed))
        or (quiet / name).read_bytes() != (disturbed / name).read_bytes()
    ]


def main() -> None:
    """Print what was killed and whether the tables are the same; exit code 1 if they are not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=100, help="pictures in a part")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=8.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(header(), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw(root / "photos", args.pictures, args.seed)
        start = time.monotonic()
        subprocess.run(
            command(root / "photos", root / "quiet", args.part),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        between = time.monotonic()
        disturbed = Disturbed(command(root / "photos", root / "disturbed", args.part), args.seed)
        try:
            disturbed.run(args.kills, args.longest)
        finally:
            disturbed.close()
        end = time.monotonic()
        table = parquet.read_table(root / "disturbed")
        inputs = table.group_by(["source"]).aggregate([]).num_rows
        differ = differences(root / "quiet", root / "disturbed")
    kills = ", ".join(f"{count} x {what}" for what, count in sorted(disturbed.killed.items()))
    print(f"pictures {args.pictures:,}, in the table {inputs:,}, rows {table.num_rows:,}")
    print(f"quiet {between - start:.0f} s, disturbed {end - between:.0f} s, killed: {kills}")
    print(f"exit codes of the command: {' '.join(map(str, disturbed.exits))}")
    print(f"files that differ: {len(differ)} {' '.join(differ[:5])}")
    fine = not differ and inputs == args.pictures and disturbed.exits[-1] == 0
    print("the same" if fine else "NOT THE SAME")
    sys.exit(not fine)


if __name__ == "__main__":
    main()
