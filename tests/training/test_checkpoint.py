"""Checkpoints are whole, or noticed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import full_disk

from fer_tf import FerError
from fer_tf.training import checkpoint
from fer_tf.training.checkpoint import Checkpoint, DamagedCheckpoint, load, newest, newest_whole

ARRAYS = {
    "network.0000.kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "network.0001.seed": np.array([3, 4], np.uint32),
    "optimizer.0000.iteration": np.array(7, np.int64),
}
STATE = {"epoch": 2, "best": 0.125, "history": [{"epoch": 1, "loss": 1.5}]}


def save(folder: Path, number: int) -> Path:
    return checkpoint.save(folder, number, Checkpoint(ARRAYS, STATE))


def same(found: Checkpoint) -> bool:
    """Whether a checkpoint is the one that `save` writes."""
    return (
        found.state == STATE
        and found.arrays.keys() == ARRAYS.keys()
        and all(
            found.arrays[name].dtype == array.dtype
            and found.arrays[name].shape == array.shape
            and found.arrays[name].tobytes() == array.tobytes()
            for name, array in ARRAYS.items()
        )
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    assert same(load(save(tmp_path / "new", 5)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save(tmp_path_factory.mktemp("whole"), 1).read_bytes()


fuzz = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(length=st.integers(min_value=0))
def test_any_truncation_is_noticed(tmp_path: Path, written: bytes, length: int) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(written[: length % len(written)])
    with pytest.raises(DamagedCheckpoint):
        load(path)


@fuzz
@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=1, max_size=3))
def test_any_change_is_noticed_or_harmless(
    tmp_path: Path, written: bytes, changes: list[tuple[int, int]]
) -> None:
    content = bytearray(written)
    for place, mask in changes:
        content[place % len(content)] ^= mask
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    with contextlib.suppress(DamagedCheckpoint):
        assert same(load(path))


def test_every_bit_of_the_arrays_counts(tmp_path: Path, written: bytes) -> None:
    first = written.index(ARRAYS["network.0000.kernel"].tobytes())
    path = tmp_path / "checkpoint.npz"
    for place in range(first, first + ARRAYS["network.0000.kernel"].nbytes):
        content = bytearray(written)
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(DamagedCheckpoint, match=r"network\.0000\.kernel"):
            load(path)


def test_every_bit_of_the_directory_counts(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "checkpoint.npz"
    for bit in range(8 * written.index(b"PK\1\2"), 8 * len(written)):
        content = bytearray(written)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with contextlib.suppress(DamagedCheckpoint):
            assert same(load(path)), bit


def test_a_file_that_is_no_checkpoint_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(DamagedCheckpoint):
        load(path)
    with pytest.raises(DamagedCheckpoint):
        load(tmp_path / "absent.npz")


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for number in (2, 9, 10, 100):
        save(tmp_path, number)
    assert [path.stem for path in newest(tmp_path)] == [
        "checkpoint-000000100",
        "checkpoint-000000010",
    ]
    assert len(list(tmp_path.iterdir())) == checkpoint.KEPT


def test_a_damaged_one_is_named_and_the_one_before_it_used(tmp_path: Path) -> None:
    save(tmp_path, 1)
    damaged = save(tmp_path, 2)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    said: list[str] = []
    found = newest_whole(tmp_path, said.append)
    assert found is not None and same(found)
    assert len(said) == 1
    assert str(damaged) in said[0] and "using the one before it" in said[0]


def test_a_damaged_one_takes_no_whole_ones_place(tmp_path: Path) -> None:
    first = save(tmp_path, 1)
    save(tmp_path, 9).write_bytes(b"damaged")
    second = save(tmp_path, 2)
    assert newest(tmp_path) == [second, first]


def test_all_damaged_is_refused(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path, number).write_bytes(b"")
    said: list[str] = []
    with pytest.raises(FerError, match="all 2 checkpoints are damaged"):
        newest_whole(tmp_path, said.append)
    assert len(said) == 2 and "before" not in said[1]
    assert newest_whole(tmp_path / "none", said.append) is None


@pytest.mark.parametrize("place", ["savez", "fsync", "replace"])
def test_a_full_disk_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    last = save(tmp_path, 1)

    monkeypatch.setattr(np if place == "savez" else os, place, full_disk)
    with pytest.raises(FerError, match="the disk is full") as caught:
        save(tmp_path, 2)
    assert str(last) in str(caught.value)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [last]
    assert same(load(last))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match="a file is in the way; there is none before it"):
        save(tmp_path / "file" / "checkpoints", 1)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from fer_tf.cli import run
from fer_tf.training.checkpoint import Checkpoint, save
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
folder = Path(sys.argv[1])
save(folder, 1, Checkpoint({"a": np.ones(100)}, {}))
run(lambda: save(folder, 2, Checkpoint({"a": np.ones(1000)}, {})))
"""


def test_a_write_that_the_system_cuts_short(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="limits on files are POSIX")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "000000002.npz: the checkpoint could not be written, the file would be" in done.stderr
    assert [path.stem for path in tmp_path.iterdir()] == ["checkpoint-000000001"]
    assert load(newest(tmp_path)[0]).arrays["a"].sum() == 100
