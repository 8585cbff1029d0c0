"""Answers as dictionaries, as a table of pandas, as a picture and in notebooks."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

import fer_tf
from fer_tf import Analysis, Box, Face, FaceAnalyzer, FerError, VideoFrame, to_pandas
from fer_tf.pictures.data_urls import decode_data_url
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.face_table import COLUMNS, columns
from fer_tf.vision.results import UNSURE

SHARES = (0.02, 0.01, 0.01, 0.9, 0.01, 0.02, 0.03)
HAPPY = Face(Box(20, 30, 40, 50), 0.8, SHARES)
DOUBTFUL = Face(Box(90, 30, 40, 50), 0.75, SHARES, min_certainty=0.95)
VALUED = Face(Box(1, 2, 3, 4), 0.7, (0.25, 0.75), ("sad", "Glad"), (), (-0.5,), ("valence",))
PIXELS = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "<photo>.png"
    Image.fromarray(PIXELS).save(path)
    return Analysis((HAPPY, DOUBTFUL), width=160, height=120, source=str(path))


def test_a_dictionary_a_face_under_the_documented_names():
    first, second = Analysis((HAPPY, DOUBTFUL), source="a.jpg").to_dicts()
    assert tuple(first)[: len(COLUMNS)] == COLUMNS
    assert list(first)[len(COLUMNS) :] == [
        f"probability_{name}"
        for name in ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    ]
    assert (first["source"], first["face"], second["face"]) == ("a.jpg", 0, 1)
    assert [first[side] for side in ("left", "top", "width", "height")] == [20, 30, 40, 50]
    assert (first["label"], second["label"]) == ("Happy", UNSURE)
    assert first["certainty"] == first["probability_happy"] == 0.9
    assert first["frame"] is first["seconds"] is first["track"] is None
    assert json.loads(json.dumps(first)) == first
    assert Analysis((VALUED,)).to_dicts()[0]["value_valence"] == -0.5


def test_one_table_of_photos_and_frames_of_networks_of_other_classes():
    frame = VideoFrame((HAPPY,), source="clip.mp4", frame=7, seconds=0.28, tracks=(3,))
    photos = [Analysis((VALUED,), source="a.jpg"), Analysis((), reason="no face was found")]
    table = to_pandas(iter([frame, *photos]))
    assert list(table["source"]) == ["clip.mp4", "a.jpg"]
    assert list(table["track"].dropna()) == [3] and list(table["frame"].dropna()) == [7]
    assert str(table["track"].dtype) == "Int64"
    assert table["seconds"].tolist()[0] == 0.28 and np.isnan(table["seconds"].tolist()[1])
    assert table["probability_glad"].tolist()[1] == 0.75
    assert np.isnan(table["probability_glad"].tolist()[0])
    pandas.testing.assert_frame_equal(frame.to_pandas(), to_pandas(frame))


def test_a_table_of_nobody_has_its_columns():
    table = Analysis((), reason="no face was found").to_pandas()
    assert table.empty and tuple(table.columns) == COLUMNS


def test_a_table_of_nobody_has_the_columns_of_what_the_network_answers(monkeypatch):
    analyzer = FaceAnalyzer("nano")
    monkeypatch.setattr(analyzer, "detect", lambda picture: [])
    expected = columns(analyzer.task)
    for answers in (analyzer.analyze(PIXELS), analyzer.analyze_batch([PIXELS, "absent.png"])):
        table = to_pandas(answers)
        assert table.empty and tuple(table.columns) == expected
        assert str(table["probability_happy"].dtype) == "float64"


def test_faces_alone_are_no_table():
    with pytest.raises(FerError, match="found a Face, expected what analyze, analyze_batch or"):
        to_pandas((HAPPY, DOUBTFUL))


def test_pandas_is_imported_for_a_table_alone():
    code = """
import sys
from dataclasses import replace
from fer_tf import Analysis, Box, Face, to_pandas
analysis = Analysis((Face(Box(0, 0, 1, 1), 1.0, (1.0, 0, 0, 0, 0, 0, 0)),))
analysis.to_dicts(), analysis._repr_html_()
assert "pandas" not in sys.modules
to_pandas([analysis])
assert "pandas" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_pandas_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(FerError, match="pip install pandas"):
        Analysis(()).to_pandas()


def test_draws_its_own_file_or_the_picture_that_is_given(photo):
    expected = draw_faces(PIXELS, photo.faces)
    assert np.array_equal(np.asarray(photo.draw()), expected)
    pixels_alone = Analysis(photo.faces, width=160, height=120)
    assert np.array_equal(np.asarray(pixels_alone.draw(PIXELS)), expected)
    for source, named in (("", "the picture"), ("data:image/png;base64", "data:image/png;base64")):
        with pytest.raises(FerError, match=rf"{named} is no file, .* expected draw\(image\)"):
            replace(pixels_alone, source=source).draw()
    with pytest.raises(FerError, match="found a picture of 160x60 pixels"):
        photo.draw(PIXELS[:60])


def test_a_frame_draws_its_own_pixels_and_numbers():
    frame = VideoFrame((HAPPY,), width=160, height=120, tracks=(3,), pixels=PIXELS)
    drawn = np.asarray(frame.draw())
    assert np.array_equal(drawn, draw_faces(PIXELS, [HAPPY], tracks=[3]))


class Cells(HTMLParser):
    """The texts of a table's cells, and the addresses of pictures."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.pictures = [], []
        self.feed(html)

    def handle_data(self, data):
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        assert tag != "photo"
        self.pictures += [dict(attrs)["src"]] if tag == "img" else []


def test_a_notebook_shows_the_picture_and_a_row_a_face(photo):
    shown = Cells(photo._repr_html_())
    assert shown.pictures[0].startswith("data:image/jpeg;base64,")
    assert photo.source in shown.texts
    assert {"Happy", UNSURE, "90%", "Neutral 3%"} <= set(shown.texts)
    with Image.open(io.BytesIO(decode_data_url(shown.pictures[0]))) as picture:
        assert picture.size == (160, 120)


def test_a_notebook_keeps_the_picture_once(photo):
    formatter = DisplayFormatter()
    formatter.active_types = formatter.format_types  # as a notebook's kernel has it
    assert set(formatter.format(photo)[0]) == {"text/html", "text/plain"}


def test_of_two_that_are_as_probable_a_notebook_shows_both():
    tied = Face(HAPPY.box, 0.8, (0.1, 0.4, 0.4, 0.1), ("a", "b", "c", "d"))
    assert {"b", "40%", "c 40%"} <= set(Cells(Analysis((tied,))._repr_html_()).texts)


def test_a_notebook_shows_what_there_is():
    empty = Analysis((), reason="no face was found", source="gone.png")
    assert "gone.png no face was found" in Cells(empty._repr_html_()).texts
    crowd = VideoFrame((HAPPY,) * 30, tracks=tuple(range(1, 31)))
    assert {"person", "and 10 more"} <= set(Cells(crowd._repr_html_()).texts)


def test_an_unsure_answer_keeps_its_class_and_its_probabilities():
    assert (HAPPY.label, HAPPY.sure) == ("Happy", True)
    assert (DOUBTFUL.label, DOUBTFUL.emotion, DOUBTFUL.sure) == (UNSURE, "Happy", False)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_certainty_out_of_range_is_refused(share):
    with pytest.raises(FerError, match="min_certainty: found"):
        fer_tf.FaceAnalyzer(min_certainty=share)
