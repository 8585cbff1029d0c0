"""A training on faces in a file, or in shards, ends with the weights of one on faces in memory."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf import evaluate, train
from fer_tf.data import decoded, load_faces, shards
from fer_tf.data.layouts import write_affectnet, write_rafdb
from fer_tf.data.mapped import MappedImages
from fer_tf.data.synthetic import draw_dataset
from fer_tf.models.saving import load_model
from fer_tf.recipes.as_json import from_json

pytestmark = pytest.mark.usefixtures("own_cache")

FLAGS = ["--face-size", "24", "--stages", "32", "1", "--batch-size", "16", "--precision", "float32"]


def test_faces_in_files_train_as_those_in_memory(
    tmp_path, monkeypatch, small_network, no_report, capsys
):
    write_affectnet(tmp_path / "set", draw_dataset(96, affect=True))
    runs = ["--runs", str(tmp_path / "runs"), "--model", small_network, *FLAGS, "--clean"]
    flags = ["scratch", "--data", str(tmp_path / "set"), "--task", "affectnet7", *runs]
    train.main([*flags, "--run", "memory"])
    monkeypatch.setattr(decoded, "IN_MEMORY", 0)
    faces = load_faces(str(tmp_path / "set"), task="affectnet7", face_size=24)
    assert isinstance(faces.images, MappedImages)
    train.main([*flags, "--run", "file"])
    assert "of 'Contempt'" in capsys.readouterr().out
    size = ["--face-size", "24", "--shard-size", "0.02"]
    out = ["--out", str(tmp_path / "shards")]
    shards.main(["--data", str(tmp_path / "set"), "--task", "affectnet7", *size, *out])
    train.main(["scratch", "--data", out[1], *runs, "--run", "shards"])
    one, *others = (
        load_model(tmp_path / "runs" / name / "best.keras") for name in ("memory", "file", "shards")
    )
    assert len(one.outputs) == 2
    for other in others:
        for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, same)


def test_what_brings_no_validation_is_divided(
    tmp_path, small_network, no_report, no_pictures, capsys
):
    write_rafdb(tmp_path / "set", draw_dataset(96))
    runs = ["--runs", str(tmp_path / "runs"), "--model", small_network, *FLAGS]
    flags = ["scratch", "--data", str(tmp_path / "set"), *runs]
    with pytest.raises(ValueError, match=r"no PublicTest rows.*--split 80:20"):
        train.main([*flags, "--run", "none"])
    train.main([*flags, "--run", "divided", "--split", "80:20"])
    assert "divided 80:20 within each class, seed 0" in capsys.readouterr().out
    recipe = from_json((tmp_path / "runs" / "divided" / "recipe.json").read_text())
    assert recipe.split == "80:20" and recipe.reading.face_size == 24
    # A run's own data is read, and divided, as the run did.
    evaluate.main([str(tmp_path / "runs" / "divided"), "--out", str(tmp_path / "report")])
    said = capsys.readouterr().out
    assert "divided 80:20 within each class" in said and "Happiness" in said
