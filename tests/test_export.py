"""`python -m fer_tf.export`: every form of a network, compared with Keras, or not there."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from exported import network
from PIL import Image
from tiny import run_folder

from fer_tf import FerError, cli
from fer_tf.export import main
from fer_tf.exporting import exporter, parity
from fer_tf.exporting.exporter import _stage
from fer_tf.exporting.formats import FORMATS
from fer_tf.recipes.schema import Recipe
from fer_tf.runtimes.runner import open_runner
from fer_tf.tasks import FER2013

TFLITE = [f"fer_40x56_{p}.tflite" for p in ("float32", "float16", "int8")]
LOOSE = dict.fromkeys(parity.TOLERANCES, parity.Tolerance(difference=1.0, agreement=0.5, loss=1.0))
"""For a network with random weights, whose classes hang on little."""
STRICT = parity.Tolerance(difference=1e-9, agreement=1.0, loss=0.0)


@pytest.fixture(scope="module")
def model(small_network, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "short.keras"
    network().save(path)
    return path


@pytest.fixture
def float32_only(monkeypatch):
    """The smaller forms, which take most of the time, are not written."""
    short = partial(exporter.Exporter, precisions=("float32",))
    monkeypatch.setattr(exporter, "Exporter", short)


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def refused(arguments: list[str], capsys) -> str:
    """The one line with which the command ends with code 2."""
    with pytest.raises(SystemExit) as stop:
        cli.run(lambda: main(arguments))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


COMMAND = """
from fer_tf.cli import run, start_keras
start_keras()
import sys
print("to stderr", file=sys.stderr)
import small, test_export
from fer_tf import export
from fer_tf.exporting import parity
small.register_small()
parity.TOLERANCES = {**test_export.LOOSE, "float32": parity.TOLERANCES["float32"]}
run(lambda: export.main(sys.argv[1:]))
raise SystemExit("the end")
"""


@pytest.fixture(scope="module")
def command(model, csv_file, tmp_path_factory) -> subprocess.CompletedProcess:
    """An export of everything, in a process of its own."""
    folder = tmp_path_factory.mktemp("export") / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    flags = [model, "--to", folder, "--size", "40x56", "--data", csv_file, "--grey"]
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *flags], capture_output=True, text=True, env=environment
    )


@pytest.fixture
def exported(command) -> Path:
    """The folder of that export."""
    return command.args[5]


def test_the_command_says_nothing_that_nobody_can_act_on(command):
    """TensorFlow and the converters keep their notices to themselves; Python does not."""
    assert (command.returncode, command.stderr) == (1, "to stderr\nthe end\n")
    lines = command.stdout.splitlines()
    assert lines[0] == "writing SavedModel 40x56" and lines[-1].strip().endswith("ok")


def test_every_form_is_there(exported):
    files = names(exported)
    assert {f"tflite/{name}" for name in TFLITE} <= files
    assert {f"tflite/fer_40x56_{p}_grey.tflite" for p in ("float32", "float16", "int8")} <= files
    assert {"onnx/fer_40x56_float32.onnx", "onnx/fer_40x56_int8.onnx"} <= files
    assert {"serving/fer/1/saved_model.pb", "serving/compose.yaml"} <= files
    assert {"web/index.html", "web/package.json", "web/fer_40x56_int8.tflite"} <= files
    assert {"tflite/android.md", "tflite/ios.md", "tflite/python.md", "tflite/labels.txt"} <= files
    assert {"tflite/face_detector/face_detector_320.tflite", "web/page.js"} <= files
    assert {"model_card.md", "export.json"} <= files
    assert not [path for path in exported.parent.iterdir() if path != exported], "leftovers"
    assert (exported / "tflite/labels.txt").read_text().split() == list(FER2013)


def test_the_table_tells_what_was_measured(exported):
    table = json.loads((exported / "export.json").read_text())
    forms = table["forms"]
    assert len(forms) == 9 and table["labels"] == list(FER2013)
    for form in forms:
        path = exported / form["path"]
        assert path.exists() and form["failure"] == "" and form["faces"] == 6
        assert 0 <= form["agreement"] <= 1 and form["milliseconds"] > 0
        assert form["accuracy"] is not None and form["outside_xnnpack"] == []
        if path.is_file():
            assert form["bytes"] == path.stat().st_size
        if form["precision"] == "float32":
            assert form["difference"] < 1e-4 and form["agreement"] == 1
    int8 = [form for form in forms if form["precision"] == "int8"]
    assert max(form["difference"] for form in int8) > 1e-4, "int8 must not be float32 renamed"


def test_the_files_run(exported):
    faces = np.zeros((2, 40, 56, 3), np.uint8)
    answers = [open_runner(exported / "tflite" / name)(faces) for name in TFLITE]
    answers.append(open_runner(exported / "onnx/fer_40x56_float32.onnx")(faces))
    servable = open_runner(exported, size=(48, 48))
    answers.append(servable(np.zeros((2, 48, 48, 1), np.uint8)))
    for answer in answers:
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(answers[-1], answers[0], atol=1e-4)


def test_the_card_says_what_is_known(exported):
    card = (exported / "model_card.md").read_text()
    assert "does not say how it was trained" in card and "Not measured" in card
    assert "`tflite/fer_40x56_int8.tflite`" in card and "article 5(1)(f)" in card
    assert "6 faces (of PublicTest" in card and "40 faces" in card
    assert "{{" not in card and "None" not in card


def reported_run(model: Path, folder: Path, data: str) -> Path:
    """A run's folder with a report, without training."""
    from fer_tf.report import write_report

    run_folder(folder, Recipe(data=data, stages=((24, 1), (40, 2))))
    (folder / "best.keras").write_bytes(model.read_bytes())
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 50)
    probabilities = rng.dirichlet(np.ones(7), 50).astype(np.float32)
    images = np.zeros((50, 48, 48), np.uint8)
    write_report(folder / "report", labels, probabilities, images, FER2013)
    return folder


