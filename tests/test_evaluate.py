"""`python -m fer_tf.evaluate`, with a network that answers from a face's brightness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import run_folder

from fer_tf import FerError
from fer_tf.data.faces import SPLITS
from fer_tf.evaluate import Evaluate, foreign_to, main, report_directory
from fer_tf.recipes.schema import Reading, Recipe
from fer_tf.tasks import FER2013
from fer_tf.trained.model import TrainedModel, open_trained

pytestmark = pytest.mark.usefixtures("own_cache", "no_pictures")

LEVELS = 30 * np.arange(7) + 20
"""Grey level of the made-up faces of each emotion."""


def brightness_model(path: Path, size=(None, None), classes: int = 7) -> Path:
    """Write a network whose logits are -(mean - level)^2 / 100, up to a constant of the face."""
    import keras

    inputs = keras.Input((*size, 3))
    dense = keras.layers.Dense(classes)
    outputs = dense(keras.layers.GlobalAveragePooling2D()(inputs))
    levels = np.resize(LEVELS, classes).astype(np.float32)
    dense.set_weights([np.tile(2 * levels / 300, (3, 1)), -(levels**2) / 100])
    keras.Model(inputs, outputs).save(path)
    return path


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    """A fer2013.csv of uniform faces: 28 to train, 21 (3 of them mislabelled) and 14 to test."""
    path = tmp_path_factory.mktemp("data") / "fer2013.csv"
    lines = ["emotion,pixels,Usage"]
    for split, count in zip(SPLITS, (28, 21, 14), strict=True):
        for row in range(count):
            label = row % 7
            level = LEVELS[(label + 1) % 7 if split == "PublicTest" and row < 3 else label]
            lines.append(f"{label},{' '.join([str(level)] * 48**2)},{split}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run(tmp_path, csv) -> Path:
    recipe = Recipe(name="tiny", data=str(csv), stages=((32, 1), (40, 1)))
    folder = run_folder(tmp_path / "runs" / "tiny", recipe)
    brightness_model(folder / "best.keras")
    return folder


def measured(directory: Path) -> dict:
    return json.loads((directory / "metrics.json").read_text())


def test_run(run, capsys):
    main([str(run)])
    out = capsys.readouterr().out
    metrics = measured(run / "report")
    assert metrics["rows"] == 21
    assert metrics["accuracy"]["value"] == pytest.approx(18 / 21)
    assert [c["name"] for c in metrics["classes"]] == list(FER2013)
    assert "85.7%" in out
    assert f"report: {run / 'report' / 'report.html'}" in out
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "tiny on PublicTest" in page and "40x40 pixels" in page


def test_split_and_augmentation_get_their_own_report(run):
    main([str(run), "--split", "PrivateTest", "--tta", "flip"])
    assert measured(run / "report-PrivateTest-flip")["accuracy"]["value"] == 1
    assert not (run / "report").exists()


def test_blank_faces_and_copies_of_training_are_left_out():
    from fer_tf.data.faces import Faces
    from fer_tf.evaluate import _clean

    noise = np.random.default_rng(0).integers(0, 256, (5, 48, 48), np.uint8)
    copy = noise[0].astype(int) + np.where(np.arange(48) % 2, 1, -1)
    blank = np.full((1, 48, 48), 90, np.uint8)
    images = np.concatenate([noise, copy[None].clip(0, 255).astype(np.uint8), blank])
    faces = Faces(images, np.zeros(7, np.uint8), np.array([0, 0, 1, 1, 2, 1, 1], np.uint8))
    told = []
    left = _clean(faces, "validation", told.append)
    assert told == ["--clean: 2 of 4 faces are blank or in Training, too"]
    assert (left.images == images[:5]).all() and list(left.split) == [0, 0, 1, 1, 2]
    with pytest.raises(FerError, match="found Training"):
        _clean(faces, "training", print)
    with pytest.raises(FerError, match="found no face"):
        _clean(faces.take(np.array([0, 1, 5, 6])), "PublicTest", print)


def test_where_no_face_is_clean_no_report_is_written(run, capsys):
    with pytest.raises(FerError, match="--clean: found no face"):  # of uniform faces
        main([str(run), "--clean"])
    assert not list(run.glob("report*"))


def test_corruptions_are_printed_beside_the_clean_figure(run, capsys):
    from fer_tf.data.corrupted import CORRUPTIONS

    main([str(run), "--corruptions"])
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("| PublicTest, 40x40 pixels | accuracy | points lost |")
    table = dict(
        line.split("| ", 2)[1:] for line in lines[start + 2 : start + 3 + len(CORRUPTIONS)]
    )
    assert table["as they are "] == "85.7% | |"
    assert {*table} == {"as they are ", *(f"{name} " for name in CORRUPTIONS)}
    # Of uniform faces, judged by their level.
    assert table["contrast x 1/8 "] == table["blur, 2 pixels "] == "85.7% | 0.0 |"
    assert table["brightness x 1/16 "] == "14.3% | 71.4 |"


def test_model_file(tmp_path, csv):
    model = brightness_model(tmp_path / "net.keras", size=(24, 30))
    main([str(model), "--data", str(csv)])
    assert "24x30 pixels" in (tmp_path / "net-report" / "report.html").read_text(encoding="utf-8")
    main([str(model), "--data", str(csv), "--tta", "ten-crop", "--out", str(tmp_path / "x" / "y")])
    assert measured(tmp_path / "x" / "y")["accuracy"]["value"] == pytest.approx(18 / 21)


@pytest.mark.parametrize(("layout", "split"), [("affectnet", "validation"), ("rafdb", "test")])
def test_data_of_another_task_is_judged_by_the_classes_in_common(layout, split, tmp_path, capsys):
    from fer_tf.data.layouts import LAYOUTS
    from fer_tf.data.synthetic import draw_dataset

    affect = layout == "affectnet"
    LAYOUTS[layout](tmp_path / "data", draw_dataset(48, affect=affect))
    flags = ["--data", str(tmp_path / "data"), "--split", split, "--face-size", "20"]
    flags = flags if affect else flags[:4]
    model = brightness_model(tmp_path / "net.keras", size=(20, 20))
    main([str(model), *flags, "--out", str(tmp_path / "report"), "--corruptions"])
    metrics = measured(tmp_path / "report")
    assert [each["name"] for each in metrics["classes"]] == list(FER2013)
    assert metrics["rows"] == (5 if affect else 8)
    out = capsys.readouterr().out
    assert ("left out 1 of 'Contempt'" in out) == affect


def test_an_8_class_network_is_judged_by_seven(tmp_path, csv, capsys):
    from fer_tf.models.saving import load_model, save_model
    from fer_tf.tasks import TASKS

    eight = load_model(brightness_model(tmp_path / "eight.keras", classes=8))
    save_model(eight, tmp_path / "ferplus.keras", TASKS["ferplus"])
    main([str(tmp_path / "ferplus.keras"), "--data", str(csv), "--size", "20"])
    metrics = measured(tmp_path / "ferplus-report")
    assert [each["name"] for each in metrics["classes"]][-2:] == ["disgust", "fear"]
    told = "has no 'contempt': the network's answer to it is left out"
    assert told in capsys.readouterr().out
    assert told in (tmp_path / "ferplus-report" / "report.html").read_text().replace("&#39;", "'")


def test_refuses_what_does_not_fit(run, tmp_path, csv):
    data = ["--data", str(csv)]
    with pytest.raises(FerError, match=r"has 8 classes and does not name them"):
        main([str(brightness_model(tmp_path / "eight.keras", classes=8)), *data])
    fixed = str(brightness_model(tmp_path / "fixed.keras", size=(24, 24)))
    with pytest.raises(FerError, match=r"24x24 pixels only.* found 48x48"):
        main([fixed, *data, "--size", "48"])
    with pytest.raises(FerError, match="--data is missing"):
        main([fixed])
    with pytest.raises(FerError, match=r"none\.csv"):
        main([fixed, "--data", str(tmp_path / "none.csv")])
    (tmp_path / "text.keras").write_text("not a model")
    with pytest.raises(FerError, match=r"text\.keras"):
        main([str(tmp_path / "text.keras"), *data])
    with pytest.raises(FerError, match="--task and --unpack-limit are for --data"):
        main([str(run), "--face-size", "96"])
    with pytest.raises(FerError, match="no part of a report"):
        main([str(run), "--out", str(run)])
    assert (run / "best.keras").exists()


def test_what_is_not_the_runs_own_leaves_its_report_alone(run, csv, tmp_path):
    trained = open_trained(run)
    for own in ({}, {"data": str(csv)}, {"size": "40"}):
        assert foreign_to(trained, Evaluate(**own)) == ""
    assert foreign_to(trained, Evaluate(data=str(tmp_path / "RAF-DB/"))) == "-RAF-DB"
    assert foreign_to(trained, Evaluate(data=str(csv), reading=Reading(task="rafdb"))) == "-fer2013"
    assert foreign_to(trained, Evaluate(data="tfds:mine", size="32x40")) == "-tfds-mine-32x40"
    told = report_directory(trained, Evaluate(size="32x40"))
    assert told == run / "report-PublicTest-none-32x40"
    assert foreign_to(open_trained(), Evaluate(data="other", size="32")) == ""


def test_report_directory():
    trained = TrainedModel(Path("a/m.keras"), Path("a/m-report"))
    for flags, place in (
        ({}, "a/m-report"),
        ({"tta": "flip"}, "a/m-report-PublicTest-flip"),
        ({"clean": True}, "a/m-report-PublicTest-none-clean"),
        ({"clean": True, "out": "b"}, "b"),
    ):
        assert report_directory(trained, Evaluate(**flags)) == Path(place)
