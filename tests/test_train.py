"""`python -m fer_tf.train` in this process: what it refuses, keeps and says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import pytest
from small import flags, refused
from tiny import tiny_csv

from fer_tf import train as command
from fer_tf.errors import FerError
from fer_tf.recipes import RECIPES
from fer_tf.trained.run_folder import Run
from fer_tf.training.loop import Training

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def finished(csv_file: Path, tmp_path_factory: pytest.TempPathFactory, small_network: str) -> Path:
    """The runs folder of a finished run."""
    runs = tmp_path_factory.mktemp("runs")
    command.main(flags(csv_file, runs))
    return runs


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_leaves_model_history_and_report(finished: Path) -> None:
    run = finished / "scratch"
    assert keras.saving.load_model(run / "best.keras").dtype_policy.name == "float32"
    assert len((run / "history.csv").read_text().splitlines()) == 3
    assert (run / "report" / "report.html").is_file()
    assert json.loads((run / "recipe.json").read_text())["stages"] == [[32, 2]]


def test_a_finished_run_is_not_trained_again(
    finished: Path, csv_file: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(Training, "_epoch", None)
    monkeypatch.setattr(command, "_report", None)
    before = contents(finished)
    command.main(flags(csv_file, finished))
    out = capsys.readouterr().out
    assert "is finished: 2 epochs, best validation accuracy" in out
    assert str(finished / "scratch" / "report" / "report.html") in out
    assert contents(finished) == before


def test_a_lost_best_model_says_what_to_do(finished: Path, csv_file: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "runs")
    (tmp_path / "runs" / "scratch" / "best.keras").unlink()
    before = contents(tmp_path / "runs")
    with pytest.raises(FerError, match=r"best\.keras: is lost, .* put the file back"):
        command.main(flags(csv_file, tmp_path / "runs"))
    assert contents(tmp_path / "runs") == before


def test_a_missing_report_is_written_again(
    finished: Path,
    csv_file: Path,
    tmp_path: Path,
    no_pictures: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Training, "_epoch", None)
    shutil.copytree(finished, tmp_path / "runs")
    report = tmp_path / "runs" / "scratch" / "report"
    shutil.rmtree(report)
    command.main(flags(csv_file, tmp_path / "runs"))
    assert (report / "report.html").is_file()


def test_other_settings_are_refused_and_named(finished: Path, csv_file: Path) -> None:
    before = contents(finished)
    line = refused(flags(csv_file, finished, "--ema", "0.5", "--rotation", "3"))
    assert f"ema: was {RECIPES['scratch'].ema}, now 0.5; rotation: was 10.0, now 3.0)" in line
    assert contents(finished) == before


def test_other_data_is_refused(finished: Path, csv_file: Path, tmp_path: Path) -> None:
    line = refused(flags(tmp_path / "other.csv", finished))
    assert "data: was" in line

    shutil.copytree(finished, tmp_path / "runs")
    changed = tmp_path / "fer2013.csv"
    shutil.copy(csv_file, changed)
    recipe_file = tmp_path / "runs" / "scratch" / "recipe.json"
    recipe = json.loads(recipe_file.read_text())
    recipe_file.write_text(json.dumps({**recipe, "data": str(changed)}))
    tiny_csv(changed, count=48, seed=1)
    line = refused(flags(changed, tmp_path / "runs"))
    assert "was trained on other faces than the data holds now" in line


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "/tmp/a", "a\\b", "a\0b", "n" * 256])
def test_run_names(name: str, tmp_path: Path) -> None:
    argv = ["scratch", "--data", "none.csv", "--runs", str(tmp_path / "runs"), "--run", name]
    assert "--run" in refused(argv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("minutes", ["-1", "nan", "inf"])
def test_checkpoint_minutes(minutes: str, tmp_path: Path) -> None:
    argv = flags(tmp_path / "none.csv", tmp_path / "runs", "--checkpoint-minutes", minutes)
    assert "--checkpoint-minutes" in refused(argv)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--data", "none.csv"), "none.csv"),
        (("--batch-size", "41"), "batch_size: 41 is more than the 40 training faces"),
        (("--model", "smal"), "did you mean 'small'"),
        (("--weights", "none.keras"), "none.keras"),
        (("--vote-weight", "0.5"), "--votes"),
        (("--model", "nano", "--stages", "8 1"), "stages: nano: can't take faces of 8x8 pixels"),
    ],
)
def test_bad_input_leaves_nothing(
    more: tuple[str, str], named: str, csv_file: Path, tmp_path: Path
) -> None:
    assert named in refused(flags(csv_file, tmp_path / "runs", *more))
    assert not (tmp_path / "runs" / "scratch").exists()


@pytest.mark.parametrize("split", ["Training", "PublicTest"])
def test_a_split_without_faces_is_named_with_its_file(
    split: str, csv_file: Path, tmp_path: Path
) -> None:
    lines = csv_file.read_text().splitlines()
    partial = tmp_path / "partial.csv"
    partial.write_text("\n".join(line for line in lines if not line.endswith(split)) + "\n")
    line = refused(flags(partial, tmp_path / "runs"))
    assert str(partial) in line and f"no {split} rows" in line


def test_a_class_without_training_faces_is_named(csv_file: Path, tmp_path: Path, capsys) -> None:
    header, *rows = csv_file.read_text().splitlines()
    partial = tmp_path / "partial.csv"
    kept = [row for row in rows if not (row[0] in "25" and row.endswith("Training"))]
    partial.write_text("\n".join((header, *kept)) + "\n")
    refused(flags(partial, tmp_path / "runs", "--batch-size", "99"))
    refused(flags(csv_file, tmp_path / "runs", "--batch-size", "99"))
    said = [line for line in capsys.readouterr().out.splitlines() if "no training faces" in line]
    assert said == ["no training faces of Fear, Surprise: no such answer can be learnt"]


def test_help_lists_flags_and_recipes(capsys) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    told = capsys.readouterr().out
    assert "--learning-rate" in told
    assert "khaireddin_vgg        72.40 %  project S4, FER2013" in told


def test_history_is_whole_after_a_kill_before_it_was_written(
    finished: Path, csv_file: Path, tmp_path: Path, no_report: None
) -> None:
    shutil.copytree(finished, tmp_path / "runs")
    history = tmp_path / "runs" / "scratch" / "history.csv"
    whole = history.read_text()
    history.write_text("".join(whole.splitlines(keepends=True)[:2]))
    command.main(flags(csv_file, tmp_path / "runs"))
    assert history.read_text() == whole


def test_a_report_is_named_where_there_is_one(tmp_path, capsys):
    run = Run(tmp_path)
    command._say_where(run)
    assert "report.html" not in capsys.readouterr().out
    run.report.mkdir()
    (run.report / "report.html").touch()
    command._say_where(run)
    assert "report.html" in capsys.readouterr().out
