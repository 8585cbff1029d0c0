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
from fer_tf.score import Score, score
from fer_tf.scoring import ray_parts
from fer_tf.scoring.part_scores import PartTally
from fer_tf.scoring.places import Unreachable

SCRIPT = Path(__file__).parents[2] / "scripts" / "prove_scoring.py"

DIED = "died-once"
"""A file in OUT that outlives the worker that wrote it."""


def mortal(job, number: int, alone: bool) -> PartTally:
    """As `ray_parts._score`; part 0 kills its first worker, part 1 all that don't isolate it,
    and part 2 every one."""
    mark = Path(job.out) / "_inputs" / DIED
    if (number == 0 and not mark.exists()) or (number == 1 and not alone) or number == 2:
        if number == 0:
            mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ray_parts._score(job, number, alone)


def test_parts_survive_what_they_do_to_their_workers(tmp_path, monkeypatch, capsys):
    source, out = write_archive(tmp_path / "photos"), tmp_path / "out"
    quiet = job_for(source, tmp_path / "quiet", part=2)
    score_all(quiet)
    monkeypatch.setattr(ray_parts, "DEATHS", 1)
    monkeypatch.setattr(ray_parts, "GIVEN_UP", 2)
    monkeypatch.setattr(ray_parts, "_score", mortal)
    args = Score(str(source), str(out), part=2, workers=2)
    (out / "_inputs").mkdir(parents=True)
    assert score(args) == PartTally(inputs=5, faces=2, empty=1, failed=2)
    for part in (0, 1):
        file = Path(quiet.file(part).path)
        assert (out / file.name).read_bytes() == file.read_bytes()
    told = brief(scores(out), "part", "status", "reason")[-1]
    assert told == (2, "failed", "its part ended 2 workers, one by one")
    assert score(args) == PartTally(), "nothing is left, and Ray is not started"
    printed = capsys.readouterr()
    assert "part 0: its worker died, and another one is given it\n" in printed.err
    assert "part 2: given up, as its part ended 2 workers, one by one\n" in printed.err
    assert printed.out.splitlines() == [
        f"{out}: 3 parts, 3 scored now: 5 inputs, 2 faces, 1 without a face, 2 failed",
        f"{out}: 3 parts, 0 scored now: 0 inputs, 0 faces, 0 without a face, 0 failed",
    ]


def full(job, number: int, alone: bool) -> PartTally:
    """A worker that finds no file system, and then no room."""
    mark = Path(job.out) / "_inputs" / DIED
    if not mark.exists():
        mark.touch()
        raise Unreachable("photos: does not answer")
    raise FerError(f"{job.file(number).name}: can't be written: No space left on device")


def test_a_workers_sentence_ends_the_command(tmp_path, monkeypatch, capsys):
    flags = str(write_archive(tmp_path / "photos")), str(tmp_path / "out")
    monkeypatch.setattr(ray_parts, "_score", full)
    with pytest.raises(FerError, match=r"part-0000000.parquet: can't be written: No space left"):
        score(Score(*flags, workers=1))
    assert "until it ended; the same command goes on" in capsys.readouterr().err
    with pytest.raises(FerError, match=r"--ray-address 127.0.0.1:1: does not answer"):
        score(Score(*flags, ray_address="127.0.0.1:1"))


@pytest.fixture(autouse=True)
def workers_import_these_tests(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.mark.slow
def test_the_table_is_the_same_whatever_is_killed():
    flags = ["--pictures", "300", "--part", "5", "--kills", "8", "--longest", "2"]
    done = subprocess.run([sys.executable, SCRIPT, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the same\n")
