"""`fer_tf.data.readers.folder.read`."""

from __future__ import annotations

import os
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_tf.data import load_faces
from fer_tf.data.naming import split_indices
from fer_tf.data.reader import Options
from fer_tf.data.readers.folder import read, zipped_folder
from fer_tf.errors import FerError


@pytest.fixture(autouse=True)
def cache_elsewhere(own_cache, tmp_path_factory, monkeypatch):
    """Here `tmp_path` is the folder that is read."""
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path_factory.mktemp("cache")))


def picture(path: Path, grey: int, size: tuple[int, int] = (48, 48), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).convert(mode).save(path)


def test_alphabetical_folders_are_mapped_to_the_order_of_the_csv(tmp_path):
    # Alphabetical: angry disgust fear happy neutral sad surprise; the CSV has neutral last.
    names = ["ANGRY", "disgusted", "Fear", "happiness", "Sad", "surprise", "neutral"]
    for label, name in enumerate(names):
        picture(tmp_path / "train" / name / f"{name}.png", grey=label)
        picture(tmp_path / "Test" / name / f"{name}.JPG", grey=100 + label, mode="RGB")
    (tmp_path / "train" / ".DS_Store").write_bytes(b"?")
    (tmp_path / "train" / "Fear" / ".hidden").write_bytes(b"?")
    faces = read(str(tmp_path))
    assert faces.images.shape == (14, 48, 48) and faces.images.dtype == np.uint8
    assert faces.labels.tolist() == [*range(7), *range(7)]
    assert faces.split.tolist() == [0] * 7 + [1] * 7
    assert (faces.images[:7, 0, 0] == faces.labels[:7]).all()
    assert (abs(faces.images[7:, 5, 5] - 100 - faces.labels[7:].astype(int)) <= 1).all()


@pytest.mark.parametrize(
    "files, split",
    [
        (["test/sad/a.png"], [1]),
        (["test/sad/PrivateTest_1.png", "test/sad/PublicTest_2.png"], [1, 2]),
        (["validation/sad/a.png", "test/sad/b.png"], [1, 2]),
        (["PublicTest/sad/a.png", "private_test/sad/b.png"], [1, 2]),
        (["val/sad/PrivateTest_1.png"], [1]),
    ],
)
def test_names_of_splits(tmp_path, files, split):
    picture(tmp_path / "train" / "happy" / "a.png", 9)
    for file in files:
        picture(tmp_path / file, 9)
    faces = read(str(tmp_path))
    assert faces.split.tolist() == [0, *split]


def test_a_split_is_named_once():
    with pytest.raises(FerError, match="set: Test and test both mean PrivateTest, expected one"):
        split_indices(["Test", "test", "train"], "set", divided=False)


def test_refuses_what_is_not_the_copy(tmp_path):
    def refused(reason: str) -> None:
        with pytest.raises(FerError, match=reason):
            read(str(tmp_path))

    refused("no split folders")
    (tmp_path / "train").mkdir()
    refused("no class folders")
    (tmp_path / "train" / "happy").mkdir()
    refused("no pictures")
    good = tmp_path / "train" / "happy" / "a.png"
    picture(good, 9)
    assert len(read(str(tmp_path))) == 1

    wrong = tmp_path / "train" / "happy" / "b.png"
    picture(wrong, 9, size=(64, 48))
    refused("64x48 pixels, expected 48x48")
    wrong.write_bytes(good.read_bytes()[:-30])
    refused("b.png: a damaged or cut-off PNG")
    wrong.write_bytes(b"text")
    refused("b.png: not a picture")
    wrong.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 48\nshowpage\n")
    refused("b.png: not a picture")
    wrong.rename(wrong.with_suffix(".txt"))
    refused("b.txt: not a picture")
    (good.parent / "again").mkdir()
    refused("again: a folder in a class's")
    wrong.with_suffix(".txt").unlink()

    (tmp_path / "train" / "Happiness").mkdir()
    refused("both mean happy")
    (tmp_path / "train" / "Happiness").rmdir()
    (tmp_path / "angry").mkdir()
    refused("'angry' is not a split")
    (tmp_path / "angry").rename(tmp_path / "Training")
    refused("both mean Training")


