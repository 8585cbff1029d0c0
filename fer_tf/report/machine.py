"""The head of every benchmark's output: a number means little without its machine and commit."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

from fer_tf.cores import cores

SOURCE = Path(__file__).resolve().parents[2]
"""The repository, where the package runs from one."""


def header() -> str:
    """Three lines: the machine, the day (UTC) and Python's version, the commit."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return "\n".join(
        [
            f"machine: {_cpu()}, {cores()} cores, {_memory()}{_gpus() or 'no GPU'}",
            f"date:    {day}, Python {platform.python_version()}",
            f"commit:  {_commit()}",
        ]
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    """Such as "16 GiB, "; "" where the system does not tell, as Windows doesn't."""
    if not hasattr(os, "sysconf"):
        return ""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB, "


def _gpus() -> str:
    return ", ".join(_output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").split("\n"))


def _commit() -> str:
    if not (SOURCE / ".git").exists():
        import fer_tf

        return f"unknown, fer_tf {fer_tf.__version__}"
    commit = _output("git", "-C", str(SOURCE), "rev-parse", "--short", "HEAD")
    changed = _output("git", "-C", str(SOURCE), "status", "--porcelain")
    return (commit or "unknown") + (" with uncommitted changes" if changed else "")


def _output(*command: str) -> str:
    """What a command prints, or "" where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
