"""Drawn faces in AffectNet's layout, from its CSV files to a network that is trained, measured,
explained and exported, and whose TFLite file answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from fer_tf import evaluate, explain, export, predict, train
from fer_tf.data.layouts import LAYOUTS
from fer_tf.data.synthetic import draw_dataset
from fer_tf.tasks import AFFECT, AFFECTNET

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_network: str) -> Path:
    """A run of the recipe `affect`, but for its network and its length."""
    folder = tmp_path_factory.mktemp("affect")
    for name, seed in (("drawn", 0), ("unseen", 1)):
        LAYOUTS["affectnet-csv"](folder / name, draw_dataset(96, seed, affect=True))
    given = {"--data": str(folder / "drawn"), "--runs": str(folder), "--face-size": "24"}
    given |= {"--stages": "24 2", "--batch-size": "16", "--model": small_network}
    flags = (word for flag, each in given.items() for word in [flag, *each.split()])
    train.main(["affect", *flags])
    return folder / "affect"


def measured(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_the_run_has_a_report_of_both_values(trained: Path) -> None:
    files = {path.name for path in (trained / "report").iterdir()}
    assert {"circumplex.png", "residuals.png", "examples.png"} <= files
    values = measured(trained / "report")["values"]
    assert [value["name"] for value in values] == list(AFFECT)
    assert all(value["rows"] == 12 and 0 < value["class_mean_ccc"] < 1 for value in values)


def test_it_is_measured_on_unseen_faces(trained: Path, no_pictures: None, capsys) -> None:
    data = ["--data", str(trained.parent / "unseen"), "--split", "validation", "--face-size", "24"]
    evaluate.main([str(trained), *data, "--out", str(trained.parent / "report")])
    metrics = measured(trained.parent / "report")
    assert [each["name"] for each in metrics["classes"]] == list(AFFECTNET)
    assert metrics["rows"] == 12 and len(metrics["values"]) == 2
    out = capsys.readouterr().out
    assert "class's" in out and "constant" in out


def test_a_value_is_explained(trained: Path, tmp_path: Path, capsys) -> None:
    face = draw_dataset(24, 2).images[0]
    Image.fromarray(face).save(tmp_path / "face.png")
    flags = ["--model", str(trained), "--cropped", "--of", "Arousal", "--out", str(tmp_path)]
    explain.main([str(tmp_path / "face.png"), *flags])
    assert ": arousal " in capsys.readouterr().out
    assert (tmp_path / "face-explained.png").is_file()


def test_its_tflite_file_answers_with_both_values(trained: Path, tmp_path: Path, capsys) -> None:
    size = ["--formats", "tflite", "--size", "24"]
    # This network is too small for int8, which is told by the exit code.
    with pytest.raises(SystemExit):
        export.main([str(trained), "--to", str(tmp_path / "exported"), *size])
    (file,) = (tmp_path / "exported" / "tflite").glob("*float32.tflite")
    Image.fromarray(draw_dataset(24, 2).images[0]).save(tmp_path / "face.png")
    capsys.readouterr()
    predict.main([str(tmp_path / "face.png"), "--model", str(file), "--cropped", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    names = [f"probability_{name.lower()}" for name in AFFECTNET]
    values = [f"value_{name}" for name in AFFECT]
    assert [*row][-len(names) - len(values) :] == [*names, *values]
    assert all(abs(row[name]) <= 1 for name in values)
