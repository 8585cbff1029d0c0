"""Which precision is chosen, on every kind of device."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from fer_tf.training import precision


def devices(
    monkeypatch: pytest.MonkeyPatch, *names: str, smi: str | None = None, bf16: bool = False
) -> None:
    """Pretend: Keras' device names, nvidia-smi's answer (None: not there), and the CPU's flag."""
    monkeypatch.setattr(keras.distribution, "list_devices", lambda *_: list(names))
    monkeypatch.setattr(precision.shutil, "which", lambda _: None if smi is None else "nvidia-smi")
    monkeypatch.setattr(
        precision.subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=smi, stderr=""),
    )
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: bf16)


def never(name: str) -> Callable[[], object]:
    raise AssertionError(f"{name} was tried")


@pytest.mark.parametrize(
    ("smi", "expected"),
    [
        ("9.0\n", "bfloat16"),
        ("8.0\n", "bfloat16"),
        ("7.5\n", "float16"),
        ("8.9\n7.0\n", "float16"),
        ("12.0\n12.0\n", "bfloat16"),
        ("", "bfloat16"),
        ("No devices were found\n", "bfloat16"),
        (None, "bfloat16"),
    ],
)
def test_gpu(monkeypatch: pytest.MonkeyPatch, smi: str | None, expected: str) -> None:
    devices(monkeypatch, "cpu:0", "gpu:0", smi=smi, bf16=True)
    assert precision.choose("auto", never) == expected


def test_a_cpu_without_bf16_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    devices(monkeypatch, "cpu:0", smi="9.0")
    assert precision.choose("auto", never) == "float32"


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_a_cpu_with_bf16_is_measured(monkeypatch: pytest.MonkeyPatch, faster: str) -> None:
    devices(monkeypatch, "cpu:0", bf16=True)
    clock = [0.0]

    def make_step(name: str) -> Callable[[], object]:
        def step() -> None:
            clock[0] += 1.0 if name == faster else 1.5

        return step

    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    assert precision.choose("auto", make_step) == faster


def test_the_first_call_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    costs = {"slow to start": [9.0, 1.0, 1.0, 1.0], "steady": [2.0, 2.0, 2.0, 2.0]}

    def step(name: str) -> None:
        clock[0] += costs[name].pop(0)

    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    steps = {name: lambda name=name: step(name) for name in costs}
    assert precision.fastest(steps) == "slow to start"
    assert not any(costs.values())


@pytest.mark.parametrize("asked", sorted(precision.POLICIES))
def test_what_is_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    devices(monkeypatch, "cpu:0", "gpu:0", smi="9.0")
    assert precision.choose(asked, never) == asked


def test_cpuinfo(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    assert not precision.cpu_has_bf16(info)
    info.write_text("flags\t: fpu avx512f amx_bf16\n")
    assert not precision.cpu_has_bf16(info)
    info.write_text("flags\t: fpu avx512f avx512_bf16\n")
    assert precision.cpu_has_bf16(info)


def test_policies_keep_float32_weights() -> None:
    for name, policy in precision.POLICIES.items():
        found = keras.dtype_policies.get(policy)
        assert (found.compute_dtype, found.variable_dtype) == (name, "float32")