def test_a_truncated_jpeg_is_refused(tmp_path):
    path = tmp_path / "train" / "sad" / "a.jpg"
    path.parent.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    assert len(read(str(tmp_path))) == 1
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(FerError, match="a damaged or cut-off JPEG"):
        read(str(tmp_path))


def test_pictures_are_read_as_predict_reads_them(tmp_path):
    """16 bits, turned by EXIF, and transparent."""
    ramp = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))
    folder = tmp_path / "train" / "happy"
    folder.mkdir(parents=True)
    turned = Image.Exif()
    turned[0x112] = 6
    Image.fromarray(ramp.astype(np.uint16) * 257).save(folder / "a.png")
    Image.fromarray(ramp).save(folder / "b.png", exif=turned)
    Image.new("RGBA", (48, 48), (0, 0, 0, 0)).save(folder / "c.tiff")
    deep, upright, clear = read(str(tmp_path)).images
    np.testing.assert_array_equal(deep, ramp)
    np.testing.assert_array_equal(upright, np.rot90(ramp, -1))
    assert (clear == 255).all()


def test_a_fifo_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "train" / "sad").mkdir(parents=True)
    os.mkfifo(tmp_path / "train" / "sad" / "a.jpg")
    with pytest.raises(FerError, match=r"a\.jpg: not a regular file"):
        read(str(tmp_path))


