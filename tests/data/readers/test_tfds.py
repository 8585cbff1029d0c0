"""`tfds:NAME`: our own builder of FER2013, and builders of others."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fer_tf.data import load_faces
from fer_tf.data.synthetic import draw_dataset, write_csv
from fer_tf.errors import FerError

tfds = pytest.importorskip("tensorflow_datasets")


class OwnFaces(tfds.core.GeneratorBasedBuilder):
    """Colour pictures of two sizes, whose classes and one split are no one else's."""

    VERSION = tfds.core.Version("1.0.0")
    LABELS: ClassVar[list[str]] = ["smug", "Bored"]

    def _info(self):
        image = tfds.features.Image(shape=(None, None, 3))
        label = tfds.features.ClassLabel(names=self.LABELS)
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict({"image": image, "label": label}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(name) for name in ("train", "test", "extra")}

    def _generate_examples(self, name):
        for row in range(4):
            image = np.full((20 + 10 * row, 30, 3), (row, 50, 100), np.uint8)
            yield row, {"image": image, "label": row % 2}


class Numbers(tfds.core.GeneratorBasedBuilder):
    """No pictures."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"number": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": []}

    def _generate_examples(self):
        yield 0, {"number": 0}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


def test_fer2013_is_prepared_from_its_csv(tmp_path, capsys):
    from fer_tf.data.tfds_fer2013 import main

    drawn = draw_dataset(24)
    write_csv(tmp_path / "drawn.csv", drawn)
    with pytest.raises(FerError, match=r"not prepared in .*tfds_fer2013"):
        load_faces("tfds:fer2013")
    main([str(tmp_path / "drawn.csv"), "--data-dir", str(tmp_path / "tfds")])
    assert "as train, validation, test" in capsys.readouterr().out.replace("test, train", "")
    main([str(tmp_path / "other.csv"), "--data-dir", str(tmp_path / "tfds")])
    assert "1.0.0: was prepared before, and stays as it is" in capsys.readouterr().out
    for name in ("tfds:fer2013", "tfds:fer2013:1.0.0"):
        faces = load_faces(name)
        for field in ("images", "labels", "split"):
            np.testing.assert_array_equal(getattr(faces, field), getattr(drawn, field))
        assert faces.task == drawn.task


def test_other_builders(tmp_path):
    OwnFaces(data_dir=str(tmp_path / "tfds")).download_and_prepare()
    with pytest.raises(FerError, match=r"example 1: 30x30 pixels, expected 30x20.*--face-size"):
        load_faces("tfds:own_faces")
    said: list[str] = []
    faces = load_faces("tfds:own_faces", face_size=16, split="50:50", say=said.append)
    assert faces.images.shape == (8, 16, 16, 3) and faces.task.labels == ("smug", "Bored")
    assert faces.images[:, 3, 3, 0].tolist() == [0, 1, 2, 3] * 2
    assert faces.labels.tolist() == [0, 1] * 4 and faces.split[4:].tolist() == [2] * 4
    assert "left out 4 of the split 'extra'" in " ".join(said)
    assert "in this order: smug, Bored" in " ".join(said)


def test_what_is_no_data_set_of_faces_is_refused(tmp_path):
    with pytest.raises(FerError, match="no such builder"):
        load_faces("tfds:no_such_thing")
    with pytest.raises(FerError, match="expected tfds:NAME"):
        load_faces("tfds:../x y")
    Numbers(data_dir=str(tmp_path / "tfds"))
    with pytest.raises(FerError, match="has the features number, expected 'image'"):
        load_faces("tfds:numbers")
