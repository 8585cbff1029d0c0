"""`scripts/ship.py`: what ships is made from a run whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from shutil import copy
from types import SimpleNamespace

import numpy as np
import pytest
import ship
from exported import FACES, network
from hypothesis import given
from hypothesis import strategies as st
from tiny import run_folder

from fer_tf import FerError
from fer_tf.exporting import parity
from fer_tf.models.registry import create_model
from fer_tf.recipes.as_json import from_json
from fer_tf.recipes.schema import Recipe
from fer_tf.runtimes.runner import open_runner
from fer_tf.shipped import FILES
from fer_tf.trained.inference import predict_logits

LOOSE = dict.fromkeys(parity.TOLERANCES, parity.Tolerance(difference=1.0, agreement=0.0, loss=1.0))
"""For a network with random weights, whose classes hang on little."""


@pytest.fixture(scope="module")
def run(small_network, csv_file, tmp_path_factory) -> Path:
    """A finished run's folder, without training."""
    recipe = Recipe(model="short", data=str(csv_file), stages=((24, 1), (40, 2)), fit_prior=True)
    folder = run_folder(tmp_path_factory.mktemp("runs") / "short", recipe)
    network().save(folder / "best.keras")
    return folder


@pytest.fixture(scope="module")
def made(run, tmp_path_factory) -> Path:
    """What ships of it."""
    folder = tmp_path_factory.mktemp("saved_models") / "short"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "TOLERANCES", LOOSE)
        ship.main([str(run), "--to", str(folder), "--hardware", "an abacus"])
    return folder


@pytest.fixture
def before(made) -> dict[str, bytes]:
    return contents(made)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_everything_is_made(made, csv_file):
    assert {path.name for path in made.iterdir()} == {*FILES}
    assert [*made.parent.iterdir()] == [made], "leftovers"
    metrics = json.loads((made / "metrics.json").read_text())
    assert metrics["rows"] == 6 and metrics["size"] == [40, 40]
    recipe = from_json((made / "recipe.json").read_text())
    assert recipe.data == "fer2013.csv" and recipe.model == "short"
    card = (made / "README.md").read_text()
    assert f"| Accuracy | {metrics['accuracy']['value']:.1%} |" in card
    assert "2 epochs in 1 h 7 min (`history.csv`), on an abacus" in card
    assert "A constant for each class, fitted to Training's labels, is in the logits" in card
    assert str(csv_file.parent) not in card and "{{" not in card


def test_the_weights_and_the_file_are_the_runs(made):
    loaded = create_model(
        "short", input_shape=(None, None, 3), weights=str(made / "float16.weights.h5")
    )
    ours, theirs = (predict_logits(each, FACES, size=(40, 40)) for each in (loaded, network()))
    assert 0 < np.abs(ours - theirs).max() < 0.05, "float16"
    runner = open_runner(made / "int8.tflite")
    metrics = json.loads((made / "metrics.json").read_text())
    assert runner.size == (40, 40)
    assert runner.temperature == pytest.approx(metrics["temperature"], abs=1e-4)


def test_a_better_network_stays(run, made, before):
    better = json.loads(before["metrics.json"])
    better["accuracy"]["value"] = 1.0
    (made / "metrics.json").write_text(json.dumps(better))
    with pytest.raises(FerError, match=r"recognises .*%, but .* 100\.00%: .* or --force"):
        ship.main([str(run), "--to", str(made)])
    (made / "metrics.json").write_bytes(before["metrics.json"])
    assert contents(made) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"rows": 3589, "accuracy": {"value": 1}}', "measured on 6 faces, .* on 3,589: expected"),
        ("[]", r"is no metrics\.json of ours"),
    ],
)
def test_what_is_measured_on_other_faces_or_not_at_all_is_not_compared(tmp_path, content, told):
    (tmp_path / "metrics.json").write_text(content)
    new = SimpleNamespace(rows=6, accuracy=SimpleNamespace(value=1.0))
    with pytest.raises(FerError, match=told):
        ship.check_better("run", new, tmp_path)


def test_force_replaces_it(run, made, before, monkeypatch):
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    better = json.loads(before["metrics.json"])
    better["accuracy"]["value"] = 1.0
    (made / "metrics.json").write_text(json.dumps(better))
    ship.main([str(run), "--to", str(made), "--force", "--hardware", "an abacus"])
    after = contents(made)
    for name in {*FILES} - {"README.md"}:  # whose date may be another
        assert after[name] == before[name], "the same run gives the same bytes"


def test_what_cannot_ship_leaves_the_folder_as_it_was(run, made, before, monkeypatch):
    strict = parity.Tolerance(difference=1e-9, agreement=1.0, loss=0.0)
    monkeypatch.setattr(parity, "TOLERANCES", {**LOOSE, "int8": strict})
    with pytest.raises(FerError, match="int8 is out of tolerance: a probability differs"):
        ship.main([str(run), "--to", str(made)])
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    monkeypatch.setattr(ship, "LIMIT", 1000)
    with pytest.raises(FerError, match="expected at most 1,000"):
        ship.main([str(run), "--to", str(made)])
    assert contents(made) == before
    assert [*made.parent.iterdir()] == [made], "leftovers"


def test_what_is_refused_at_once(run, tmp_path):
    with pytest.raises(FerError, match="holds short, expected other as --to is"):
        ship.main([str(run), "--to", str(tmp_path / "other")])
    mine = tmp_path / "short"
    mine.mkdir()
    (mine / "diary.txt").write_text("mine")
    with pytest.raises(FerError, match=r"holds diary\.txt"):
        ship.main([str(run), "--to", str(mine)])
    with pytest.raises(FerError, match="holds short, expected mit_b0_fusion or nano, or --to"):
        ship.main([str(run)])
    with pytest.raises(FerError, match="no such file or folder"):
        ship.main([str(tmp_path / "none")])
    with pytest.raises(FerError, match=r"expected a run folder with recipe\.json"):
        ship.main([str(copy(run / "best.keras", tmp_path))])
    assert contents(mine) == {"diary.txt": b"mine"}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("fer2013.csv", "fer2013.csv"),
        ("/home/me/data/fer2013.csv", "fer2013.csv"),
        ("../fer2013.zip", "fer2013.zip"),
        ("runs/vgg_half", "runs/vgg_half"),
        ("/home/me/runs/vgg_half/best.keras", "runs/vgg_half/best.keras"),
        ("synthetic", "synthetic"),
    ],
)
def test_paths_become_neutral(path, kept):
    neutral = json.loads(ship.neutral(json.dumps({"data": path, "teachers": [path]}), seed=3))
    assert neutral == {"data": kept, "teachers": [kept], "seed": 3}


@given(st.lists(st.text("ab.", min_size=1), min_size=1))
def test_no_folder_but_runs_is_kept(parts):
    path = str(PurePath("/", *parts))
    kept = json.loads(ship.neutral(json.dumps({"weights": path})))["weights"]
    assert "/" not in kept or path == "/"
