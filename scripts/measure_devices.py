"""What communication costs where several processes train one network together, with JAX.

    python scripts/measure_devices.py [--size 64] [--batch 16] [--steps 5] [--epochs 5] [--rounds 2]

MiT-B0 with the fusion block, 3,452,519 weights, is trained by the command itself in three ways that
take turns, each process on a core of its own: by one process; by two that know nothing of each
other; and by two together, on loopback, with twice the batch. The middle one tells how much two
busy cores slow each other down, so that the ratio of the last to it is what communication leaves.
Compiling is in each training's first epoch, which does not count.

Then two processes sum what a step has to: arrays of the network's shapes in one operation, as the
compiled step does, and the same numbers as one array. The difference is what gloo, which JAX has
for CPUs and which sums array by array, loses to their number.

Then the efficiency of 8 GPUs on paper, from the time of a step on one (--step-ms) and the bandwidth
between two (--gigabytes a second), neither of which is measured here.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _machine import header

from fer_tf.cores import cores
from fer_tf.data.synthetic import draw_dataset, write_csv
from fer_tf.training import checkpoint

WEIGHTS = 3_452_519
GPUS = 8
SUM = "sum"
"""The first argument of the processes that this script starts to sum."""

Child = tuple["subprocess.Popen[bytes]", Path]

ARGUMENTS = argparse.ArgumentParser(description=__doc__.splitlines()[0])
ARGUMENTS.add_argument("--size", type=int, default=64, help="side of the faces in pixels")
ARGUMENTS.add_argument("--batch", type=int, default=16, help="faces a process and step")
ARGUMENTS.add_argument("--steps", type=int, default=5, help="of an epoch")
ARGUMENTS.add_argument("--epochs", type=int, default=5)
ARGUMENTS.add_argument("--rounds", type=int, default=2)
ARGUMENTS.add_argument("--step-ms", type=float, default=100.0, help="of one GPU, assumed")
ARGUMENTS.add_argument("--gigabytes", type=float, default=20.0, help="a second, assumed")


def main() -> None:
    args = ARGUMENTS.parse_args()
    if cores() < 2:
        sys.exit("needs two cores, a process each")
    print(header())
    print(f"{args.batch} faces of {args.size} px a process and step, float32\n", flush=True)
    speeds: dict[str, list[float]] = {"one": [], "two apart": [], "two together": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_csv(folder / "faces.csv", draw_dataset(args.batch * 2 * args.steps * 3 // 2 + 96, 0))
        for turn in range(args.rounds):
            for way, found in speeds.items():
                found.append(_images_per_second(args, folder, way, turn))
                print(f"round {turn + 1}  {way:13} {found[-1]:7.1f} images/s", flush=True)
        print(f"\ntwo processes sum the weights:\n{_sums(folder)}")
    one, apart, together = (statistics.median(found) for found in speeds.values())
    print(f"\ntwo together to two apart: {together / apart:.3f}, what communication leaves")
    print(f"two together to one, twice: {together / (2 * one):.3f}")
    print(f"\non paper, with {args.step_ms:g} ms a step and {args.gigabytes:g} GB/s:")
    communication = 2 * (GPUS - 1) / GPUS * 4 * WEIGHTS / (args.gigabytes * 1e9) * 1e3
    efficiency = args.step_ms / (args.step_ms + communication)
    print(
        f"t = 2 (n - 1) / n x 4 bytes x weights / bandwidth = {communication:.2f} ms for n = {GPUS}"
    )
    print(f"efficiency = step / (step + t) = {efficiency:.3f}")


def _images_per_second(args: argparse.Namespace, folder: Path, way: str, turn: int) -> float:
    """Of both processes where there are two."""
    count = 1 if way == "one" else 2
    together = way == "two together"
    port = _free_port()
    children, runs = [], set()
    for i in range(count):
        run = f"{way.replace(' ', '-')}-{turn}" + ("" if together else f"-{i}")
        flags = f"--stages {args.size} {args.epochs} --epoch-steps {args.steps} --passes 2"
        flags += f" --batch-size {args.batch * (2 if together else 1)} --precision float32"
        flags += f" --no-report --run {run} --warmup-epochs 0"
        if together:
            flags += f" --coordinator localhost:{port} --processes 2 --process {i}"
        command = [sys.executable, "-m", "fer_tf.train", "scratch", *flags.split()]
        command += ["--data", str(folder / "faces.csv"), "--runs", str(folder / "runs")]
        children.append(_start(command, folder, i, folder / f"{run}-{i}.txt"))
        runs.add(run)
    _wait_for(children)
    return sum(_speed(folder / "runs" / run / "history.csv") for run in runs)


def _sums(folder: Path) -> str:
    """What two processes find that sum the arrays of the first training's network."""
    saved = checkpoint.newest(folder / "runs" / "one-0-0" / "checkpoints")[0]
    found, port = folder / "sums.txt", str(_free_port())
    command = [sys.executable, __file__, SUM, port, str(saved), str(found)]
    _wait_for([_start([*command, str(i)], folder, i, folder / f"sums-{i}.txt") for i in (0, 1)])
    return found.read_text()


def _sum(port: str, saved: str, found: str, process: str) -> None:
    """Sum them as one of the two; the first one writes what it finds."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, int(process))
    mesh, own = jax.make_mesh((2,), ("all",)), PartitionSpec("all")

    def add(shares: list[jax.Array]) -> list[jax.Array]:
        return jax.lax.psum([each[0] for each in shares], "all")

    added = jax.jit(jax.shard_map(add, mesh=mesh, in_specs=own, out_specs=PartitionSpec()))
    loaded = checkpoint.load(Path(saved)).arrays
    arrays = [a for name, a in loaded.items() if name.startswith("network.") and a.dtype == "f4"]
    lines = []
    for given in (arrays, [np.concatenate([each.ravel() for each in arrays])]):
        shares = [
            jax.make_array_from_process_local_data(NamedSharding(mesh, own), each[None])
            for each in given
        ]
        seconds = []
        for _ in range(21):
            began = time.perf_counter()
            jax.block_until_ready(added(shares))
            seconds.append(time.perf_counter() - began)
        size = sum(each.nbytes for each in given) / 1e6
        middle = statistics.median(seconds[1:]) * 1e3
        lines.append(f"{len(given):4} arrays, {size:.1f} MB in all: {middle:6.1f} ms")
    if process == "0":
        Path(found).write_text("\n".join(lines), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


def _wait_for(children: list[Child]) -> None:
    for child, errors in children:
        if child.wait():
            sys.exit(f"a process ended with code {child.returncode}:\n{errors.read_text()}")


def _start(command: list[str], folder: Path, core: int, errors: Path) -> Child:
    """Start a process on one core; what it writes to stderr goes to a file."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "FER_TF_CACHE": str(folder / "cache"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
    }
    own = sorted(os.sched_getaffinity(0))[core]
    with open(errors, "wb") as stderr:
        child = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            preexec_fn=lambda: os.sched_setaffinity(0, {own}),
        )
    return child, errors


def _speed(history: Path) -> float:
    """The median over the epochs after the first, in which nothing is compiled."""
    with open(history, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return statistics.median(float(row["images_per_second"]) for row in rows[1:])


if __name__ == "__main__":
    if sys.argv[1:2] == [SUM]:
        _sum(*sys.argv[2:])
    else:
        main()
