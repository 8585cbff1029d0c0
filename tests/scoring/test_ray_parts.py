"""On Ray: workers that die, parts that kill them, and a cluster of which parts are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from archive import brief, job_for, score_all, scores, write_archive

from fer_tf import FerError
from fer_tf.scoring import ray_parts
from fer_tf.scoring.input_lists import InputList, find_entries
from fer_tf.scoring.part_scores import PartTally

SCRIPT = Path(__file__).parents[2] / "scripts" / "prove_scoring.py"

DIED = "died-once"
"""A file in OUT that outlives the worker that wrote it."""


def mortal(job, number: int, alone: bool) -> PartTally:
    """As `ray_parts._score`; part 0 kills its first worker, part 1 all that don't isolate it,
    and part 2 every one."""
    mark = Path(job.out) / "_inputs" / DIED
    if (number == 0 and not mark.exists()) or (number == 1 and not alone) or number == 2:
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ray_parts._score(job, number, alone)


def test_parts_survive_what_they_do_to_their_workers(tmp_path, monkeypatch):
    source = write_archive(tmp_path / "photos")
    quiet, job = (job_for(source, tmp_path / name, part=2) for name in ("quiet", "out"))
    score_all(quiet)
    inputs = InputList(job.place)
    inputs.add(find_entries(job.source, None), job.part)
    monkeypatch.setattr(ray_parts, "DEATHS", 1)
    monkeypatch.setattr(ray_parts, "GIVEN_UP", 2)
    monkeypatch.setattr(ray_parts, "_score", mortal)
    tallies: list[PartTally] = []
    ray_parts.run_parts(job, job.missing(inputs), workers=2, address=None, done=tallies.append)
    assert sum(tallies, PartTally()) == PartTally(inputs=5, faces=2, empty=1, failed=2)
    for part in (0, 1):
        assert Path(job.file(part).path).read_bytes() == Path(quiet.file(part).path).read_bytes()
    assert brief(scores(tmp_path / "out"), "part", "status")[-1] == (2, "failed")
    assert scores(tmp_path / "out").column("reason")[-1].as_py() == (
        "its part ended 2 workers, one by one"
    )


def full(job, number: int, alone: bool) -> PartTally:
    """A worker that finds no room."""
    raise FerError(f"{job.file(number).name}: can't be written: No space left on device")


def test_a_workers_sentence_ends_the_command(tmp_path, monkeypatch):
    job = job_for(write_archive(tmp_path / "photos"), tmp_path / "out")
    inputs = InputList(job.place)
    inputs.add(find_entries(job.source, None), job.part)
    monkeypatch.setattr(ray_parts, "_score", full)
    with pytest.raises(FerError, match=r"part-0000000.parquet: can't be written: No space left"):
        ray_parts.run_parts(job, [0], workers=1, address=None, done=print)
    with pytest.raises(FerError, match=r"--ray-address 127.0.0.1:1: does not answer"):
        ray_parts.run_parts(job, [0], workers=1, address="127.0.0.1:1", done=print)


@pytest.fixture(autouse=True)
def workers_import_these_tests(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.mark.slow
def test_the_table_is_the_same_whatever_is_killed():
    flags = ["--pictures", "300", "--part", "5", "--kills", "8", "--longest", "6"]
    done = subprocess.run([sys.executable, SCRIPT, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the same\n")
