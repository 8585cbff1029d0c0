"""The describe command and the summary it shows, on data whose defects are known."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import numpy as np
import pytest
from tiny import full_disk

from fer_tf import describe
from fer_tf.data.faces import Faces
from fer_tf.data.synthetic import draw_dataset, write_csv
from fer_tf.errors import FerError
from fer_tf.report.dataset import summarise
from fer_tf.report.dataset_page import count_tables, dataset_page
from fer_tf.report.evaluation_page import HEAD, render
from fer_tf.tasks import FER2013, FERPLUS, TASKS


def faces_with_defects() -> Faces:
    """30 rows: rows 3 and 8 blank; 1 = 2 = 21 (leaks); 5 = 6 (labels disagree); 22 = 29 = 30."""
    images = np.random.default_rng(0).integers(0, 256, (30, 48, 48)).astype(np.uint8)
    labels = np.arange(30) % 7
    split = np.repeat([0, 1, 2], [20, 8, 2])
    images[2], images[7] = 0, 200
    for original, copies in {0: [1, 20], 4: [5], 21: [28, 29]}.items():
        images[copies] = images[original]
        labels[copies] = labels[original]
    labels[5] = 6
    return Faces(images, labels.astype(np.uint8), split.astype(np.uint8))


def test_counts_blanks_and_duplicates():
    faces = faces_with_defects()
    summary = summarise(faces)
    assert summary.counts.shape == (3, 7) and summary.counts.sum() == 30
    for split in range(3):
        for label in range(7):
            expected = ((faces.split == split) & (faces.labels == label)).sum()
            assert summary.counts[split, label] == expected
    equal = summary.equal
    assert equal.blank.first == (3, 8) and len(equal.blank) == 2
    assert equal.groups.first == ((1, 2, 21), (5, 6), (22, 29, 30)) and len(equal.groups) == 3
    assert equal.copies == 5
    assert equal.across.first == ((1, 2, 21), (22, 29, 30))
    assert equal.disagreeing.first == ((5, 6),)
    assert equal.leaked.tolist() == [0, 1, 0]
    assert summary.vote_counts is None and summary.vote_agreement is None


def test_one_pixel_makes_another_picture():
    faces = faces_with_defects()
    faces.images[1, 47, 47] ^= 1
    assert summarise(faces).equal.groups.first[0] == (1, 21)


def test_votes_are_compared_with_labels_in_the_labels_order():
    faces = faces_with_defects()
    votes = np.zeros((30, 10), np.uint8)
    columns = (4, 5, 6, 1, 3, 2, 0)  # of FERPlus, for each class of FER2013
    for row, label in enumerate(faces.labels):
        votes[row, columns[label]] = 6
    votes[:10, FERPLUS.index("NF")] = 6  # a tie
    votes[:3, FERPLUS.index("NF")] = 7
    voted = Faces(faces.images, faces.labels, faces.split, votes)
    summary = summarise(voted)
    assert summary.vote_agreement == pytest.approx(27 / 30)
    assert summary.vote_counts is not None
    assert summary.vote_counts[0, FERPLUS.index("NF")] == 3
    assert summary.vote_counts.sum() == 30


def test_count_tables_leave_out_empty_splits_and_add_up():
    faces = faces_with_defects()
    [table] = count_tables(summarise(faces.take(faces.split != 1)))
    assert table.header == ["class", "Training", "PrivateTest", "all", "share"]
    assert [row[0] for row in table.rows] == [*FER2013, "all"]
    assert table.rows[-1] == ["all", "20", "2", "22", "100.0%"]


def test_a_name_in_brackets_is_printed(capsys):
    task = replace(TASKS["fer2013"], labels=("smile [open]", *FER2013[1:]))
    describe._print(summarise(replace(faces_with_defects(), task=task)), "x")
    assert "smile [open]" in capsys.readouterr().out


def test_a_path_that_is_not_utf_8_can_be_written():
    assert "<title>f\\udcff</title>" in render(HEAD, title="f\udcff")


def test_page_holds_its_pictures_and_escapes_its_title():
    faces = faces_with_defects()
    page = dataset_page(faces, summarise(faces), title="<b>.csv")
    assert page.count("data:image/png;base64,iVBOR") == 6  # three figures, for light and for dark
    assert "&lt;b&gt;.csv" in page and "<b>.csv" not in page
    assert "5 (Sad, Training), 6 (Neutral, Training)" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)


@pytest.mark.parametrize("rows", [1, 3])
def test_page_of_few_or_only_blank_faces(rows):
    faces = faces_with_defects().take(np.array([2, 7, 2][:rows]))
    page = dataset_page(faces, summarise(faces), title="blank")
    assert page.count("data:image/png;base64,iVBOR") == 4


@pytest.fixture
def small_csv(tmp_path) -> str:
    write_csv(tmp_path / "small.csv", faces_with_defects())
    return str(tmp_path / "small.csv")


@pytest.fixture
def undrawn(monkeypatch):
    """Drawing them takes most of the time."""
    monkeypatch.setattr("fer_tf.report.dataset_page._pictures", lambda *_: [])


def test_command_writes_the_page_and_prints_the_table(
    tmp_path, small_csv, own_cache, undrawn, monkeypatch, capsys
):
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "deep" / "out"
    describe.main(["--data", small_csv, "--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["dataset.html"]
    assert "small.csv" in (out / "dataset.html").read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert re.search(r"all +20 +8 +2 +30 +100.0%", printed)
    assert re.search(r"Blank pictures +2 +row 3, 8", printed)
    assert re.search(r"PublicTest pictures also in Training +1 +12.5%", printed)


def test_command_refuses_bad_data_and_bad_places(tmp_path, small_csv, own_cache):
    with pytest.raises(FerError, match=r"absent\.csv"):
        describe.main(["--data", str(tmp_path / "absent.csv"), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match="--out"):
        describe.main(["--data", small_csv, "--out", str(tmp_path / "file")])


def test_an_interrupted_page_leaves_the_one_before(tmp_path, monkeypatch):
    page = tmp_path / "dataset.html"
    page.write_text("before")
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(FerError, match="No space left"):
        describe._write(page, "after")
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.html"]
    assert page.read_text() == "before"


def test_any_data_set_is_described(tmp_path, own_cache, undrawn, capsys):
    from fer_tf.data.layouts import write_affectnet_csv

    write_affectnet_csv(tmp_path / "set", draw_dataset(48, affect=True))
    out = tmp_path / "out"
    flags = ["--data", str(tmp_path / "set"), "--task", "affectnet7", "--face-size", "40"]
    describe.main([*flags, "--out", str(out)])
    said = capsys.readouterr().out
    assert "of 'Contempt'" in said and "left out 0 of 'Uncertain'" in said
    page = (out / "dataset.html").read_text()
    assert "colour faces of\n40x40 pixels" in page and "Anger" in page and "Angry" not in page
