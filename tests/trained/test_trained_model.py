"""Which path is which network, at which size; and what is known before it is loaded."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import fer_tf
from fer_tf.errors import FerError
from fer_tf.recipes.as_json import to_json
from fer_tf.recipes.schema import Recipe
from fer_tf.shipped import shipped_model, shipped_size, shipped_weights
from fer_tf.tasks import TASKS
from fer_tf.trained.model import open_either, open_trained, parse_size


def network(*sides: int | None, classes: int = 7) -> keras.Model:
    """A few weights from RGB images to logits."""
    images = keras.Input((*(sides or (None, None)), 3))
    pooled = keras.layers.GlobalAveragePooling2D()(images)
    return keras.Model(images, keras.layers.Dense(classes)(pooled))


@pytest.fixture
def run(tmp_path):
    """A run that was best at 32 pixels in an earlier epoch than its last."""
    folder = tmp_path / "runs" / "some"
    folder.mkdir(parents=True)
    network().save(folder / "best.keras")
    (folder / "recipe.json").write_text(to_json(Recipe(stages=((32, 1), (48, 1)))))
    (folder / "history.csv").write_text("size,val_accuracy\n32,0.5\n48,0.4\n")
    return folder


def test_what_ships():
    trained = open_trained()
    assert trained.name == "mit_b0_fusion" and trained.task == TASKS["fer2013"] and trained.shipped
    assert trained.path == shipped_weights() and trained.exported == shipped_model()
    assert trained.recipe is not None and trained.recipe.model == trained.name
    assert trained.history is not None and trained.temperature > 0
    assert trained.metrics is not None and trained.metrics["size"] == list(trained.best_size)
    assert trained.network().count_params() == 3_452_519
    assert trained.network() is trained.network()
    assert trained.size() == trained.runner().size == shipped_size()
    assert trained.size((48, 96)) == (48, 96)


@pytest.mark.parametrize("name", [".", "best.keras"])
def test_a_run(run, name):
    trained = open_trained(run / name)
    assert (trained.name, trained.path, trained.report) == (
        "some",
        run / "best.keras",
        run / "report",
    )
    assert trained.best_size == trained.size() == trained.runner().size == (32, 32)
    assert trained.size((64, 48)) == trained.runner((64, 48)).size == (64, 48)
    assert trained.history == run / "history.csv"
    assert trained.metrics is None and trained.temperature == 1.0
    (run / "report").mkdir()
    (run / "report" / "metrics.json").write_text(json.dumps({"rows": 3}))
    assert trained.metrics == {"rows": 3}
    (run / "report" / "metrics.json").write_text("[1")
    with pytest.raises(FerError, match=r"no report's metrics\.json"):
        _ = trained.metrics


def test_a_keras_file_runs_at_the_size_it_was_built_for(tmp_path):
    for name, sides, size in (("any", (), (224, 224)), ("fixed", (40, 56), (40, 56))):
        network(*sides).save(tmp_path / f"{name}.keras")
        trained = open_trained(tmp_path / f"{name}.keras")
        assert trained.best_size is None and trained.recipe is None and trained.history is None
        assert trained.report == tmp_path / f"{name}-report"
        assert trained.size() == trained.runner().size == size
    for asks in (trained.size, trained.runner):
        with pytest.raises(FerError, match="of 40x56 pixels only: expected that as the size"):
            asks((40, 40))


def test_a_file_of_weights():
    trained = open_trained(shipped_weights())
    assert not trained.shipped and trained.size() == (224, 224)
    face = np.zeros((1, 48, 48, 3), np.float32)
    np.testing.assert_array_equal(trained.network()(face), open_trained().network()(face))


def test_an_exported_file():
    trained = open_trained(shipped_model())
    assert trained.temperature == open_trained().temperature
    assert trained.runner().size == shipped_size()
    with pytest.raises(FerError, match="is no Keras network: expected a run folder"):
        trained.network()


def test_what_is_not_there_or_no_network(run, tmp_path):
    with pytest.raises(FerError, match="no such file or folder"):
        open_trained(tmp_path / "none.keras")
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    with pytest.raises(FerError, match=r"not a \.keras file"):
        open_trained(tmp_path / "bad.keras").network()
    with pytest.raises(FerError, match=r"expected a run folder with its best\.keras"):
        open_trained(tmp_path).network()
    with pytest.raises(FerError, match="is no Keras network"):
        open_trained(".").network()
    (tmp_path / "old.h5").touch()
    with pytest.raises(FerError, match=r"old\.h5: is no Keras network: .* from an older \.h5"):
        open_trained(tmp_path / "old.h5").network()
    network(classes=3).save(tmp_path / "three.keras")
    with pytest.raises(FerError, match="has 3 classes and does not name them"):
        _ = open_trained(tmp_path / "three.keras").task
    (run / "recipe.json").unlink()
    with pytest.raises(FerError, match=r"has no recipe\.json"):
        open_trained(run)


def test_one_of_a_path_and_what_ships(run):
    assert open_either(str(run), False).name == "some" and open_either(None, True).shipped
    for both in ((str(run), True), (None, False)):
        with pytest.raises(FerError, match="found"):
            open_either(*both)


def test_load_model(run):
    for path in (run, run / "best.keras"):
        assert fer_tf.load_model(path).output_shape == (None, 7)


@pytest.mark.parametrize(
    ("text", "size"), [("64", (64, 64)), ("96x128", (96, 128)), ("7X5", (7, 5))]
)
def test_size(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "64x", "x64", "1x2x3", "-4", "64px", "٤", "6.5", "0x9", "1025"]
)
def test_refuses_a_size(text):
    with pytest.raises(FerError, match="--size is"):
        parse_size(text)
