"""A network too small for some forms is exported in the others."""

from __future__ import annotations

import json

import keras
import pytest

from fer_tf.errors import FerError
from fer_tf.export import main


@pytest.fixture
def small(tmp_path):
    """A .keras file with one convolution and one dense layer, and no layer "features"."""
    images = keras.Input((48, 48, 3))
    maps = keras.layers.Conv2D(8, 3, activation="relu")(images)
    logits = keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(maps))
    path = tmp_path / "cnn.keras"
    keras.Model(images, logits).save(path)
    return str(path)


def test_what_can_be_written_is_and_the_rest_is_a_sentence(small, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(SystemExit):
        main([small, "--to", str(out), "--formats", "tflite", "serving", "--size", "48"])
    told = capsys.readouterr().err.splitlines()
    assert "TFLite 48 int8 not kept: " in told[1] and "expected 4 or more" in told[1]
    assert "SavedModel 48 not kept: " in told[0] and "has no layer 'features'" in told[0]
    files = sorted(path.name for path in (out / "tflite").glob("*.tflite"))
    assert files == ["fer_48_float16.tflite", "fer_48_float32.tflite"]
    forms = {form["name"]: form for form in json.loads((out / "export.json").read_text())["forms"]}
    assert "expected 4 or more" in forms["TFLite 48 int8"]["failure"]
    assert forms["TFLite 48 float32"]["agreement"] == 1
    assert "TFLite 48 int8 is not there: " in (out / "model_card.md").read_text()


def test_nothing_that_can_be_written_is_an_error(small, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(FerError, match="has no layer 'features'"):
        main([small, "--to", str(out), "--formats", "serving", "--size", "48"])
    assert not out.exists()
