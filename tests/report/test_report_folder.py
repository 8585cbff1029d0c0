import csv
import json
import re

import cv2
import numpy as np
import pytest

from fer_tf.errors import FerError
from fer_tf.report import writing
from fer_tf.report.value_scores import Values
from fer_tf.report.writing import FILES, replace_folder, write_report
from fer_tf.tasks import FER2013

HISTORY = """epoch,size,learning_rate,loss,accuracy,val_loss,val_accuracy
1,48,1e-3,1.8,0.30,1.7,0.35
2,64,8e-4,1.6,0.40,1.5,0.45
"""


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_writes_all_files(tmp_path, predictions):
    history = tmp_path / "history.csv"
    history.write_text(HISTORY)
    out = tmp_path / "a" / "report"
    true, estimated = np.random.default_rng(0).uniform(-1, 1, (2, 300, 2))
    metrics = write_report(
        out,
        *predictions,
        FER2013,
        values=Values(("valence", "arousal"), true, estimated),
        history=history,
        title="<b> & co",
        facts={"Data": "noise"},
    )
    assert sorted(contents(out)) == sorted(FILES)
    assert list(out.parent.iterdir()) == [out]
    assert json.loads((out / "metrics.json").read_text())["accuracy"] == vars(metrics.accuracy)
    for name in FILES:
        if name.endswith(".png"):
            assert min(cv2.imread(str(out / name)).shape[:2]) > 500
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt; &amp; co" in page and "<b> & co" not in page
    assert f"{metrics.values[1].ccc.value:.3f}" in page and "SAGR" in page
    assert f"{metrics.accuracy.value:.1%}" in page and "noise" in page
    assert page.count("data:image/png;base64,") == 12
    assert not re.search(r'(src|href|srcset)="(?!data:)|url\(', page), "not self-contained"


def test_classification_report(tmp_path, predictions, no_pictures):
    metrics = write_report(tmp_path / "report", *predictions, FER2013)
    with open(tmp_path / "report" / "classification_report.csv", newline="") as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    assert list(rows) == [*FER2013, "macro avg", "weighted avg"]
    assert float(rows["Happy"]["recall"]) == pytest.approx(metrics.classes[3].recall, abs=1e-4)
    assert float(rows["macro avg"]["f1"]) == pytest.approx(metrics.macro_f1.value, abs=1e-4)
    assert float(rows["weighted avg"]["f1"]) == pytest.approx(metrics.weighted_f1, abs=1e-4)
    # recall weighted by support is accuracy
    assert float(rows["weighted avg"]["recall"]) == pytest.approx(metrics.accuracy.value, abs=1e-4)
    assert int(rows["macro avg"]["support"]) == 300


@pytest.mark.filterwarnings("error")
def test_one_row_without_history(tmp_path):
    write_report(
        tmp_path / "report",
        np.array([2], np.uint8),
        np.eye(7)[[2]],
        np.zeros((1, 48, 48), np.uint8),
        FER2013,
    )
    assert not (tmp_path / "report" / "curves.png").exists()


def test_replaces_the_report_before_it(tmp_path, predictions, no_pictures):
    out = tmp_path / "report"
    out.mkdir()
    (out / "metrics.json").write_text('{"macro_f1": 0.5}')
    (out / "curves.png").write_bytes(b"of the run before")
    write_report(out, *predictions, FER2013)
    assert sorted(contents(out)) == ["classification_report.csv", "metrics.json", "report.html"]
    assert list(tmp_path.iterdir()) == [out]
    (out / ".DS_Store").touch()  # as macOS does when somebody looks
    writing.check_directory(out)


@pytest.mark.parametrize("failing", ["report.html", "metrics.json"])
def test_a_failure_leaves_the_report_before_it(
    tmp_path, predictions, no_pictures, monkeypatch, failing
):
    out = tmp_path / "report"
    write_report(out, *predictions, FER2013)
    before = contents(out)
    write_bytes = writing.Path.write_bytes

    def full_disk(path, data):
        if path.name == failing:
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(writing.Path, "write_bytes", full_disk)
    with pytest.raises(FerError, match="No space left on device"):
        write_report(out, *predictions, FER2013, title="another")
    assert contents(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_failing_figure_leaves_the_report_before_it(tmp_path, predictions, monkeypatch):
    out = tmp_path / "report"
    out.mkdir()
    (out / "metrics.json").write_text('{"macro_f1": 0.5}')
    before = contents(out)

    def fail(*_, **__):
        raise RuntimeError("figure")

    monkeypatch.setattr(writing.figures, "confusion_figure", fail)
    with pytest.raises(RuntimeError, match="figure"):
        write_report(out, *predictions, FER2013)
    assert contents(out) == before


def test_a_failing_last_rename_puts_the_old_folder_back(tmp_path, monkeypatch):
    out = tmp_path / "report"
    replace_folder(out, {"report.html": b"before"})
    rename = writing.Path.rename

    def refuse(path, target):
        if path.name == ".report.new":
            raise OSError("refused")
        return rename(path, target)

    monkeypatch.setattr(writing.Path, "rename", refuse)
    with pytest.raises(OSError, match="refused"):
        replace_folder(out, {"report.html": b"after"})
    assert contents(out) == {"report.html": b"before"}
    assert list(tmp_path.iterdir()) == [out]


def test_recovers_from_a_kill_between_the_renames(tmp_path):
    out, old, new = (tmp_path / name for name in ("report", ".report.old", ".report.new"))
    for place in (old, new):
        place.mkdir()
        (place / "report.html").write_bytes(b"before")
    (new / "stale.png").touch()
    replace_folder(out, {"report.html": b"after"})
    assert contents(out) == {"report.html": b"after"}
    assert list(tmp_path.iterdir()) == [out]


def test_refuses_a_folder_of_something_else(tmp_path, predictions):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FerError, match=r"thesis\.tex"):
        write_report(tmp_path, *predictions, FER2013)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_refuses_a_disk_before_long_work():
    with pytest.raises(FerError, match=r"is where a disk begins.*such as /report"):
        writing.check_directory(writing.Path("/"))


def test_refuses_a_file_and_images_that_do_not_match(tmp_path, predictions, no_pictures):
    labels, probabilities, images = predictions
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "report", tmp_path / ("a" * 300)):
        with pytest.raises(FerError, match=r"can't be listed .*expected a folder to write"):
            write_report(place, labels, probabilities, images, FER2013)
    with pytest.raises(FerError, match="299 images for 300 labels"):
        write_report(tmp_path / "report", labels, probabilities, images[1:], FER2013)
