"""The network that comes with the package: its folder, and each command's --shipped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_csv

import fer_tf
from fer_tf import FerError, benchmark, cli, evaluate, export, shipped
from fer_tf.data.synthetic import draw
from fer_tf.recipes.as_json import from_json
from fer_tf.report.metrics import Estimate
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import FER2013
from fer_tf.trained.model import open_trained

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "fer2013.csv"
COMMANDS = {"evaluate": evaluate.main, "export": export.main, "benchmark": benchmark.main}


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", 120)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty working directory, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "cache"))
    return tmp_path


def measured() -> dict:
    return json.loads((shipped.FOLDER / shipped.METRICS).read_text(encoding="utf-8"))


def card() -> str:
    return (shipped.FOLDER / shipped.CARD).read_text(encoding="utf-8")


def test_a_model_without_a_path_is_the_shipped_one():
    model = fer_tf.load_model()
    weights = str(shipped.shipped_weights())
    same = fer_tf.create_model("mit_b0_fusion", input_shape=(64, 64, 3), weights=weights)
    assert model.input_shape == (None, None, None, 3) and model.output_shape == (None, len(FER2013))
    for ours, theirs in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    faces = np.repeat(draw(np.arange(4))[..., None], 3, axis=3).astype(np.float32)
    for size in ((48, 48), (40, 56)):
        assert model(faces[:, : size[0], : size[1] - 8]).shape == (4, len(FER2013))


def test_weights_alone_are_no_model():
    with pytest.raises(
        FerError, match=r"float16\.weights\.h5: holds weights .*create_model\("
    ) as e:
        fer_tf.load_model(shipped.shipped_weights())
    assert "\n" not in str(e.value)


def test_the_folder_is_whole_and_small():
    assert {path.name for path in shipped.FOLDER.iterdir()} == {*shipped.FILES}
    assert sum(path.stat().st_size for path in shipped.FOLDER.iterdir()) <= 12_000_000
    assert (shipped.FOLDER / shipped.LABELS).read_text(encoding="utf-8").split() == [*FER2013]


def test_the_files_are_of_one_network():
    runner, metrics = open_runner(shipped.shipped_model()), measured()
    assert runner.size == shipped.shipped_size() == tuple(metrics["size"])
    assert runner.temperature == pytest.approx(metrics["temperature"], abs=1e-4)
    assert [each["name"] for each in metrics["classes"]] == [*FER2013]


def test_the_recipe_can_be_read_and_names_no_place_of_the_machine_that_trained():
    text = (shipped.FOLDER / shipped.RECIPE).read_text(encoding="utf-8")
    recipe = from_json(text)
    assert recipe.model == shipped.SHIPPED_NETWORK and recipe.data == "fer2013.csv"
    assert recipe.expected_accuracy == pytest.approx(measured()["accuracy"]["value"], abs=1e-4)
    paths = [text for text in json.loads(text).values() if isinstance(text, str) and "/" in text]
    assert all(path.startswith("runs/") for path in paths)


def test_the_card_says_what_was_measured():
    metrics, text = measured(), card()
    for name, key in (("Accuracy", "accuracy"), ("Macro-F1", "macro_f1")):
        score = Estimate(**metrics[key])
        interval = f"{100 * score.low:.1f} to {score.high:.1%}"
        assert f"| {name} | {score.value:.1%} | {interval} |" in text
    for row in metrics["classes"]:
        shares = " | ".join(f"{row[key]:.1%}" for key in ("precision", "recall", "f1"))
        assert f"| {row['name']} | {shares} | {row['support']:,} |" in text
    int8 = metrics["int8"]
    assert f"temperature {metrics['temperature']:.3f}" in text
    assert f"recognises {int8['accuracy']:.2%}" in text and f"{int8['agreement']:.2%} of" in text
    assert (shipped.FOLDER / shipped.RECIPE).read_text(encoding="utf-8").strip() in text
    assert "{{" not in text and "None" not in text and "article 5(1)(f)" in text


def test_a_package_without_its_files_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    for needs in (fer_tf.load_model, open_trained, shipped.shipped_size, shipped.shipped_accuracy):
        with pytest.raises(FerError, match="the trained network is not there"):
            needs()
    (tmp_path / shipped.METRICS).write_text("{}")
    with pytest.raises(FerError, match=r"metrics\.json: has no 'size'"):
        shipped.shipped_size()
    with pytest.raises(FerError, match="has no 'accuracy'"):
        shipped.shipped_accuracy()


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_one_of_model_and_shipped(command, elsewhere, capsys):
    to = ["--to", "out"] if command == "export" else []
    cases = {
        "found both --shipped and a.keras: expected one": ["a.keras", "--shipped"],
        "expected a run folder, a .keras file or --shipped": [],
    }
    for sentence, arguments in cases.items():
        with pytest.raises(SystemExit) as stop:
            cli.run(lambda given=arguments: COMMANDS[command]([*given, *to]))
        (line,) = capsys.readouterr().err.splitlines()
        assert stop.value.code == 2 and sentence in line
    assert not os.listdir(elsewhere)


def test_benchmark_needs_something():
    with pytest.raises(FerError, match="an export or --shipped"):
        benchmark.main([])


def test_evaluate_needs_data(elsewhere):
    with pytest.raises(FerError, match="--data is missing"):
        evaluate.main(["--shipped"])


def test_evaluate_measures_it_at_its_size_and_writes_here(elsewhere, csv, capsys):
    before = {path: path.stat().st_mtime_ns for path in shipped.FOLDER.iterdir()}
    evaluate.main(["--shipped", "--data", str(csv)])
    assert "15 faces" in capsys.readouterr().out
    page = (elsewhere / "shipped-report" / "report.html").read_text(encoding="utf-8")
    assert "mit_b0_fusion on PublicTest" in page and "shipped, 3,452,519 parameters" in page
    assert "{}x{} pixels".format(*shipped.shipped_size()) in page
    assert {path: path.stat().st_mtime_ns for path in shipped.FOLDER.iterdir()} == before


def test_evaluate_takes_another_size_and_names_the_split():
    trained = open_trained()
    assert trained.size() == shipped.shipped_size()
    assert trained.size((32, 40)) == (32, 40)
    report = evaluate.report_directory(trained, "PrivateTest", "flip")
    assert report == Path("shipped-report-PrivateTest-flip")


def test_export_writes_it(elsewhere, csv):
    export.main(
        ["--shipped", "--to", "out", "--size", "32", "--formats", "serving", "--data", str(csv)]
    )
    assert (elsewhere / "out/serving/fer/1/saved_model.pb").is_file()
    text = (elsewhere / "out/model_card.md").read_text(encoding="utf-8")
    assert text.startswith("# mit_b0_fusion\n")
    assert f"| Accuracy | {measured()['accuracy']['value']:.2%} |" in text
    assert "at {}x{}, 95 %".format(*shipped.shipped_size()) in text


@pytest.mark.skipif(not DATA.is_file(), reason="needs data/fer2013.csv")
def test_it_recognises_real_faces():
    from fer_tf.trained.inference import predict_logits

    faces = fer_tf.load_faces(str(DATA)).of("PublicTest")
    logits = predict_logits(fer_tf.load_model(), faces.images[:256], size=shipped.shipped_size())
    assert (logits.argmax(axis=1) == faces.labels[:256]).mean() >= 0.55
