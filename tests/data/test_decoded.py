"""Pictures are decoded once, into a file that training reads from."""

from __future__ import annotations

import dataclasses
import os
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import full_disk

from fer_tf.data import decoded as module
from fer_tf.data import pictures
from fer_tf.data.copies import learnable
from fer_tf.data.decoded import decoded
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import MappedImages, pieces
from fer_tf.data.pictures import Picture, read_pictures
from fer_tf.data.synthetic import draw_dataset
from fer_tf.data.targets import training_targets
from fer_tf.errors import FerError
from fer_tf.recipes.schema import Recipe
from fer_tf.training.progress import digest_of

KEY = "0123456789abcdef" * 4
SHAPE = (10, 4, 5)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 3)


class Decoder:
    """Writes each row's number, counts, and stops where it is told to."""

    def __init__(self, stops_at: int | None = None, by: type[BaseException] = KeyboardInterrupt):
        self.rows: list[int] = []
        self.stops_at, self.by = stops_at, by

    def __call__(self, images: np.ndarray, rows: range) -> None:
        for row in rows:
            if row == self.stops_at:
                raise self.by("a damaged picture")
            self.rows.append(row)
            images[row] = row


def mapped(images: np.ndarray, path: Path) -> MappedImages:
    np.save(path, images)
    return MappedImages(np.load(path, mmap_mode="r"))


def test_pictures_are_decoded_once():
    first, again = Decoder(), Decoder()
    expected = np.arange(10)[:, None, None] + np.zeros(SHAPE)
    np.testing.assert_array_equal(decoded(KEY, SHAPE, first), expected)
    np.testing.assert_array_equal(decoded(KEY, SHAPE, again), expected)
    assert first.rows == list(range(10)) and again.rows == []


def test_who_is_stopped_goes_on_after_the_last_block(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        decoded(KEY, SHAPE, Decoder(stops_at=7))
    assert {file.suffix for file in (tmp_path / "cache").iterdir()} == {
        ".partial",
        ".done",
        ".lock",
    }
    rest = Decoder()
    images = decoded(KEY, SHAPE, rest)
    assert rest.rows == [6, 7, 8, 9] and images[:, 0, 0].tolist() == list(range(10))
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".npy"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"cut")])
def test_a_note_of_rows_whose_file_is_gone_is_not_believed(tmp_path, damage):
    for stops_at in (7, 1):
        with pytest.raises(KeyboardInterrupt):
            decoded(KEY, SHAPE, Decoder(stops_at))
        if stops_at == 7:
            damage(next((tmp_path / "cache").glob("*.partial")))
    images = decoded(KEY, SHAPE, Decoder())
    assert images[:, 0, 0].tolist() == list(range(10))


@pytest.mark.parametrize("by", [FerError, OSError])
def test_what_cannot_be_decoded_leaves_nothing_large(tmp_path, by):
    with pytest.raises(by, match="damaged"):
        decoded(KEY, SHAPE, Decoder(7, by))
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_file_is_renamed_when_nothing_is_mapped_any_more(monkeypatch):
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("only Linux lists them")
    mapped, replace = [], os.replace

    def look(source, target):
        mapped.append(".partial" in maps.read_text())
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    decoded(KEY, SHAPE, Decoder())
    # While it is filled, each note of the rows that are done is renamed, too.
    assert mapped == [True] * 4 + [False]


def test_another_users_file_is_read(monkeypatch):
    decoded(KEY, SHAPE, Decoder())

    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    again = Decoder()
    decoded(KEY, SHAPE, again)
    assert again.rows == []


def test_what_is_large_stays_in_its_file(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "IN_MEMORY", 199)
    images = decoded(KEY, SHAPE, Decoder())
    assert isinstance(images, MappedImages) and images.shape == SHAPE
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FerError, match=r"no room for 0\.0 GB of decoded faces.*FER_TF_CACHE"):
        decoded(KEY, SHAPE, Decoder())
    monkeypatch.setattr(module, "IN_MEMORY", 200)
    assert isinstance(decoded(KEY, SHAPE, Decoder()), np.ndarray)


def test_a_full_disk_is_told_before_anything_is_decoded(monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full_disk)
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    decoder = Decoder()
    with pytest.raises(FerError, match="No space left on device"):
        decoded(KEY, SHAPE, decoder)
    assert decoder.rows == []


def test_two_at_a_time_decode_once():
    decoder = Decoder()
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: decoded(KEY, SHAPE, decoder), range(4)))
    assert decoder.rows == list(range(10))
    assert all((images[:, 0, 0] == np.arange(10)).all() for images in same)


@pytest.mark.parametrize("kept", [0, 50, 200, -1])
def test_a_damaged_file_is_decoded_anew(tmp_path, kept):
    decoded(KEY, SHAPE, Decoder())
    [file] = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:kept])
    again = Decoder()
    images = decoded(KEY, SHAPE, again)
    assert again.rows == list(range(10)) and images[:, 0, 0].tolist() == again.rows
    assert [each.read_bytes() for each in (tmp_path / "cache").iterdir()] == [whole]


def test_few_files_are_kept(tmp_path):
    for number in range(9):
        decoded(f"{number:064x}", SHAPE, Decoder())
    assert len(list((tmp_path / "cache").iterdir())) == 6


