"""Which floating-point format the layers compute in."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import keras

from fer_tf.cores import has_gpu
from fer_tf.errors import FerError
from fer_tf.training.devices import mirrored

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
"""Keras dtype policy of each precision: weights stay float32."""


def choose(precision: str, make_step: Callable[[str], Callable[[], object]]) -> str:
    """Turn a recipe's precision into "float32", "bfloat16" or "float16".

    "auto" is bfloat16 on a GPU of compute capability 8.0 or more (Ampere), float16 on an older
    one, and on a CPU with avx512_bf16 whichever of float32 and bfloat16 trains faster.

    Args:
        precision: one of `POLICIES`, or "auto".
        make_step: gives a function that trains one step at a precision; called on such a CPU only.
    """
    if precision != "auto":
        return precision
    if has_gpu():
        capability = gpu_capability()
        return "bfloat16" if capability is None or capability >= 8.0 else "float16"
    if not cpu_has_bf16():
        return "float32"
    return fastest({name: make_step(name) for name in ("float32", "bfloat16")})


def scaled(
    optimizer: keras.optimizers.Optimizer, precision: str, network: keras.Model
) -> keras.optimizers.Optimizer:
    """The optimiser that trains at a precision: for float16, behind a scaling of the loss.

    Raises:
        FerError: float16 on several devices with TensorFlow.
    """
    if precision != "float16":
        return optimizer
    if mirrored() > 1:
        raise FerError(
            "--precision float16: expected float32 or bfloat16 on several devices with "
            "TensorFlow, whose loss scaling decides for each of them alone"
        )
    scaling = keras.optimizers.LossScaleOptimizer(optimizer)
    scaling.build(network.trainable_variables)
    return scaling


def gpu_capability() -> float | None:
    """Lowest compute capability of the NVIDIA GPUs here, or None where it can't be told."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    values = [float(line) for line in answer.split() if line.replace(".", "", 1).isdigit()]
    return min(values, default=None)


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bfloat16 by itself; False where it can't be told."""
    try:
        return "avx512_bf16" in cpuinfo.read_text(errors="replace")
    except OSError:
        return False


def fastest(steps: Mapping[str, Callable[[], object]], *, rounds: int = 3) -> str:
    """The name of the function whose best time over alternating rounds is the lowest.

    Each is called once before, uncounted (tracing). Alternating, so that other
    work on the machine slows all of them.
    """
    best = dict.fromkeys(steps, float("inf"))
    for counted in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if counted:
                best[name] = min(best[name], time.perf_counter() - start)
    return min(best, key=best.__getitem__)
