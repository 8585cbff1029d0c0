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

RESTS_ON = ("fer_tf", "scripts", "saved_models")
"""What a figure rests on; the tables and pictures of other figures may have changed."""


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


VECTORS = ("amx_int8", "avx512_vnni", "avx_vnni", "avx512f", "avx2", "asimddp", "asimd")
"""Linux' names for vector instructions, the one that says most of a processor first: with those
for int8 products (AMX, VNNI, dot products on ARM) a quantised network is far faster."""


def _cpu(described: Path = Path("/proc/cpuinfo")) -> str:
    """Such as "AMD EPYC with AVX2"; the machine's kind alone where `described` is missing."""
    try:
        lines = described.read_text().splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.split() for key, _, value in (x.partition(":") for x in lines)}
    name = " ".join(fields.get("model name", ())) or platform.machine()
    known = (*fields.get("flags", ()), *fields.get("Features", ()))
    vectors = next((vector for vector in VECTORS if vector in known), None)
    return f"{name} with {vectors.upper().replace('_', '-')}" if vectors else name


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
    changed = _output("git", "-C", str(SOURCE), "status", "--porcelain", "--", *RESTS_ON)
    return (commit or "unknown") + (" with uncommitted changes" if changed else "")


def _output(*command: str) -> str:
    """What a command prints, or "" where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
