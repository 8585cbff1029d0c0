"""`scripts/measure_detectors.py`: boxes in WIDER FACE's format, matching, changed pictures."""

from __future__ import annotations

import re
import sys

import measure_detectors
import numpy as np
import pytest
import show_faces
from _changes import turned
from _people import NOBODY, PEOPLE, Picture, crowd, nobody, photos
from _wider import Labelled, boxes_text, matched, read_boxes
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer_tf.errors import FerError
from fer_tf.vision.results import Box, Detection

names = st.text("abc/_- é0", min_size=1).map(str.strip).filter(lambda name: name)
names = names.filter(lambda name: not re.fullmatch(r"[0 ]+", name))
sides = st.integers(1, 2000)
faces = st.lists(
    st.tuples(st.integers(-50, 2000), st.integers(-50, 2000), sides, sides, st.booleans())
)


@given(st.dictionaries(names, faces, max_size=5))
def test_boxes_written_are_read(tmp_path_factory, boxes):
    wanted = {
        name: [Labelled(Box(*face[:4]), face[4]) for face in rows] for name, rows in boxes.items()
    }
    path = tmp_path_factory.mktemp("boxes") / "boxes.txt"
    path.write_text(boxes_text(wanted), "utf-8")
    assert read_boxes(path) == wanted


@given(st.text("0123456789 -a/.\n", max_size=60))
def test_any_text_is_read_or_refused_in_one_sentence(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("boxes") / "boxes.txt"
    path.write_text(text, "utf-8")
    try:
        boxes = read_boxes(path)
    except FerError as error:
        assert re.fullmatch(
            re.escape(str(path)) + r", line \d+: found .*, expected [^\n]*", str(error)
        )
    else:
        assert all(face.box.area > 0 for faces in boxes.values() for face in faces)


def test_as_wider_writes(tmp_path):
    path = tmp_path / "wider.txt"
    path.write_text(
        "0--Parade/a.jpg\n2\n449 330 122 149 0 0 0 0 0 0 \n10 10 5 5 2 0 0 1 0 0 \n"
        "0--Parade/nobody.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
        "b.jpg\n2\n1 2 3 0\n1 2 3 4\n"
    )
    assert read_boxes(path) == {
        "0--Parade/a.jpg": [
            Labelled(Box(449, 330, 122, 149)),
            Labelled(Box(10, 10, 5, 5), counts=False),
        ],
        "0--Parade/nobody.jpg": [],
        "b.jpg": [Labelled(Box(1, 2, 3, 4))],
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.jpg\n", "line 2: found the end, expected the number of faces of 'a.jpg'"),
        ("a.jpg\nb.jpg\n", "line 2: found 'b.jpg', expected the number of faces of 'a.jpg'"),
        ("a.jpg\n2\n1 2 3 4\n", "line 4: found the end, expected 2 faces of 'a.jpg'"),
        ("a.jpg\n1\n1 2 3\n", "line 3: found '1 2 3', expected a face: left, top, width"),
        ("a.jpg\n1\n1 2 3 -4\n", "line 3: found '1 2 3 -4', expected a face"),
        ("a.jpg\n0\na.jpg\n0\n", "line 3: found 'a.jpg' again, expected each picture once"),
    ],
)
def test_malformed_boxes(tmp_path, text, told):
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(FerError, match=re.escape(f"{path}, {told}")):
        read_boxes(path)


def test_no_file_of_boxes(tmp_path):
    with pytest.raises(FerError, match=r"none\.txt: no such file, expected text with boxes"):
        read_boxes(tmp_path / "none.txt")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(
        FerError, match=r"picture\.jpg: can't be read: .*, expected text with boxes"
    ):
        read_boxes(tmp_path / "picture.jpg")


def find(left: float, score: float, width: float = 10) -> Detection:
    return Detection(Box(left, 0, width, 10), score)


def test_matching_at_its_edge():
    face = [Labelled(Box(0, 0, 10, 10))]
    assert matched([find(0, 0.9, 4)], face) == ([True], [])  # IoU 0.4
    assert matched([find(0, 0.9, 3.9)], face)[0] == [False]
    assert matched([], face) == ([False], [])


def test_matching_counts_each_face_and_each_find_once():
    two = [Labelled(Box(0, 0, 10, 10)), Labelled(Box(4, 0, 10, 10))]
    # The surer find takes the face that it covers best, and the other one what is left.
    assert matched([find(1, 0.8), find(0, 0.9)], two) == ([True, True], [])
    thrice = [find(0, 0.9), find(0, 0.8), find(90, 0.75)]
    assert matched(thrice, two[:1]) == ([True], thrice[1:])


def cells(line: str) -> list[str]:
    """Of a row of a table in Markdown."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_finds_of_faces_that_do_not_count_are_not_false():
    faces = (Labelled(Box(0, 0, 10, 10), counts=False), Labelled(Box(40, 0, 30, 30)))
    found = [Detection(face.box, 0.9) for face in faces] + [find(80, 0.8)]
    table = measure_detectors.Table({"look": lambda _: found}, smallest=8)
    table.add("as it is", "all", Picture("a", np.zeros((50, 99, 3), np.uint8), faces))
    count = table.counts["as it is", "all"]["look"]
    assert (count.faces, count.found, count.pictures, count.false) == (1, 1, 1, 1)
    assert cells(table.lines()[2]) == ["as it is: all", "1", "100"]
    assert table.strays == ["as it is, all: a, look, score 0.80"]


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_boxes_turn_with_the_picture(degrees):
    image = np.zeros((100, 140, 3), np.uint8)
    image[20:50, 90:110] = 255
    view = turned(Picture("a", image, (Labelled(Box(90, 20, 20, 30)),)), degrees)
    box = view.faces[0].box
    there = view.image[round(box.top) : round(box.bottom), round(box.left) : round(box.right)]
    assert there.mean() > 0.9 * 255
    assert abs(view.image.sum() / image.sum() - 1) < 0.01


def test_free_set_is_there_and_found():
    from fer_tf.vision.detectors import open_detector

    detector = open_detector()
    for photo in photos():
        assert matched(detector.detect(photo.image), photo.faces) == ([True], []), photo.name
    assert len(crowd(0).faces) == 44
    strays = [each.name for each in nobody() if detector.detect(each.image)]
    assert strays == []


def test_the_free_set_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(show_faces, "crowds", lambda: iter(()))
    show_faces.write_set(tmp_path / "set")
    boxes = read_boxes(tmp_path / "set" / "boxes.txt")
    assert [boxes[f"{photo.name}.png"] for photo in photos()] == [[*p.faces] for p in photos()]
    assert {path.name for path in (tmp_path / "set").glob("*.png")} == {*boxes}
    sources = (tmp_path / "set" / "SOURCES.md").read_text("utf-8")
    assert all(each.name in sources and each.licence in sources for each in (*PEOPLE, *NOBODY))


def test_a_folder_is_measured(tmp_path, monkeypatch, capsys):
    astronaut = photos()[0]
    Image.fromarray(astronaut.image).save(tmp_path / "a.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    boxes = tmp_path / "boxes.txt"
    boxes.write_text(boxes_text({"a.png": astronaut.faces, "nobody.png": []}))
    monkeypatch.setattr(
        sys, "argv", ["measure_detectors", str(tmp_path), str(boxes), "--sizes", "320"]
    )
    measure_detectors.main()
    lines = [cells(line) for line in capsys.readouterr().out.splitlines()]
    assert ["as it is: all", "1", "100", "100"] in lines
    assert ["size: from 96 px", "1", "100", "100"] in lines
    assert ["as it is", "2", "0.000", "0.000"] in lines
