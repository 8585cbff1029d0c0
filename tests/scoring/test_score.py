"""The command's flags, and what it refuses before Ray is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from archive import write_archive

from fer_tf import FerError
from fer_tf.detecting import Detecting
from fer_tf.score import Score, job_of, score


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"part": 0}, r"--part: found 0, expected 1 or more"),
        ({"workers": 0}, r"--workers: found 0, expected 1 or more"),
        ({"every": -1.0}, r"--every: found -1, expected seconds, at least 0"),
        ({"min_certainty": 2.0}, r"min_certainty: found 2, expected 0 to 1"),
        ({"source": "no-such-folder"}, r"no-such-folder: is not there"),
        ({"source": "."}, r"\.: nothing to score in there, expected pictures or videos"),
        ({"out": "nope://x"}, r"expected a path or an address that Arrow or fsspec knows"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(tmp_path, monkeypatch, flags, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FerError, match=told):
        score(replace(Score("photos", "out"), **flags))


def test_a_missing_package_is_told_with_the_extra(monkeypatch):
    monkeypatch.setattr("fer_tf.score.find_spec", lambda name: None)
    with pytest.raises(FerError, match=r"score: needs ray, which is not installed: `pip install"):
        score(Score("photos", "out"))


def test_the_work_does_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    write_archive(tmp_path / "photos")
    here = job_of(Score(str(tmp_path / "photos"), str(tmp_path / "out")))
    monkeypatch.chdir(tmp_path)
    assert job_of(Score("photos", "out")) == here
    assert here.model is None and here.task.name == "fer2013"
    assert job_of(Score("photos", "out", tta="flip")) != here
    named = job_of(Score("photos", "out", detecting=Detecting(detector=Path("yunet"))))
    assert named.about["finding"]["detector"] == "yunet"
