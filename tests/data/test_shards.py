"""Faces in array_record shards: written, read, batched; and what is damaged or in the way."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer_tf import cli, describe
from fer_tf.data import load_faces, records, shards
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import MappedImages, pieces
from fer_tf.data.synthetic import draw_dataset, write_csv
from fer_tf.errors import FerError
from fer_tf.training.progress import digest_of

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("array_record")

VALIDATION = "faces-validation.array_record-00000-of-00001"


def voted_faces() -> Faces:
    """Drawn faces with values and votes, whose splits are mixed and whose labels need two bytes."""
    drawn = draw_dataset(96, affect=True)
    random = np.random.default_rng(0)
    names = tuple(f"class {i}" for i in range(200))
    return dataclasses.replace(
        drawn,
        labels=random.integers(0, 200, 96).astype(np.uint8),
        split=random.permutation(drawn.split),
        votes=random.integers(0, 10, (96, 10)).astype(np.uint8),
        task=dataclasses.replace(drawn.task, labels=names),
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Faces, Path]:
    """Faces in memory, and the folder of their shards, three of them of Training."""
    faces = voted_faces()
    folder = tmp_path_factory.mktemp("shards") / "out"
    shards.write_shards(folder, faces, shard_bytes=30 * 2600)
    return faces, folder


@pytest.fixture
def copied(written, tmp_path) -> Path:
    """A folder of shards to damage."""
    return Path(shutil.copytree(written[1], tmp_path / "copy"))


def test_shards_hold_the_faces_in_their_order(written):
    faces, folder = written
    assert len(list(folder.glob("faces-train.*"))) == 3
    read = load_faces(str(folder))
    order = np.argsort(faces.split, kind="stable")
    assert isinstance(read.images, MappedImages) and read.task == faces.task
    for name in ("images", "labels", "split", "votes", "values"):
        np.testing.assert_array_equal(getattr(read, name), getattr(faces, name)[order])
    for split in ("Training", "PublicTest", "PrivateTest"):
        assert digest_of(read.of(split)) == digest_of(faces.of(split))
    expected = faces.images[order]
    rows = np.array([95, 3, 3, 31, -1])
    for index in (rows, np.arange(96) % 3 == 0, slice(4, 90, 7), 40, -2):
        np.testing.assert_array_equal(read.images[index], expected[index])
    with pytest.raises(IndexError):
        read.images[np.array([96])]


def test_tensorflow_datasets_opens_the_folder(written):
    faces, folder = written
    source = tfds.builder_from_directory(str(folder)).as_data_source("train")
    training = faces.of("Training")
    assert len(source) == len(training)
    for row in (0, 31, 79):
        found = source[row]
        np.testing.assert_array_equal(found["image"][..., 0], training.images[row])
        np.testing.assert_array_equal(found["votes"], training.votes[row])
        np.testing.assert_array_equal(found["values"], training.values[row])
        assert found["label"] == training.labels[row]


def test_a_shuffled_batch_is_copied_from_where_the_faces_lie(written, copied, monkeypatch):
    faces, folder = written
    expected = faces.images[np.argsort(faces.split, kind="stable")]
    rows = np.random.default_rng(0).permutation(96)
    read = load_faces(str(folder)).images
    asked = []
    whole = records.Records._pixels_of

    def counted(self, shards, places):
        asked.append(len(places))
        return whole(self, shards, places)

    monkeypatch.setattr(records.Records, "_pixels_of", counted)
    np.testing.assert_array_equal(read[rows], expected[rows])
    # A header in every 64 kB parts one of some 27 faces; array_record reads these alone.
    assert 0 < asked.pop() < 10
    np.testing.assert_array_equal(read[:], expected)
    assert asked.pop() == 96
    # As it was written before the column was there.
    columns = np.load(copied / shards.COLUMNS)
    names = [name for name in columns.dtype.names if name != "begin"]
    np.save(copied / shards.COLUMNS, columns[names])
    rewrite(copied, columns=shards.digest(copied / shards.COLUMNS))
    np.testing.assert_array_equal(load_faces(str(copied)).images[rows], expected[rows])
    assert asked.pop() == 96


def test_colour_stays_and_a_link_is_followed(tmp_path):
    drawn = draw_dataset(24)
    images = np.random.default_rng(0).integers(0, 256, (24, 5, 7, 3)).astype(np.uint8)
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    shards.write_shards(tmp_path / "out", dataclasses.replace(drawn, images=images))
    assert (tmp_path / "disk" / shards.MANIFEST).is_file()
    read = load_faces(str(tmp_path / "out"))
    np.testing.assert_array_equal(read.images, images)
    assert read.task.face == (5, 7, 3)


def test_batches_from_shards_are_those_from_memory(written, monkeypatch):
    from fer_tf.data import device, draws, pipeline
    from fer_tf.data.targets import one_hot
    from fer_tf.recipes.schema import Augmentation

    faces, folder = (each.of("Training") for each in (written[0], load_faces(str(written[1]))))
    how = Augmentation(flip=True, rotation=10, mix_probability=0.5, mixup=0.4)
    made = []
    for each, window in ((faces, draws.WINDOW), (folder, 24)):
        # From the shards the epoch is drawn by windows, too, as that of many faces.
        monkeypatch.setattr(draws, "WINDOW", window)
        epoch = draws.draw_epoch(
            one_hot(each.labels, 200), seed=3, epoch=1, batch_size=8, augmentation=how, passes=2
        ).part(1)
        batches = pipeline.TrainingBatches(each.images, sizes=[(32, 32)], how=how)
        batches = batches.epoch(epoch)
        assert batches.cardinality() == 19
        made.append((list(batches), epoch))
    assert isinstance(made[1][1].draws, draws.Windowed)
    assert len(made[0][0]) == len(made[1][0]) == 19
    for (x, y), (same_x, same_y) in zip(made[0][0], made[1][0], strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    on_jax = device.EpochBatches(made[1][1], sizes=[(32, 32)], images=folder.images)
    for step in (0, 7, 18):
        inputs, targets = on_jax[step]
        np.testing.assert_array_equal(inputs["faces"], faces.images[made[0][1].rows[step]])
        np.testing.assert_array_equal(inputs["draws"], made[0][1].draws[step])
        np.testing.assert_array_equal(targets, made[0][1].targets[step])


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


def blank(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def rewrite(folder: Path, **changed: object) -> None:
    manifest = json.loads((folder / shards.MANIFEST).read_text())
    (folder / shards.MANIFEST).write_text(json.dumps(manifest | changed))


@pytest.mark.parametrize(
    "damage, told",
    [
        (lambda folder: (folder / VALIDATION).unlink(), "No such file.*expected the 12 faces in"),
        (lambda folder: os.truncate(folder / VALIDATION, 9000), "has 9,000 bytes, expected the 12"),
        (lambda folder: blank(folder / VALIDATION), "has 0 records, expected the 12 faces"),
        (lambda folder: (folder / shards.COLUMNS).unlink(), r"faces.npy: can't be read \(No such"),
        (lambda folder: flip(folder / shards.COLUMNS, 200), "faces.npy: has changed"),
        (
            lambda folder: (folder / shards.MANIFEST).write_text("{"),
            "can't be read.*fer_tf.data.sh",
        ),
        (lambda folder: rewrite(folder, task={"name": "x"}), "shards.json: is no task"),
        (lambda folder: rewrite(folder, format=9), "has format 9, expected 1"),
        (lambda folder: rewrite(folder, shards=[]), "has format 1, expected 1 and shards"),
    ],
)
def test_what_is_missing_or_damaged_is_told_in_a_sentence(copied, damage, told, capsys):
    damage(copied)
    with pytest.raises(SystemExit) as ended:
        cli.run(lambda: describe.main(["--data", str(copied), "--out", str(copied / "page")]))
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fer_tf: {copied}")
    with pytest.raises(FerError, match=told):
        load_faces(str(copied))
    assert not (copied / "page").exists()


def test_a_damaged_record_is_told_when_it_is_read(copied, capsys):
    from fer_tf.data.batches import evaluation

    data = (copied / VALIDATION).read_bytes()
    validation = load_faces(str(copied)).of("PublicTest")
    flip(copied / VALIDATION, data.index(validation.images[6].tobytes()) + 1000)
    validation = load_faces(str(copied)).of("PublicTest")
    for _ in range(2):
        with pytest.raises(FerError, match=rf"{VALIDATION}: record 7 is damaged \(Corrupted"):
            list(pieces(validation.images))
    assert validation.images[7].any()

    def evaluate() -> None:
        # TensorFlow calls the reader here, and makes an error of its own of what it raises.
        list(evaluation(validation.images, size=(8, 8), batch_size=4))

    with pytest.raises(SystemExit) as ended:
        cli.run(evaluate)
    assert ended.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"fer_tf: {copied}") and line.endswith("shards` wrote it")


def test_a_shard_of_other_faces_is_told(copied, tmp_path):
    other = draw_dataset(24)
    other = dataclasses.replace(other, images=other.images[:, :40])
    [shard, *_] = shards.write_shards(tmp_path / "other", other)
    images = records.Records([shard], (48, 48))
    with pytest.raises(FerError, match=r"record 3 is damaged \(no face of \(48, 48\)\)"):
        images[2]


def test_a_folder_that_holds_something_is_left_alone(tmp_path, capsys):
    write_csv(tmp_path / "drawn.csv", draw_dataset(24))
    out = tmp_path / "out"
    out.mkdir()
    shards.main(["--data", str(tmp_path / "drawn.csv"), "--out", str(out)])
    assert "24 faces in 3 shards" in capsys.readouterr().out
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    for place in (out, out / shards.MANIFEST):
        with pytest.raises(FerError, match=r": is there already, expected a folder that"):
            shards.main(["--out", str(place)])
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before
    with pytest.raises(FerError, match="--shard-size: expected more than 0 MiB, found -1"):
        shards.main(["--out", str(tmp_path / "new"), "--shard-size", "-1"])


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    drawn = draw_dataset(24)
    out = tmp_path / "place" / "out"

    class Broken:
        shape, dtype, ndim = drawn.images.shape, drawn.images.dtype, 3

        def __len__(self):
            return 24

        def __getitem__(self, rows):
            raise FerError("a damaged picture")

    with pytest.raises(FerError, match="a damaged picture"):
        shards.write_shards(out, dataclasses.replace(drawn, images=MappedImages(Broken())))

    real = records.array_record(out)
    full = SimpleNamespace(
        ArrayRecordWriter=lambda _, how: real.ArrayRecordWriter("/dev/full", how)
    )
    with monkeypatch.context() as patch:
        patch.setattr(shards, "array_record", lambda path: full)
        with pytest.raises(FerError, match=r"--out .*can't be written .*No space left on device"):
            shards.write_shards(out, drawn)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        with pytest.raises(FerError, match=r"the faces take 0\.0 GB, expected room for them"):
            shards.write_shards(out, drawn)
    assert list(out.parent.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match=r"can't be written \(Not a directory\)|File exists"):
        shards.write_shards(tmp_path / "file" / "out", drawn)


def test_without_array_record_the_command_that_adds_it_is_told(written, monkeypatch):
    monkeypatch.setitem(sys.modules, "array_record.python", None)
    with pytest.raises(FerError, match=r"needs array_record, which is not installed: `pip install"):
        load_faces(str(written[1]))
