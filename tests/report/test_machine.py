"""Tests of the head of every benchmark's output."""

from __future__ import annotations

import platform

import pytest

from fer_tf.report.machine import _cpu, header

X86 = """processor\t: 0
model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx avx2 {}

processor\t: 1
model name\t: AMD EPYC
flags\t\t: fpu sse4_2 avx avx2 {}
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd aes {}\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (X86.format("", ""), "AMD EPYC with AVX2"),
        (X86.format("avx512f avx512_vnni", "avx512f avx512_vnni"), "AMD EPYC with AVX512-VNNI"),
        (ARM.format("asimddp"), f"{platform.machine()} with ASIMDDP"),
        (ARM.format(""), f"{platform.machine()} with ASIMD"),
        ("model name : An old one\nflags : fpu sse\n", "An old one"),
        ("", platform.machine()),
    ],
)
def test_a_processor_is_told_by_its_best_vector_instructions(tmp_path, text, described):
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert _cpu(file) == described


def test_a_system_that_describes_no_processor_tells_the_kind_of_machine(tmp_path):
    assert _cpu(tmp_path / "missing") == platform.machine()


def test_the_header_has_machine_date_and_commit():
    machine, date, commit = header().splitlines()
    assert machine.startswith("machine: ") and " cores, " in machine
    assert date.startswith("date:    20") and "Python 3." in date
    assert commit.startswith("commit:  ")
