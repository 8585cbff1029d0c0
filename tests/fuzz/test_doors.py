"""A short run of the fuzz harness at every door; `harness.py` runs as long as it is told."""

from __future__ import annotations

import pytest
from doors import DOORS, damaged
from harness import fuzz


@pytest.mark.parametrize("door", DOORS)
def test_damaged_files_get_an_answer_or_a_sentence(door):
    found = fuzz(door, count=20)
    assert found.clean, found
    assert found.tried == 20


def test_good_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path))
    for name, door in DOORS.items():
        for number, (suffix, data) in enumerate(door.samples()):
            path = tmp_path / f"{name}{number}{suffix}"
            path.write_bytes(data)
            door.enter(path)


def test_a_seed_makes_the_same_input_again():
    assert damaged(bytes(100), 7) == damaged(bytes(100), 7) != damaged(bytes(100), 8)
