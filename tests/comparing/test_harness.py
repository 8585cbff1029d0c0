"""The command with processes that only pretend: planning, failures as rows, resuming, files."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_csv

from fer_tf import compare
from fer_tf.comparing import comparison_page, harness
from fer_tf.comparing.children import Children, Ended, Stopped
from fer_tf.comparing.comparison_text import Shown, ShownTable
from fer_tf.comparing.costs import CostMeter, Costs
from fer_tf.errors import FerError
from fer_tf.recipes import get_recipe
from fer_tf.report.metrics import evaluate
from fer_tf.tasks import AFFECT, AFFECTNET, FER2013
from fer_tf.trained.run_folder import HISTORY, Run

FAILS = "fer_tf: the loss is not a number"


@pytest.fixture(scope="module")
def csv_file(tmp_path_factory) -> Path:
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", count=96)


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """Names of the runs that were trained, by a child that writes what a training leaves."""
    names: list[str] = []

    def run(self, command, log, say=lambda line: None) -> Ended:
        assert command[1:3] == ["-m", "fer_tf.train"]
        recipe = get_recipe(command[3])
        name = command[command.index("--run") + 1]
        names.append(name)
        if recipe.model == "vgg_half":
            return Ended(2, ("epoch 1", FAILS))
        write_run(Path(command[command.index("--runs") + 1]) / name, recipe)
        return Ended(0, ())

    def measure(self, network, asked, task) -> Costs:
        return Costs(network, asked, (asked, asked), 1000, 2_000_000)

    monkeypatch.setattr(Children, "run", run)
    for name in ("measure", "known", "size"):
        monkeypatch.setattr(CostMeter, name, measure)
    return names


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """Pages have no pictures, which take most of the time."""
    nothing = comparison_page.Pictures((), (), ())
    monkeypatch.setattr(harness, "draw_pictures", lambda rows, runs: nothing)


def write_run(folder: Path, recipe) -> None:
    """What a training to its end leaves of itself, with scores of random answers."""
    from fer_tf.recipes.as_json import to_json

    run = Run(folder)
    run.report.mkdir(parents=True)
    run.recipe_file.write_text(to_json(recipe))
    run.best_file.touch()
    rng = np.random.default_rng(len(folder.name))
    labels = rng.integers(0, 7, 60)
    metrics = evaluate(labels, rng.dirichlet(np.ones(7), 60), FER2013, bootstrap=20)
    (run.report / "metrics.json").write_text(json.dumps(asdict(metrics)))
    (run.report / "report.html").touch()
    row = {**dict.fromkeys(HISTORY, 0.25), "size": recipe.stages[-1][0], "steps": 3}
    run.write_history([{**row, "epoch": i} for i in range(1, recipe.epochs + 1)])


def read(out: Path) -> list[dict[str, str]]:
    with (out / "compare.csv").open() as file:
        return list(csv.DictReader(file))


def flags(csv_file: Path, out: Path, *more: str) -> list[str]:
    return [*more, "--data", str(csv_file), "--epochs", "2", "--size", "32", "--out", str(out)]


def test_one_that_fails_is_a_row_and_the_rest_goes_on(csv_file, tmp_path, trained, capsys):
    compare.main(flags(csv_file, tmp_path, "nano", "vgg_half", "mit_b0_fusion", "--ranking"))
    assert trained == ["nano", "vgg_half", "mit_b0_fusion"]
    rows = {row["network"]: row for row in read(tmp_path)}
    assert rows["vgg_half"]["failure"] == FAILS.removeprefix("fer_tf: ")
    assert not rows["vgg_half"]["accuracy"] and not rows["nano"]["failure"]
    assert float(rows["mit_b0_fusion"]["published_accuracy"]) == pytest.approx(0.7347)
    assert rows["nano"]["published_accuracy"] == ""
    assert rows["nano"]["steps"] == "6" and rows["nano"]["multiply_adds"] == "2000000"
    text = (tmp_path / "compare.md").read_text()
    assert "| vgg_half | failed |" in text and "## Ranking" in text
    page = (tmp_path / "compare.html").read_text()
    assert "the loss is not a number" in page
    assert "runs/nano/report/report.html" in page and "Accuracy against multiply-adds" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "Ranking" in capsys.readouterr().out


def test_what_is_finished_is_not_trained_again_and_what_failed_is(
    csv_file, tmp_path, trained, undrawn
):
    argv = flags(csv_file, tmp_path, "nano", "vgg_half")
    compare.main(argv)
    compare.main(argv)
    assert trained == ["nano", "vgg_half", "vgg_half"]


def test_another_budget_is_refused_before_anything_is_trained(csv_file, tmp_path, trained, undrawn):
    compare.main(flags(csv_file, tmp_path, "nano"))
    before = (tmp_path / "compare.csv").read_bytes()
    argv = [word if word != "2" else "3" for word in flags(csv_file, tmp_path, "nano")]
    with pytest.raises(FerError, match="nano is a run with other settings"):
        compare.main(argv)
    assert trained == ["nano"] and (tmp_path / "compare.csv").read_bytes() == before


def test_a_stop_says_how_to_go_on_and_keeps_what_is_done(
    csv_file, tmp_path, trained, undrawn, monkeypatch, capsys
):
    run = Children.run

    def stopped(self, command, log, say=lambda line: None):
        if trained:
            raise Stopped
        return run(self, command, log, say)

    argv = flags(csv_file, tmp_path, "nano", "mit_b0_fusion")
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(Children, "run", stopped)
        compare.main(argv)
    assert stop.value.code == 130
    said = capsys.readouterr().out
    assert f"to go on: python -m fer_tf.compare {' '.join(argv)}" in said
    assert [row["network"] for row in read(tmp_path)] == ["nano"]
    compare.main(argv)
    assert trained == ["nano", "mit_b0_fusion"]


def test_a_signal_while_nothing_runs_stops_before_the_next(csv_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(harness, "_load", lambda args: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr(
        harness.Harness, "trained", lambda self, faces: self.children.run(["true"], tmp_path / "l")
    )
    with pytest.raises(SystemExit) as stop:
        compare.main(flags(csv_file, tmp_path, "nano"))
    assert stop.value.code == 130 and "to go on" in capsys.readouterr().out


def test_seeds_are_one_row(csv_file, tmp_path, trained, undrawn):
    compare.main(flags(csv_file, tmp_path, "nano", "--seeds", "3"))
    assert trained == ["nano", "nano-seed1", "nano-seed2"]
    (row,) = read(tmp_path)
    assert row["seeds"] == "3" and float(row["accuracy_sd"]) > 0
    assert row["runs"] == "nano; nano-seed1; nano-seed2"


def test_the_experiments_of_one_network(csv_file, tmp_path, trained, monkeypatch):
    monkeypatch.setattr(comparison_page, "_confusions", lambda rows, runs: ())
    asked = ("--schedules", "--dropout", "0", "0.5", "--fine-tune", "1")
    compare.main(flags(csv_file, tmp_path, "khaireddin_vgg_quarter", *asked))
    rows = read(tmp_path)
    kinds = [row["experiment"] for row in rows]
    assert kinds == ["schedules"] * 6 + ["dropout"] * 2 + ["fine-tuning"] * 2
    assert len(trained) == 10
    plateau = next(row for row in rows if row["setting"] == "plateau")
    assert float(plateau["published_accuracy"]) == pytest.approx(0.719)
    assert "S4's schedules are of khaireddin_vgg" in plateau["remarks"]
    start = get_recipe(str(tmp_path / "recipes" / f"{trained[-1]}.json")).weights
    assert start is not None and Path(start).is_file()


def test_what_cannot_be_planned_is_a_row(csv_file, tmp_path, trained, undrawn):
    compare.main(flags(csv_file, tmp_path, "nano", "densenet121", "--recipe", "source"))
    rows = {row["network"]: row for row in read(tmp_path)}
    assert "nano has no recipe of its source" in rows["nano"]["failure"]
    assert trained == ["densenet121"]


def test_only_speed_trains_nothing(tmp_path, trained):
    compare.main(["nano", "resmaskingnet", "--only-speed", "--out", str(tmp_path)])
    rows = {row["network"]: row for row in read(tmp_path)}
    assert trained == []
    assert float(rows["resmaskingnet"]["published_ratio"]) == 2.3
    assert float(rows["resmaskingnet"]["published_parameter_ratio"]) == 41
    assert "137,796,423 / 3,452,519 is 39.9" in rows["resmaskingnet"]["remarks"]
    assert "published time, x" in (tmp_path / "compare.md").read_text()


def test_values_have_their_columns(tmp_path):
    from fer_tf.comparing.table import trained_row
    from fer_tf.comparing.trials import Budget, network_trials
    from fer_tf.report.value_scores import Values

    (trial,) = network_trials(Budget({"data": "drawn"}), "t_net", 48)
    write_run(tmp_path / trial.name, trial.recipe)
    rng = np.random.default_rng(0)
    labels, true = rng.integers(0, 8, 50), rng.uniform(-1, 1, (50, 2))
    values = Values(AFFECT, true, true.copy())
    scores = evaluate(labels, rng.dirichlet(np.ones(8), 50), AFFECTNET, values=values, bootstrap=9)
    Run(tmp_path / trial.name).report.joinpath("metrics.json").write_text(
        json.dumps(asdict(scores))
    )
    row = trained_row([trial], tmp_path, {}, None)
    assert row.values == pytest.approx(
        {
            f"{name}_{score}": float(score != "rmse")
            for name in AFFECT
            for score in ("ccc", "rmse", "pearson", "sagr")
        }
    )


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nano"], "--data is missing"),
        (["nano", "--data", "x", "--epochs", "0"], "--epochs: found 0, expected 1 or more"),
        (["nano", "--data", "x", "--rounds", "-1"], "--rounds: found -1, expected 0"),
        (["nano", "--data", "x", "--large", "nan"], "--large: found nan, expected 0 or more"),
        (["--data", "x", "--checkpoint-minutes", "-1"], "--checkpoint-minutes: found -1.0"),
        (["--data", "x", "--dropout", "0.2", "0.2"], "--dropout: found 0.2 0.2, expected each"),
        (["nano", "vgg_half", "--data", "x", "--schedules"], "NETWORK: found nano vgg_half"),
        (["--only-speed", "--optimizers"], "--only-speed: expected no experiment"),
        (["nan", "--only-speed"], "unknown model 'nan', did you mean 'nano'"),
        (["nan", "--data", "absent.csv"], "unknown model 'nan', did you mean 'nano'"),
        (["nano", "--data", "absent.csv"], "absent.csv"),
    ],
)
def test_flags_that_cannot_be_meant(argv, words, tmp_path):
    with pytest.raises(FerError, match=words):
        compare.main([*argv, "--out", str(tmp_path / "out")])


@pytest.mark.parametrize("flag", ["--minutes", "--dropout"])
def test_what_no_training_can_have_is_refused(flag, csv_file, tmp_path, trained):
    with pytest.raises(FerError, match=f"{flag.strip('-')}: expected a value from"):
        compare.main(flags(csv_file, tmp_path, "nano", flag, "-1"))
    assert not trained


@pytest.mark.parametrize("name", ["runs", "compare.md"])
def test_a_folder_that_holds_something_else_is_refused(name, tmp_path, csv_file):
    (tmp_path / name).write_text("mine")
    with pytest.raises(FerError, match=f"{name}: is there already and no earlier result"):
        compare.main(flags(csv_file, tmp_path, "nano"))
    assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_note_in_brackets_is_printed(capsys):
    row = ("vgg16", "expected images [n, h, w, 3], found [/b]")
    harness._print(Shown((ShownTable("Networks", "", ("network", "note"), (row,)),), ()))
    assert row[1] in capsys.readouterr().out
