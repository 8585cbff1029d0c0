"""Damages good files and hands them to a door, in a process of its own that may die or hang.

    PYTHONPATH=. python tests/fuzz/harness.py --minutes 10 [--doors pictures videos ...]

prints, a door a line, how many inputs were tried and how many ended as a fault (anything but an
answer or a FerError), a crash of the process or a hang; then each one's seed, from which
`doors.damaged` makes the same input again.
"""

from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from doors import DOORS

HANG_S = 20.0
"""Without an answer for so long, an input counts as a hang."""


@dataclass
class Found:
    """What became of the inputs of one door.

    Attributes:
        tried: how many.
        faults: seed and exception of each.
        crashes: seeds at which the process died.
        hangs: seeds that took longer than `HANG_S`.
    """

    tried: int = 0
    faults: list[str] = field(default_factory=list)
    crashes: list[int] = field(default_factory=list)
    hangs: list[int] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every input got its answer or its sentence."""
        return not (self.faults or self.crashes or self.hangs)


def fuzz(door: str, *, count: int, first: int = 0, until: float = float("inf")) -> Found:
    """Try the inputs of seeds from `first` on, a new process after each crash or hang.

    Args:
        door: a key of `doors.DOORS`, or several with commas, which share one process.
        count: how many inputs.
        first: the first one's seed.
        until: `time.monotonic()` at which to stop.
    """
    found, seed = Found(), first
    with TemporaryDirectory() as cache:
        # Python's own order of sets would make other samples in each process.
        environment = {**os.environ, "FER_TF_CACHE": cache, "PYTHONHASHSEED": "0"}
        while seed < first + count and time.monotonic() < until:
            seed = _one_process(door, seed, first + count - seed, until, found, environment) + 1
    return found


def _one_process(
    door: str, seed: int, count: int, until: float, found: Found, environment: dict[str, str]
) -> int:
    """Try inputs until the process ends; returns the last seed."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("doors.py")),
        door,
        str(seed),
        str(count),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0
    )
    assert process.stdout is not None
    last, text = seed - 1, b""
    patience = 120.0 * len(door.split(","))  # to import and to make the samples
    while time.monotonic() < until:
        if not select.select([process.stdout], [], [], patience)[0]:
            found.hangs.append(last)
            break
        patience = HANG_S
        data = process.stdout.read(1 << 16)
        if not data:
            if process.wait():
                if last < seed:
                    raise RuntimeError(f"{door}: its process can't be started or has no samples")
                found.crashes.append(last)
            break
        *lines, text = (text + data).split(b"\n")
        for line in lines:
            if line.startswith(b"try "):
                last = int(line[4:])
                found.tried += 1
            else:
                found.faults.append(line.decode(errors="replace"))
    process.kill()
    process.wait()
    process.stdout.close()
    return max(last, seed)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for each door")
    parser.add_argument("--first", type=int, default=0, help="the first input's seed")
    parser.add_argument("--doors", nargs="+", choices=DOORS, default=[*DOORS])
    arguments = parser.parse_args()
    clean = True
    for door in arguments.doors:
        until = time.monotonic() + 60 * arguments.minutes
        found = fuzz(door, count=10**9, first=arguments.first, until=until)
        print(
            f"{door:12} {found.tried:9,} inputs, {len(found.faults)} faults, "
            f"{len(found.crashes)} crashes, {len(found.hangs)} hangs",
            *found.faults[:9],
            *(f"crash {seed}" for seed in found.crashes[:9]),
            *(f"hang {seed}" for seed in found.hangs[:9]),
            sep="\n    ",
            flush=True,
        )
        clean &= found.clean
    sys.exit(not clean)


if __name__ == "__main__":
    main()
