"""Model files: what is saved comes back, and a stranger's file runs nothing."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny import full_disk

from fer_tf import FerError, create_model, load_model
from fer_tf.models import saving
from fer_tf.models.saving import save_model

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 48, 48, 3)).astype(np.float32)
SMALL = {"dims": (8, 16, 24, 32), "heads": (1, 2, 3, 4), "depths": (1, 1, 1, 1)}


def small(**arguments):
    return create_model("mit_b0_fusion", **{"input_shape": (None, None, 3), **SMALL, **arguments})


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small network and its file."""
    path = tmp_path_factory.mktemp("models") / "small.keras"
    model = small()
    save_model(model, path)
    return model, path


def test_a_network_comes_back_the_same(saved):
    model, path = saved
    assert os.listdir(path.parent) == [path.name]
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))
    assert loaded.to_json() == model.to_json()


def test_weights_that_are_nan_are_refused(tmp_path):
    model = small()
    model.set_weights([np.full_like(array, np.nan) for array in model.get_weights()])
    model.save_weights(tmp_path / "nan.weights.h5")
    weights_refused(tmp_path / "nan.weights.h5", "NaN or infinity is among the weights")


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_weights_come_from_a_file_of_ours(saved, tmp_path, suffix):
    model, path = saved
    if suffix == ".weights.h5":
        path = tmp_path / "small.weights.h5"
        model.save_weights(path)
    loaded = small(input_shape=(48, 48, 3), weights=str(path))
    np.testing.assert_allclose(loaded(IMAGES), model(IMAGES), atol=1e-6)


def test_mixed_precision_weights_are_those_of_float32(saved):
    model, path = saved
    loaded = small(weights=str(path), dtype="mixed_bfloat16")
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def refused(path, sentence, load=load_model):
    with pytest.raises(FerError, match=re.escape(sentence)) as refusal:
        load(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "none.keras", "no such model file, expected a .keras file")
    refused(tmp_path, "expected a run folder with its best.keras")


def test_what_is_not_a_keras_file(tmp_path, saved):
    text = tmp_path / "text.keras"
    text.write_text("not a zip")
    refused(text, "not a .keras file")
    other = tmp_path / "model.zip"
    other.write_bytes(saved[1].read_bytes())
    refused(other, "not a .keras file")


def test_a_zip_that_is_not_a_model(tmp_path):
    path = tmp_path / "zip.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path, "not a model that can be loaded safely")


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_file_cut_short(tmp_path, saved, share):
    content = saved[1].read_bytes()
    path = tmp_path / "cut.keras"
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "not a")


def test_an_object_that_is_not_a_model(tmp_path):
    path = tmp_path / "layer.keras"
    rewrite(path, {"class_name": "Dense", "module": "keras.layers", "config": {"units": 2}})
    refused(path, "not a model that can be loaded safely")


def rewrite(path: Path, config: dict, source: Path | None = None) -> None:
    """A .keras file with this configuration, and the rest of `source`."""
    names = ("metadata.json", "model.weights.h5")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        if source is None:
            archive.writestr("metadata.json", "{}")
        else:
            with zipfile.ZipFile(source) as original:
                for name in names:
                    archive.writestr(name, original.read(name))


def test_a_strangers_lambda_is_not_run(tmp_path):
    """Its code comes with the file; Keras would run it when it rebuilds the graph."""
    marker = tmp_path / "hostile code ran"
    inputs = keras.Input((48, 48, 3))
    code = eval(f"lambda x: (__import__('pathlib').Path({str(marker)!r}).touch(), x)[1]")
    outputs = keras.layers.Lambda(code, output_shape=(48, 48, 3))(inputs)
    path = tmp_path / "stranger.keras"
    keras.Model(inputs, outputs).save(path)
    marker.unlink(missing_ok=True)
    refused(path, "not a model that can be loaded safely")
    assert not marker.exists()
    with pytest.raises(FerError):
        small(weights=str(path))
    assert not marker.exists()

    keras.saving.load_model(path, safe_mode=False, compile=False)(np.zeros((1, 48, 48, 3)))
    assert marker.exists(), "the file is hostile: without safe mode it runs"


