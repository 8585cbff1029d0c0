"""The networks that come with the package: their folders, and each command's --shipped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_csv

import fer_tf
from fer_tf import FerError, cli, evaluate, export, shipped
from fer_tf.data.synthetic import draw
from fer_tf.recipes.as_json import from_json
from fer_tf.report.metrics import Estimate
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import FER2013
from fer_tf.trained.model import open_trained

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "fer2013.csv"
COMMANDS = {"evaluate": evaluate.main, "export": export.main}


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", 120)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, own_cache) -> Path:
    """An empty working directory, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=shipped.SHIPPED)
def network(request) -> str:
    return request.param


def read(file: str, network: str = shipped.SHIPPED_NETWORK) -> str:
    return shipped.shipped_file(file, network).read_text(encoding="utf-8")


def measured(network: str = shipped.SHIPPED_NETWORK) -> dict:
    return json.loads(read(shipped.METRICS, network))


def test_a_model_without_a_path_is_the_first_that_ships(network):
    model = fer_tf.load_model(network)
    weights = str(shipped.shipped_weights(network))
    same = fer_tf.create_model(network, input_shape=(64, 64, 3), weights=weights)
    assert model.input_shape == (None, None, None, 3) and model.output_shape == (None, len(FER2013))
    for ours, theirs in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    faces = np.repeat(draw(np.arange(4))[..., None], 3, axis=3).astype(np.float32)
    for size in ((48, 48), (40, 56)):
        assert model(faces[:, : size[0], : size[1] - 8]).shape == (4, len(FER2013))
    assert fer_tf.load_model().name == shipped.SHIPPED_NETWORK


def test_its_weights_are_found_by_their_path(network):
    trained = open_trained(shipped.shipped_weights(network))
    assert trained.network().name == network


def test_a_teachers_weights_are_found_with_their_recipe():
    trained = open_trained(ROOT / "saved_models" / "teachers" / "vgg_teacher" / shipped.WEIGHTS)
    assert trained.network().name == "vgg_pooled" and trained.task.labels == FER2013


def test_a_name_that_does_not_ship_is_told_what_does():
    with pytest.raises(FerError, match="or mit_b0_fusion or nano, which come with the package"):
        open_trained("nanno")


def test_training_goes_on_from_the_small_one_that_ships():
    model = fer_tf.create_model("nano", weights="shipped")
    weights = fer_tf.load_model("nano").get_weights()
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_alone_are_no_model():
    with pytest.raises(
        FerError, match=r"float16\.weights\.h5: holds weights .*create_model\("
    ) as e:
        fer_tf.load_model(shipped.shipped_weights())
    assert "\n" not in str(e.value)


def test_the_folders_are_whole_and_small(network):
    folder = shipped.MODELS / network
    assert {path.name for path in folder.iterdir()} == {*shipped.FILES}
    files = [path for each in shipped.SHIPPED for path in (shipped.MODELS / each).iterdir()]
    assert sum(path.stat().st_size for path in files) <= 16_000_000
    assert read(shipped.LABELS, network).split() == [*FER2013]


def test_the_files_are_of_one_network(network):
    runner, metrics = open_runner(shipped.shipped_model(network)), measured(network)
    assert runner.size == shipped.shipped_size(network) == tuple(metrics["size"])
    assert runner.temperature == pytest.approx(metrics["temperature"], abs=1e-4)
    assert [each["name"] for each in metrics["classes"]] == [*FER2013]
    weights = fer_tf.load_model(network).count_params()
    assert shipped.shipped_model(network).stat().st_size < 1.35 * weights, "about a byte a weight"


def test_the_recipe_can_be_read_and_names_no_place_of_the_machine_that_trained(network):
    text = read(shipped.RECIPE, network)
    recipe = from_json(text)
    assert recipe.model == network and recipe.data == "fer2013.csv"
    accuracy = measured(network)["accuracy"]["value"]
    assert recipe.expected_accuracy == pytest.approx(accuracy, abs=1e-4)
    paths = [text for text in json.loads(text).values() if isinstance(text, str) and "/" in text]
    assert all(path.startswith("runs/") for path in paths)


def test_the_card_says_what_was_measured(network):
    metrics, text = measured(network), read(shipped.CARD, network)
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
    assert read(shipped.RECIPE, network).strip() in text
    assert "{{" not in text and "None" not in text and "article 5(1)(f)" in text


def test_a_package_without_its_files_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(shipped, "MODELS", tmp_path)
    for needs in (fer_tf.load_model, open_trained, shipped.shipped_size, shipped.shipped_accuracy):
        with pytest.raises(FerError, match="the trained network is not there"):
            needs()
    folder = tmp_path / shipped.SHIPPED_NETWORK
    folder.mkdir()
    (folder / shipped.METRICS).write_text("{}")
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


def test_evaluate_needs_data(elsewhere):
    with pytest.raises(FerError, match="--data is missing"):
        evaluate.main(["--shipped"])


def test_evaluate_measures_it_at_its_size_and_writes_here(elsewhere, csv, no_pictures, capsys):
    folder = shipped.shipped_file(shipped.METRICS).parent
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    evaluate.main(["--shipped", "--data", str(csv)])
    assert "15 faces" in capsys.readouterr().out
    page = (elsewhere / "shipped-report" / "report.html").read_text(encoding="utf-8")
    assert "mit_b0_fusion on PublicTest" in page and "shipped, 3,452,519 parameters" in page
    assert "{}x{} pixels".format(*shipped.shipped_size()) in page
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_reports_of_what_ships_lie_in_the_working_folder():
    flags = evaluate.Evaluate(split="PrivateTest", tta="flip")
    report = evaluate.report_directory(open_trained(), flags)
    assert report == Path("shipped-report-PrivateTest-flip")
    assert open_trained("nano").report == Path("nano-report")


def test_export_writes_it(elsewhere, csv):
    flags = ["--to", "out", "--size", "32", "--formats", "serving", "--data", str(csv)]
    export.main(["nano", *flags])
    assert (elsewhere / "out/serving/fer/1/saved_model.pb").is_file()
    text = (elsewhere / "out/model_card.md").read_text(encoding="utf-8")
    assert text.startswith("# nano\n")
    assert f"| Accuracy | {measured('nano')['accuracy']['value']:.2%} |" in text
    assert "at {}x{}, 95 %".format(*shipped.shipped_size("nano")) in text


def test_export_keeps_its_temperature_without_labelled_faces(elsewhere, monkeypatch):
    from fer_tf.exporting.exporter import Exporter

    exporters = []
    monkeypatch.setattr(Exporter, "export", lambda self: exporters.append(self) or [])
    export.export(export.Export(model="nano", to=Path("out"), formats=("onnx",)))
    (exporter,), size = exporters, shipped.shipped_size("nano")
    known = open_trained("nano").temperature
    assert exporter.temperature(size) == known != 1 and exporter.temperature((64, 64)) == 1
    card = (elsewhere / "out/model_card.md").read_text(encoding="utf-8")
    assert "On PublicTest it is {:.3f} at {}x{}".format(known, *size) in card


@pytest.mark.skipif(not DATA.is_file(), reason="needs data/fer2013.csv")
def test_it_recognises_real_faces(network):
    from fer_tf.trained.inference import predict_logits

    faces = fer_tf.load_faces(str(DATA)).of("PublicTest")
    size = shipped.shipped_size(network)
    logits = predict_logits(fer_tf.load_model(network), faces.images[:256], size=size)
    assert (logits.argmax(axis=1) == faces.labels[:256]).mean() >= 0.55
