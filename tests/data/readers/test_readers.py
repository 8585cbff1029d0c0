"""The registry of readers, and what `load_faces` does around them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.data import load_faces, readers, synthetic
from fer_tf.data.faces import Faces
from fer_tf.data.reader import Options, Reader
from fer_tf.data.readers import READERS, find
from fer_tf.data.splits import divide
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS


def faces_of(labels, task="fer2013") -> Faces:
    count = len(labels)
    images = np.arange(count, dtype=np.uint8)[:, None, None] + np.zeros((1, 48, 48), np.uint8)
    return Faces(
        images=images,
        labels=np.array(labels, np.uint8),
        split=np.zeros(count, np.uint8),
        task=TASKS[task],
    )


TOY = Reader(
    "toy",
    "name that ends in .toy",
    lambda path: path.endswith(".toy"),
    lambda path, options: faces_of([7, 0, 1, 6, 7], "affectnet8"),
)


@pytest.fixture
def with_toy(monkeypatch):
    monkeypatch.setattr(readers, "READERS", MappingProxyType({"toy": TOY, **READERS}))


def test_a_reader_from_outside_is_one_row(with_toy):
    assert load_faces("some.toy").labels.tolist() == [7, 0, 1, 6, 7]
    assert load_faces("anything", reader="toy").task.name == "affectnet8"


def test_every_reader_has_a_name_and_a_layout():
    for name, reader in READERS.items():
        assert reader.name == name and reader.layout[0].isascii() and reader.layout[-1] != "."
        assert not reader.matches("/nowhere at all/x") or name == "fer2013"


def test_a_path_is_taken_as_text_is(with_toy):
    assert len(load_faces(Path("some.toy"))) == 5
    with pytest.raises(FerError, match=r"has no rows to join v\.csv to"):
        load_faces(Path("some.toy"), votes=Path("v.csv"))


def test_a_name_that_no_file_can_have_is_told():
    for reader in READERS.values():
        assert not reader.matches("a" * 300) or reader.name == "fer2013"
    with pytest.raises(FerError, match=r"aaa: can.t be read .File name too long"):
        load_faces("a" * 300)


def test_annotations_of_other_data_are_not_taken_for_affectnet(tmp_path):
    for name, file in (("images", "0.jpg"), ("annotations", "instances.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    assert not READERS["affectnet"].matches(str(tmp_path))
    with pytest.raises(FerError, match=r"instances\.json: not a picture"):
        load_faces(tmp_path)


def test_an_error_says_which_readers_were_tried(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FerError) as caught:
        load_faces(str(path))
    for reader in READERS.values():
        assert f"{reader.name} found no {reader.layout}" in str(caught.value)
    with pytest.raises(FerError, match=r"can't be read .No such file"):
        load_faces(str(tmp_path / "absent.csv"))
    with pytest.raises(FerError, match="--reader 'other': expected one of"):
        load_faces(str(path), reader="other")


def test_a_forced_reader_is_not_asked_whether_it_matches(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FerError, match="column 'emotion' is missing"):
        load_faces(str(path), reader="fer2013")
    assert find("synthetic").name == "synthetic"


def test_classes_of_another_task_are_left_out_and_counted(with_toy):
    said: list[str] = []
    faces = load_faces("a.toy", task="affectnet7", say=said.append)
    assert faces.labels.tolist() == [0, 1, 6] and faces.task.labels == TASKS["affectnet7"].labels
    assert faces.images[:, 0, 0].tolist() == [1, 2, 3]
    assert said == ["a.toy: left out 2 of 'Contempt'"]
    assert load_faces("a.toy", task="fer2013").labels.tolist() == [6, 3, 0]


def test_what_a_reader_does_not_do_is_refused(with_toy):
    with pytest.raises(FerError, match=r"has no rows to join v\.csv to"):
        load_faces("a.toy", votes="v.csv")
    with pytest.raises(FerError, match="faces of 48x48 pixels, which the reader 'toy' leaves"):
        load_faces("a.toy", face_size=64)
    with pytest.raises(FerError, match="--face-size: expected 1 to 1024"):
        load_faces("a.toy", face_size=0)
    assert len(load_faces("a.toy", face_size=48)) == 5


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"task": "x"}, "--task 'x': expected one of fer2013"),
        ({"split": "80"}, "--split '80'"),
        ({"unpack_limit": float("nan")}, "--unpack-limit: expected GiB above 0"),
    ],
)
def test_flags_are_checked_before_anything_is_read(monkeypatch, flags, words):
    monkeypatch.setattr(readers, "READERS", {"toy": replace(TOY, read=None)})
    with pytest.raises(FerError, match=words):
        load_faces("a.toy", **flags)


@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=200),
    shares=st.lists(st.integers(1, 99), min_size=2, max_size=3),
)
def test_each_class_is_divided_by_the_shares(labels, shares):
    faces = faces_of(labels)
    text = ":".join(map(str, shares))
    said: list[str] = []
    divided = divide(faces, text, "x", said.append)
    assert said and "seed 0" in said[0]
    np.testing.assert_array_equal(divided.split, divide(faces, text, "x", said.append).split)
    for label in set(labels):
        counts = np.bincount(divided.split[faces.labels == label], minlength=3)
        expected = np.array([*shares, 0][:3]) / sum(shares) * counts.sum()
        assert (abs(counts - expected) <= 1).all()


@pytest.mark.parametrize("text", ["80", "80:20:0", "a:b", "1:2:3:4", "", "nan:1", "-1:2", "inf:1"])
def test_malformed_shares_are_refused(text):
    with pytest.raises(FerError, match="expected shares like 80:20"):
        divide(faces_of([0, 1]), text, "x", print)


@pytest.fixture
def undrawn(monkeypatch):
    """The synthetic faces are black: drawing all takes seconds."""

    def black(labels, *_):
        return np.zeros((len(labels), 48, 48), np.uint8), None

    monkeypatch.setattr(synthetic, "draw_with_affect", black)


def test_rows_that_the_data_has_are_not_drawn_again(undrawn):
    with pytest.raises(FerError, match="--split 80:20: synthetic has 600 PublicTest rows"):
        load_faces("synthetic", split="80:20")


def test_other_words_for_splits(undrawn):
    faces = load_faces("synthetic")
    assert len(faces.of("validation")) == 600 and len(faces.of("test")) == 200
    assert READERS["synthetic"].read("synthetic", Options()).task == faces.task