@pytest.mark.parametrize("above", ["", "data/fer2013"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_systems_leave_is_passed_over(tmp_path, packed, above):
    root = tmp_path / "set"
    for split in ("train", "test"):
        picture(root / above / split / "happy" / "a.png", 9)
        (root / above / split / "happy" / "desktop.ini").write_text("[.ShellClassInfo]")
        (root / above / split / "Thumbs.db").write_bytes(b"?")
    (root / "__MACOSX" / "train").mkdir(parents=True)
    (root / "__MACOSX" / "train" / "._happy").write_bytes(b"?")
    data = shutil.make_archive(str(tmp_path / "set"), "zip", root) if packed else str(root)
    faces = read(data)
    assert faces.split.tolist() == [0, 1] and (faces.images == 9).all()


def test_a_zip_of_pictures_may_hold_lists_too(tmp_path):
    """As RAF-DB's on Kaggle does; one of FER2013 may hold an example of a picture."""
    root = tmp_path / "set"
    for label in "123":
        picture(root / "DATASET" / "train" / label / "a.png", int(label))
    for name in ("train_labels.csv", "test_labels.csv"):
        (root / name).write_text("image,label\na.png,1\n")
    path = shutil.make_archive(str(tmp_path / "set"), "zip", root)
    assert load_faces(path).task.labels == ("1", "2", "3")
    shutil.rmtree(root / "DATASET" / "train" / "3")
    assert zipped_folder(shutil.make_archive(str(tmp_path / "few"), "zip", root)) is None


def test_a_zip_of_pictures_is_refused_as_a_folder_is(tmp_path):
    path = tmp_path / "set.zip"
    good = tmp_path / "a.png"
    picture(good, 9)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(good, "train/happy/a.png")
        archive.writestr("train/happy/b.png", bytes(1 << 25))
    with pytest.raises(
        FerError, match=r"train/happy/b\.png: can't be read \(unpacks to 33,554,432"
    ):
        read(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(good, "train/happy/a.png")
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    with pytest.raises(FerError, match=r"train/happy/a\.png: can't be read \(Bad CRC-32"):
        read(str(path))


def test_other_names_make_a_task_of_their_own(tmp_path):
    for number, name in enumerate(["Calm", "bored", "angry"]):
        picture(tmp_path / "own set" / name / "a.png", number, size=(30, 20))
    root, said = tmp_path / "own set", []
    faces = read(str(root), Options(say=said.append))
    assert faces.task.labels == ("angry", "bored", "Calm")
    assert faces.task.name == "own set" and faces.task.face == (20, 30, 1)
    assert faces.images[:, 0, 0].tolist() == [2, 1, 0] and faces.labels.tolist() == [0, 1, 2]
    assert faces.split.tolist() == [0, 0, 0]
    assert said == [f"{root}: classes of its own, in this order: angry, bored, Calm"]


@pytest.mark.parametrize("name", ["a" * 101, "bell \a"])
def test_a_folder_whose_name_no_task_can_have(tmp_path, name):
    for label in ("bored", "calm"):
        picture(tmp_path / name / label / "a.png", 9)
    assert load_faces(tmp_path / name).task.name == "folder"


def test_variants_differ_between_splits(tmp_path):
    picture(tmp_path / "train" / "angry" / "a.png", 9)
    picture(tmp_path / "train" / "müde" / "a.png", 9)
    picture(tmp_path / "test" / "Anger" / "a.png", 9)
    picture(tmp_path / "test" / unicodedata.normalize("NFD", "müde") / "a.png", 9)
    faces = read(str(tmp_path))
    assert faces.task.labels == ("Anger", "müde")
    assert faces.labels.tolist() == [0, 1, 0, 1] and faces.split.tolist() == [0, 0, 1, 1]


def test_pictures_of_any_size_and_colour_are_reduced(tmp_path):
    folder = tmp_path / "happy"
    folder.mkdir()
    for name, size in {"a": (100, 60), "b": (60, 100), "c": (20, 20)}.items():
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[..., 1] = 200
        # What lies outside the square in the middle is cut off.
        middle = min(size)
        pixels[(size[1] - middle) // 2 :, (size[0] - middle) // 2 :, 0] = 100
        pixels[(size[1] + middle) // 2 :] = pixels[:, (size[0] + middle) // 2 :] = 255
        Image.fromarray(pixels).save(folder / f"{name}.png")
    with pytest.raises(FerError, match=r"b\.png: 60x100 pixels, expected 100x60.*--face-size"):
        read(str(tmp_path))
    Image.new("L", (1, 1025)).save(folder / "0.png")
    with pytest.raises(FerError, match=r"0\.png: 1x1025 pixels, .* at most 1024; --face-size N"):
        read(str(tmp_path))
    (folder / "0.png").unlink()
    faces = load_faces(str(tmp_path), face_size=40)
    assert faces.images.shape == (3, 40, 40, 3) and faces.task.face == (40, 40, 3)
    assert (faces.images == [100, 200, 0]).all()
    assert faces.task.labels[3] == "Happy" and faces.labels.tolist() == [3] * 3


def test_a_test_folder_is_kept_for_the_test_where_rows_are_divided(tmp_path):
    for number in range(10):
        picture(tmp_path / "train" / "happy" / f"{number}.png", number)
    picture(tmp_path / "test" / "happy" / "a.png", 99)
    faces = load_faces(str(tmp_path), split="80:20")
    assert np.bincount(faces.split).tolist() == [8, 2, 1]
    assert faces.of("test").images[0, 0, 0] == 99
    with pytest.raises(FerError, match=r"--split 80:10:10: .* has 1 PrivateTest rows of its own"):
        load_faces(str(tmp_path), split="80:10:10")


@pytest.mark.parametrize("count, reason", [(1, r"found: 1 .own0., expected 2"), (257, "to 256")])
def test_as_many_classes_as_labels_can_tell_apart(tmp_path, count, reason):
    for number in range(count):
        picture(tmp_path / f"own{number}" / "a.png", 9)
    with pytest.raises(FerError, match=reason) as caught:
        read(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
