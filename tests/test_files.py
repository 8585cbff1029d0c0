"""The rule about files that are there already: nobody else's is replaced."""

from __future__ import annotations

import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf import benchmark, describe, export
from fer_tf.errors import FerError
from fer_tf.explain import Explain, explain
from fer_tf.files import (
    free,
    mark_beside,
    mark_for,
    mark_of,
    refuse_strangers,
    write_beside,
    written_beside,
)
from fer_tf.report.writing import check_directory


def test_the_same_source_has_the_same_mark_wherever_it_is_named_from(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    whole = mark_for([tmp_path / "here" / "clip.mp4"])
    monkeypatch.chdir(tmp_path)
    assert mark_for(["here/clip.mp4"]) == whole
    monkeypatch.chdir(tmp_path / "here")
    assert mark_for(["clip.mp4"]) == whole != mark_for(["here/clip.mp4"])


def test_a_camera_never_shows_the_same_again():
    assert mark_for(["camera"], live=True) != mark_for(["camera"], live=True)


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_a_mark_is_found_at_either_end(tmp_path_factory, before, after):
    path = tmp_path_factory.mktemp("marks") / "file"
    mark = mark_for(["a"])
    path.write_bytes(before + mark.encode() + after)
    assert mark_of(path) == mark
    path.write_bytes(before + after)
    assert mark_of(path) == ""


def test_a_file_that_was_edited_is_its_editors(tmp_path):
    path, mark = tmp_path / "faces.csv", mark_for(["a"])
    path.write_text("rows")
    mark_beside(path, mark)
    assert mark_of(path) == mark and free(path, mark) == path
    path.write_text("rows and mine")
    assert mark_of(path) == "" and free(path, mark) == tmp_path / "faces-2.csv"


def test_what_is_no_file_is_nobodys(tmp_path):
    mark = mark_for(["a"])
    (tmp_path / "folder.png").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "link.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("folder", "link", "pipe"):
        assert free(tmp_path / f"{name}.png", mark) == tmp_path / f"{name}-2.png"


def test_writing_beside_leaves_nothing_behind(tmp_path):
    with pytest.raises(OSError):
        write_beside(tmp_path / "missing" / "a.txt", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_beside(tmp_path / "folder", b"")
    assert os.listdir(tmp_path) == ["folder"]


def test_results_of_before_are_told_by_their_sign(tmp_path):
    refuse_strangers(tmp_path, ["a.txt"], sign="sign.json", text="mine")
    (tmp_path / "a.txt").write_text("somebody's")
    with pytest.raises(FerError, match=r"a\.txt: is there already"):
        refuse_strangers(tmp_path, ["a.txt"], sign="sign.json", text="mine")
    (tmp_path / "sign.json").write_text("this is mine")
    refuse_strangers(tmp_path, ["a.txt"], sign="sign.json", text="mine")


WRITERS = {
    "model_card.md": lambda out: export.main(["--shipped", "--to", out, "--formats", "tflite"]),
    "web": lambda out: export.main(["--shipped", "--to", out, "--formats", "web"]),
    "benchmark.txt": lambda out: benchmark.main(["shipped", "--out", out]),
    "dataset.html": lambda out: describe.main(["--data", "none.csv", "--out", out]),
    "metrics.json": lambda out: check_directory(out),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_with_a_strangers_file_is_refused(name, tmp_path):
    mine = tmp_path / name
    mine.write_text("mine")
    with pytest.raises(FerError, match="is there already"):
        WRITERS[name](tmp_path if name == "metrics.json" else str(tmp_path))
    assert mine.read_text() == "mine" and os.listdir(tmp_path) == [name]


def test_explanations_leave_what_is_there(tmp_path, monkeypatch):
    class Told:
        explanation = None
        face = SimpleNamespace(sure=True)

        def panels(self, image):
            return image

    class Analyzer:
        explainer = None

        def explain(self, image, **_):
            return [Told()]

    monkeypatch.setattr("fer_tf.explain._analyzer", lambda args: Analyzer())
    monkeypatch.setattr("fer_tf.vision.panels.answer", lambda explanation: "Happy")
    mine = tmp_path / "out" / "x-explained.png"
    for place in ("out", "a", "b"):
        (tmp_path / place).mkdir()
        cv2.imwrite(str(tmp_path / place / "x.png"), np.zeros((9, 9, 3), np.uint8))
    mine.write_bytes(b"mine")
    for place in ("a", "b", "b"):
        list(explain(Explain(pictures=(tmp_path / place / "x.png",), out=tmp_path / "out")))
    assert mine.read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path / "out")) == [
        "x-explained-2.png",
        "x-explained-3.png",
        "x-explained.png",
        "x.png",
    ]


def test_what_is_written_beside_is_whole_or_as_it_was(tmp_path) -> None:
    path = tmp_path / "a.keras"
    write_beside(path, "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    with pytest.raises(RuntimeError), written_beside(path, ".tmp.keras") as beside:
        assert beside.parent == tmp_path and beside.suffix == ".keras"
        beside.write_text("half")
        raise RuntimeError
    assert path.read_bytes() == "ä\n".encode() and [*tmp_path.iterdir()] == [path]