def test_an_edited_picture_is_decoded_again(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    decoding: list[str] = []
    face = pictures._face
    monkeypatch.setattr(
        pictures, "_face", lambda each, *a, **k: decoding.append(each.file) or face(each, *a, **k)
    )
    for grey in (1, 1, 2, 1):
        before = os.stat(file).st_mtime_ns if file.exists() else 0
        Image.new("L", (8, 8), grey).save(file)
        os.utime(file, ns=(before, before))
        assert (read_pictures([Picture(str(file))], None) == grey).all()
    assert len(decoding) == 2
    cut = read_pictures([Picture(str(file), (2, 3, 4, 4)), Picture(str(file), (0, 0, 9, 9))], 4)
    assert cut.shape == (2, 4, 4) and len(decoding) == 4


def test_photos_are_looked_at_one_after_the_other(monkeypatch):
    held, most = [], 0

    def photo(picture):
        nonlocal most
        pixels = np.zeros((8, 8, 3), np.uint8)
        held.append(weakref.ref(pixels))
        most = max(most, sum(each() is not None for each in held))
        return pixels

    monkeypatch.setattr(pictures, "_cropped", photo)
    monkeypatch.setattr(pictures, "cores", lambda: 1)
    assert read_pictures([Picture(str(number)) for number in range(20)], 4).shape == (20, 4, 4)
    assert most <= 2


def test_mapped_images_are_as_their_array(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 3)).astype(np.uint8)
    images = mapped(array, tmp_path / "a.npy")
    rows = np.array([40, 3, 3, 7])
    mask = np.arange(50) % 3 == 0
    for index in (rows, mask, slice(4, 9), 11):
        np.testing.assert_array_equal(images[index], array[index])
    np.testing.assert_array_equal(images.take(mask).take(rows[1:] - 1), array[mask][rows[1:] - 1])
    np.testing.assert_array_equal(np.asarray(images.take(rows)), array[rows])
    np.testing.assert_array_equal(np.concatenate(list(pieces(images))), array)
    np.testing.assert_array_equal(list(images), array)
    assert (images.shape, images.dtype, images.ndim, len(images)) == (array.shape, np.uint8, 4, 50)


@pytest.fixture
def both(tmp_path) -> tuple[Faces, Faces]:
    """The same faces in memory and in a file."""
    drawn = draw_dataset(96, seed=2)
    drawn.images[3] = drawn.images[85]
    return drawn, dataclasses.replace(drawn, images=mapped(drawn.images, tmp_path / "f.npy"))


def test_faces_in_a_file_are_treated_as_those_in_memory(both, monkeypatch):
    from fer_tf.data import mapped as pieces_of

    monkeypatch.setattr(pieces_of, "PIECE", 7)
    drawn, filed = both
    training, validation = drawn.of("Training"), drawn.of("PublicTest")
    in_file, others = filed.of("Training"), filed.of("PublicTest")
    assert isinstance(in_file.images, MappedImages)
    assert digest_of(in_file) == digest_of(training)
    kept = learnable(in_file, others)
    np.testing.assert_array_equal(kept, learnable(training, validation))
    assert kept.sum() < len(kept)
    assert isinstance(in_file.take(kept).images, MappedImages)
    assert digest_of(in_file.take(kept)) == digest_of(training.take(kept))
    recipe = Recipe(label_smoothing=0.1)
    np.testing.assert_array_equal(
        training_targets(in_file, recipe), training_targets(training, recipe)
    )


def test_batches_from_a_file_are_those_from_memory(both):
    from fer_tf.data import device, pipeline
    from fer_tf.data.draws import draw_epoch
    from fer_tf.data.targets import one_hot
    from fer_tf.recipes.schema import Augmentation

    drawn, filed = both
    how = Augmentation(flip=True, rotation=10, erasing=0.5)
    epoch = draw_epoch(one_hot(drawn.labels, 7), seed=3, epoch=1, batch_size=16, augmentation=how)
    made = [
        list(pipeline.TrainingBatches(faces.images, sizes=[(32, 32)], how=how).epoch(epoch))
        for faces in both
    ]
    assert len(made[0]) == len(made[1]) == 6
    for (x, y), (same_x, same_y) in zip(*made, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    for module_, name in ((pipeline, "evaluation_batches"), (device, "EvaluationBatches")):
        evaluated = [
            list(getattr(module_, name)(faces.images, size=(24, 40), batch_size=40))
            for faces in both
        ]
        for x, same_x in zip(*evaluated, strict=True):
            np.testing.assert_array_equal(np.asarray(x), np.asarray(same_x))
    inputs, _ = device.EpochBatches(epoch, sizes=[(32, 32)], images=filed.images)[2]
    np.testing.assert_array_equal(inputs["faces"], drawn.images[epoch.rows[2]])
    assert "rows" not in inputs


def test_a_model_takes_faces_in_place_of_rows(both):
    import keras

    from fer_tf.data.device import AugmentedModel
    from fer_tf.recipes.schema import Augmentation

    pixels = keras.Input((24, 24, 3))
    network = keras.Model(pixels, keras.ops.mean(pixels, axis=(1, 3)))
    rows = np.array([5, 1, 90], np.int32)
    draws = np.random.default_rng(0).random((3, 26), np.float32)
    others = {"draws": draws, "canvas": np.zeros((3, 24, 24, 0), np.float32)}
    drawn, filed = (
        AugmentedModel(network, held, how=Augmentation(flip=True))
        for held in (both[0].images, None)
    )
    expected = drawn({"rows": rows, **others})
    images = both[1].images[rows]
    np.testing.assert_array_equal(filed({"faces": images, **others}), expected)
    assert [weight.name for weight in filed.weights] == []