def test_a_run_with_damaged_scores_is_refused_before_anything_is_written(
    model, csv_file, tmp_path, float32_only, monkeypatch
):
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    run = run_folder(tmp_path / "my_run", Recipe(data=str(csv_file), stages=((40, 2),)))
    shutil.copy(model, run / "best.keras")
    (run / "report").mkdir()
    (run / "report" / "metrics.json").write_text('{"accuracy": {}}')
    with pytest.raises(FerError, match="my_run: has no report's metrics: KeyError"):
        main([str(run), "--to", str(tmp_path / "out"), "--formats", "onnx"])
    assert not (tmp_path / "out").exists()


def test_a_run_brings_its_size_its_data_and_its_scores(
    model, csv_file, tmp_path, no_pictures, float32_only, monkeypatch, capsys
):
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    run = reported_run(model, tmp_path / "my_run", str(csv_file))
    main([str(run), "--to", str(tmp_path / "out"), "--formats", "tflite", "--verify"])
    assert "fer_40_float32.tflite" in {p.name for p in (tmp_path / "out/tflite").iterdir()}
    card = (tmp_path / "out/model_card.md").read_text()
    assert card.startswith("# my_run\n")
    assert "2 epochs; the best one" in card and '"learning_rate"' in card
    metrics = json.loads((run / "report/metrics.json").read_text())
    assert f"| Accuracy | {metrics['accuracy']['value']:.2%} |" in card
    assert "Keras on the 50 faces of PublicTest at 40x40, the size of its best epoch" in card
    assert "(all of PublicTest, fer2013.csv)" in card
    assert "6 faces, against Keras" in capsys.readouterr().out


