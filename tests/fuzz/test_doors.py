"""A short run of the fuzz harness at every door; `harness.py` runs as long as it is told.

What opens networks shares one process, which imports Keras once, and all other doors another.
"""

from __future__ import annotations

import pytest
from doors import DOORS, damaged
from harness import fuzz

NETWORKS = ("keras", "keras members", "tflite", "onnx")
OTHERS = tuple(door for door in DOORS if door not in NETWORKS)


@pytest.mark.parametrize("doors", [NETWORKS, OTHERS], ids=["networks", "others"])
def test_damaged_files_get_an_answer_or_a_sentence(doors):
    found = fuzz(",".join(doors), count=10 * len(doors))
    assert found.clean, found
    assert found.tried == 10 * len(doors)


def test_good_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path))
    for name, door in DOORS.items():
        for number, (suffix, data) in enumerate(door.samples()):
            path = tmp_path / f"{name}{number}{suffix}"
            path.write_bytes(data)
            door.enter(path)


def test_a_seed_makes_the_same_input_again():
    assert damaged(bytes(100), 7) == damaged(bytes(100), 7) != damaged(bytes(100), 8)