@pytest.mark.parametrize(
    "hostile",
    [
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "os", "class_name": "function", "config": "system"},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "MARKER"]}},
        {"module": "hostile_module", "class_name": "Anything", "config": {}},
    ],
)
def test_a_strangers_configuration_calls_and_imports_nothing(tmp_path, saved, hostile, monkeypatch):
    marker = tmp_path / "hostile code ran"
    (tmp_path / "hostile_module.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\nclass Anything: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    hostile = json.loads(json.dumps(hostile).replace("MARKER", str(marker)))
    with zipfile.ZipFile(saved[1]) as original:
        config = json.loads(original.read("config.json"))
    block = next(x for x in config["config"]["layers"] if x["class_name"] == "TransformerBlock")
    block["config"]["dense_initializer"] = {**hostile, "registered_name": None}
    path = tmp_path / "stranger.keras"
    rewrite(path, config, saved[1])
    refused(path, "not a model that can be loaded safely")
    assert not marker.exists()


def weights_refused(path, sentence):
    refused(path, sentence, load=lambda path: small(weights=str(path)))


def test_weights_that_are_not_there(tmp_path):
    weights_refused(tmp_path / "none.keras", "no such weights file")
    weights_refused(tmp_path, "best.keras: no such weights file")


def test_weights_of_another_network(tmp_path):
    other = small(dims=(8, 16, 24, 40))
    save_model(other, tmp_path / "other.keras")
    weights_refused(tmp_path / "other.keras", "these weights don't fit mit_b0_fusion")
    other.save_weights(tmp_path / "other.weights.h5")
    weights_refused(tmp_path / "other.weights.h5", "these weights don't fit mit_b0_fusion")


def test_weights_that_are_no_weights(tmp_path):
    path = tmp_path / "text.weights.h5"
    path.write_text("not HDF5")
    weights_refused(path, "these weights don't fit mit_b0_fusion")


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path, saved, monkeypatch):
    path = tmp_path / "model.keras"
    path.write_bytes(b"the one before")
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(FerError, match=r"model\.keras.*No space left on device"):
        save_model(saved[0], path)
    assert os.listdir(tmp_path) == ["model.keras"]
    assert path.read_bytes() == b"the one before"


def test_a_folder_that_is_not_there(tmp_path, saved):
    path = tmp_path / "none" / "model.keras"
    with pytest.raises(FerError, match=re.escape(str(path))):
        save_model(saved[0], path)


@pytest.mark.parametrize(
    ("limit", "told"), [("CONFIG_LIMIT", "MB of configuration"), ("UNPACKED_LIMIT", "in all")]
)
def test_what_a_file_unpacks_to_is_bounded(saved, monkeypatch, limit, told):
    _, path = saved
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
    texts = sum(size for name, size in sizes.items() if name.endswith(".json"))
    most = texts if limit == "CONFIG_LIMIT" else sum(sizes.values())
    monkeypatch.setattr(saving, limit, most)
    load_model(path)
    monkeypatch.setattr(saving, limit, most - 1)
    with pytest.raises(FerError, match=told):
        load_model(path)


def test_what_ships_goes_on_with_other_classes():
    from fer_tf.tasks import Task

    network = create_model("nano", weights="shipped")
    task = Task("own", ("bored", "Happiness", "cross", "sad"))
    other = create_model("nano", task=task, weights="shipped")
    for old, new in zip(network.layers[:-1], other.layers[:-1], strict=True):
        for before, after in zip(old.get_weights(), new.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
    for before, after in zip(
        network.layers[-1].get_weights(), other.layers[-1].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(before[..., [3, 4]], after[..., [1, 3]])
    few = create_model("nano", classes=np.int64(3), weights="shipped")
    np.testing.assert_array_equal(few.layers[2].get_weights(), network.layers[2].get_weights())
    assert few.output_shape == (None, 3)
    with pytest.raises(FerError, match="mit_b0_fusion and nano ship, vgg_half does not"):
        create_model("vgg_half", weights="shipped")