def test_without_data_drawn_faces_are_compared(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    out = tmp_path / "out"
    main([str(model), "--to", str(out), "--size", "32", "--formats", "serving"])
    forms = json.loads((out / "export.json").read_text())["forms"]
    assert {form["faces"] for form in forms} == {512}
    assert {form["accuracy"] for form in forms} == {None}
    assert capsys.readouterr().out.startswith("comparing on drawn faces: pass --data")
    assert "512 faces (drawn faces)" in (out / "model_card.md").read_text()


def test_a_second_export_is_the_next_version_and_replaces_the_files(
    exported, model, csv_file, tmp_path
):
    out = Path(shutil.copytree(exported, tmp_path / "out"))
    (out / "serving/compose.yaml").write_text("edited")
    arguments = [str(model), "--to", str(out), "--size", "32", "--data", str(csv_file)]
    main([*arguments, "--formats", "serving"])
    assert {p.name for p in (out / "serving/fer").iterdir()} == {"1", "2"}
    assert (out / "serving/compose.yaml").read_text() == "edited"


def test_a_form_out_of_tolerance_is_not_left_behind(
    exported, model, csv_file, tmp_path, monkeypatch, capsys
):
    out = Path(shutil.copytree(exported, tmp_path / "out"))
    common = [str(model), "--to", str(out), "--size", "40x56", "--data", str(csv_file)]
    common += ["--formats", "tflite"]
    monkeypatch.setattr(parity, "TOLERANCES", {**LOOSE, "int8": STRICT})
    with pytest.raises(SystemExit) as stop:
        cli.run(lambda: main(common))
    assert stop.value.code == 1
    said = capsys.readouterr()
    assert "TFLite 40x56 int8 not kept: a probability differs by" in said.err
    assert "not kept" in said.out
    assert names(out / "tflite") == names(exported / "tflite") - {"fer_40x56_int8.tflite"}
    card = (out / "model_card.md").read_text()
    assert "TFLite 40x56 int8 is not there: a probability differs" in card
    assert "fer_40x56_float16.tflite" in (out / "tflite/android.md").read_text()


def test_the_page_alone_brings_its_own_model_only(model, csv_file, tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "TOLERANCES", {**LOOSE, "int8": STRICT})
    out = tmp_path / "out"
    # Files of an earlier export are not the page's business.
    (out / "tflite").mkdir(parents=True)
    (out / "tflite/fer_32_float32.tflite").write_text("mine")
    (out / "export.json").write_text('{"fer_tf": ""}')
    arguments = [str(model), "--to", str(out), "--size", "32", "--data", str(csv_file)]
    with pytest.raises(SystemExit):
        cli.run(lambda: main([*arguments, "--formats", "web"]))
    assert names(out) == {
        "export.json",
        "model_card.md",
        "tflite/fer_32_float32.tflite",
        "web/crops.js",
        "web/face_detector/LICENSE.txt",
        "web/face_detector/face_detector_320.tflite",
        "web/face_detector/face_detector_640.tflite",
        "web/fer_32_float16.tflite",
        "web/index.html",
        "web/networks.js",
        "web/package.json",
        "web/page.css",
        "web/page.js",
    }
    assert (out / "tflite/fer_32_float32.tflite").read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "told", "words"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, None),
        (None, SystemExit, "143"),  # SIGTERM
        (
            OSError(28, "No space left on device", "x.tflite"),
            FerError,
            "x.tflite: can't be written",
        ),
    ],
)
def test_an_export_that_stops_leaves_the_folder_as_it_was(
    error, told, words, model, csv_file, tmp_path, float32_only, monkeypatch
):
    from fer_tf.exporting import face_detector_tflite

    def write(*arguments, **keywords):
        if error is None:
            signal.raise_signal(signal.SIGTERM)
        raise error

    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    monkeypatch.setattr(parity, "TOLERANCES", LOOSE)
    monkeypatch.setattr(face_detector_tflite, "write_face_detector", write)
    arguments = [str(model), "--to", str(out), "--size", "32", "--data", str(csv_file)]
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(told, match=words):
            main([*arguments, "--formats", "tflite"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert names(tmp_path) == {"out/mine.txt"}


def test_files_are_written_in_the_folder_itself_which_may_be_a_disk(tmp_path):
    for folder in (tmp_path / "new", tmp_path / "there"):
        (tmp_path / "there").mkdir(exist_ok=True)
        with _stage(folder) as stage:
            (stage / "file").touch()
            assert stage.parent == folder
    assert [*tmp_path.iterdir()] == [tmp_path / "there"] and not [*(tmp_path / "there").iterdir()]
    with _stage(tmp_path / "new") as stage:
        (stage / "file").touch()
        (stage / "file").replace(tmp_path / "new" / "file")
    assert names(tmp_path) == {"new/file"}


def test_bad_flags_are_refused_in_one_line(model, tmp_path, capsys):
    to = ["--to", str(tmp_path / "out")]
    file = tmp_path / "file"
    file.write_text("")
    faces = tmp_path / "faces"
    for name in ("happy", "sad"):
        (faces / name).mkdir(parents=True)
        Image.new("L", (48, 48)).save(faces / name / "a.png")
    cases = {
        "no such file or folder": ["missing.keras", *to],
        "is no Keras network": [str(file), *to],
        "--to": [str(model), "--to", str(file)],
        "--size is '0'": [str(model), *to, "--size", "0"],
        "--size 32 32x32: expected each once": [str(model), *to, "--size", "32", "32x32"],
        "--formats onnx onnx: expected each": [str(model), *to, "--formats", "onnx", "onnx"],
        "--verify needs --data": [str(model), *to, "--verify"],
        "none.csv: can't be read": [str(model), *to, "--data", str(tmp_path / "none.csv")],
        f"--data {faces}: has no PublicTest faces": [str(model), *to, "--data", str(faces)],
    }
    for words, arguments in cases.items():
        assert words in refused(arguments, capsys)
    assert names(tmp_path) == {"file", "faces/happy/a.png", "faces/sad/a.png"}


def test_a_strangers_file_runs_no_code(tmp_path, capsys):
    marker = tmp_path / "ran"
    images = keras.Input((48, 48, 3))
    code = eval(f"lambda x: (__import__('pathlib').Path({str(marker)!r}).touch(), x)[1]")
    x = keras.layers.Lambda(code, output_shape=(48, 48, 3))(images)
    model = keras.Model(images, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(x)))
    model.save(tmp_path / "stranger.keras")
    marker.unlink(missing_ok=True)
    line = refused([str(tmp_path / "stranger.keras"), "--to", str(tmp_path / "out")], capsys)
    assert "not a model that can be loaded safely" in line
    assert names(tmp_path) == {"stranger.keras"}


def test_a_converter_that_is_not_installed_is_named(model, tmp_path, monkeypatch, capsys):
    row = dataclasses.replace(FORMATS["onnx"], packages=("no_such_converter",))
    monkeypatch.setitem(FORMATS, "onnx", row)
    line = refused([str(model), "--to", str(tmp_path / "out")], capsys)
    assert "onnx: needs no_such_converter, which is not installed" in line
    assert "fer_tf[export]" in line
