"""Equal pictures are found as by looking at all at once, in memory that does not grow with them."""

from __future__ import annotations

import errno
import tempfile
import tracemalloc
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.data import mapped
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import MappedImages
from fer_tf.errors import FerError
from fer_tf.report import dataset, dataset_figures, equal_pictures


def faces_of(pictures: list[int], seed: int = 0) -> Faces:
    """Faces by number, 0 for a blank one, with random labels and splits."""
    random = np.random.default_rng(seed)
    images = np.array(pictures, np.uint8)[:, None, None] * np.eye(4, dtype=np.uint8)
    labels, split = random.integers(0, 7, len(images)), random.integers(0, 3, len(images))
    return Faces(images, labels.astype(np.uint8), split.astype(np.uint8))


def looked_at_at_once(faces: Faces) -> dict[str, list]:
    same = defaultdict(list)
    for row, image in enumerate(faces.images):
        same[image.tobytes()].append(row)
    rows = [each for each in same.values() if faces.images[each[0]].any() and len(each) > 1]
    leaked = [0, 0, 0]
    for group in rows:
        splits = faces.split[group].tolist()
        for split in splits:
            leaked[split] += split > 0 and 0 in splits
    return {
        "blank": [row for row, image in enumerate(faces.images) if not image.any()],
        "groups": rows,
        "across": [group for group in rows if len({*faces.split[group]}) > 1],
        "disagreeing": [group for group in rows if len({*faces.labels[group]}) > 1],
        "leaked": leaked,
    }


@given(
    pictures=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    together=st.sampled_from([1, 7, 1000]),
    listed=st.sampled_from([2, 50]),
)
@settings(max_examples=40, deadline=None)
def test_the_same_is_found_file_by_file(pictures, together, listed):
    faces = faces_of(pictures, seed=len(pictures))
    expected = looked_at_at_once(faces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "PIECE", 16)
        patch.setattr(equal_pictures, "TOGETHER", together)
        patch.setattr(equal_pictures, "LISTED", listed)
        found = equal_pictures.equal_pictures(faces)
    for name in ("groups", "across", "disagreeing"):
        groups = [tuple(row + 1 for row in group)[:listed] for group in expected[name]]
        assert len(getattr(found, name)) == len(groups)
        assert getattr(found, name).first == tuple(groups[:listed])
    assert len(found.blank) == len(expected["blank"])
    assert found.blank.first == tuple(row + 1 for row in expected["blank"][:listed])
    assert found.copies == sum(len(group) - 1 for group in expected["groups"])
    assert found.leaked.tolist() == expected["leaked"]


class Made:
    """Pictures that are nowhere until they are asked for; every 100th is the first."""

    def __init__(self, count: int):
        self.shape, self.dtype, self.ndim = (count, 48, 48), np.dtype(np.uint8), 3

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        numbers = np.where(rows % 100, rows, 0)
        places = numbers[..., None, None] + 31 * np.arange(48)[:, None] + np.arange(48)
        return (places * 2654435761 >> 8).astype(np.uint8)


def peak_of(count: int) -> int:
    """Most bytes that Python and NumPy hold while so many faces are described."""
    columns = np.zeros((2, count), np.uint8)
    columns[0] = np.arange(count) % 7
    faces = Faces(MappedImages(Made(count)), *columns)
    tracemalloc.start()
    try:
        summary = dataset.summarise(faces)
        chosen = dataset_figures.chosen_rows(faces.labels, 7, seed=0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert summary.equal.copies == count // 100 - 1
        assert summary.counts.sum() == count and all(len(rows) == 8 for rows in chosen)


def test_ten_times_the_faces_take_no_more_memory(monkeypatch):
    for module in (mapped, dataset, dataset_figures):
        monkeypatch.setattr(module, "PIECE", 64)
    monkeypatch.setattr(equal_pictures, "TOGETHER", 512)
    few, many = peak_of(600), peak_of(6000)
    # 6,000 pictures are 14 MB, and their digests 144 kB; 64 are 147 kB, made from 1.2 MB.
    assert many < 1.1 * few + 20_000


def test_chosen_rows_are_of_their_class_and_in_order(monkeypatch):
    monkeypatch.setattr(dataset_figures, "PIECE", 10)
    labels = np.random.default_rng(0).integers(0, 3, 200).astype(np.uint8)
    labels[labels == 2] = 3
    labels[57] = 2
    chosen = dataset_figures.chosen_rows(labels, 5, seed=1)
    assert [len(rows) for rows in chosen] == [8, 8, 1, 8, 0] and chosen[2] == [57]
    for label, rows in enumerate(chosen):
        assert rows == sorted(set(rows)) and (labels[rows] == label).all()
    assert chosen != dataset_figures.chosen_rows(labels, 5, seed=2)


def test_a_full_disk_is_told(monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(FerError, match=r"No space left on device\), expected room for .*TMPDIR"):
        equal_pictures.equal_pictures(faces_of([1, 2, 3]))


@pytest.mark.parametrize("shape", [(6, 3), (3, 6, 3)])
def test_samples_stand_beside_the_names_of_their_classes(shape):
    faces = faces_of([1] * 20)
    images = np.zeros((20, *shape), np.uint8)
    labels = np.array([5] * 3 + [2] * 17, np.uint8)
    figure = dataset_figures.samples_figure(replace(faces, images=images, labels=labels))
    [axes] = figure.axes  # of a hundred classes, an axes for each face takes minutes
    assert [text.get_text() for text in axes.texts] == ["Fear", "Surprise"]
    places = np.array([image.get_extent() for image in axes.images])
    assert np.bincount(places[:, 2:].mean(axis=1).astype(int)).tolist() == [8, 3]
    across, down = places[:, 1] - places[:, 0], places[:, 2] - places[:, 3]
    np.testing.assert_allclose(down / across, shape[0] / shape[1])
    # A name is not cut off.
    axes.texts[0].set_text("a long name of a class")
    figure.draw_without_rendering()
    assert axes.texts[0].get_window_extent().x0 >= 0
