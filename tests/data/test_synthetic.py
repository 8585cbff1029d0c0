"""Drawn faces: deterministic, balanced, and told apart by the expression alone."""

import subprocess
import sys
import zlib

import numpy as np
import pytest

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.readers import fer2013
from fer_tf.data.synthetic import PROTOTYPES, draw, draw_dataset, main, write_csv
from fer_tf.errors import FerError
from fer_tf.tasks import FER2013


@pytest.fixture(scope="module")
def faces():
    return draw_dataset(840, seed=3)


def test_a_face_depends_on_seed_row_and_label_only():
    labels = np.arange(14) % 7
    images = draw(labels, seed=5)
    assert images.shape == (14, 48, 48)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(draw(labels[:3], seed=5), images[:3])
    changed = labels.copy()
    changed[4] = 0
    same = (draw(changed, seed=5) == images).all(axis=(1, 2))
    assert same.tolist() == [i != 4 for i in range(14)]
    assert not (draw(labels, seed=6) == images).all(axis=(1, 2)).any()


def test_another_process_draws_the_same_faces():
    code = (
        "import zlib; from fer_tf.data.synthetic import draw_dataset as d; f = d(30, 1);"
        "print(zlib.crc32(f.images.tobytes() + f.labels.tobytes()))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = draw_dataset(30, 1)
    assert int(child.stdout) == zlib.crc32(here.images.tobytes() + here.labels.tobytes())


def test_dataset_is_balanced_shuffled_and_split(faces):
    assert len(faces) == 840
    assert [(faces.split == i).sum() for i in range(3)] == [700, 105, 35]
    assert (np.diff(faces.split.astype(int)) >= 0).all()
    for split in SPLITS:
        counts = np.bincount(faces.of(split).labels, minlength=7)
        assert counts.min() == counts.max()
    assert len({tuple(block) for block in faces.labels.reshape(-1, 7)}) > 60


def test_no_two_faces_are_alike_and_none_is_blank(faces):
    assert len(np.unique(faces.images.reshape(len(faces), -1), axis=0)) == len(faces)
    assert faces.images.std(axis=(1, 2)).min() > 8


def test_brightness_and_contrast_do_not_tell_the_label(faces):
    pixels = faces.images.reshape(len(faces), -1).astype(float)
    for statistic in (pixels.mean(axis=1), pixels.std(axis=1)):
        of_class = [statistic[faces.labels == k].mean() for k in range(7)]
        # Chance alone gives about 1/sqrt(120) = 0.09.
        assert np.std(of_class) < 0.2 * statistic.std()


def test_only_the_expression_differs_between_labels():
    person = np.stack([draw(np.full(20, k), seed=2).astype(float) for k in range(7)])
    between_labels = np.abs(person[:, None] - person[None]).mean()
    between_people = np.abs(person[:, :, None] - person[:, None]).mean()
    assert 0 < between_labels < 0.3 * between_people
    corners = person[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corners - corners[0]).max() <= 20


def test_each_emotion_looks_unlike_every_other():
    # Averaged over people the muscles remain: no pair of mean faces may coincide.
    mean = np.stack([draw(np.full(60, k), seed=4).mean(axis=0) for k in range(7)])
    centre = mean[:, 12:42, 8:40]
    largest = np.abs(centre[:, None] - centre[None]).max(axis=(2, 3))
    assert largest[~np.eye(7, dtype=bool)].min() > 10


def test_prototypes_cover_the_emotions_and_differ():
    assert tuple(PROTOTYPES) == (*FER2013, "Contempt")
    ways = [frozenset(way.items()) for ways in PROTOTYPES.values() for way in ways]
    assert len(set(ways)) == len(ways)
    assert all(0 < pull <= 1 for way in ways for _, pull in way)


def test_csv_passes_through_the_reader(tmp_path):
    drawn = draw_dataset(48, seed=9)
    write_csv(tmp_path / "drawn.csv", drawn)
    read = fer2013.read(tmp_path / "drawn.csv")
    np.testing.assert_array_equal(read.images, drawn.images)
    np.testing.assert_array_equal(read.labels, drawn.labels)
    np.testing.assert_array_equal(read.split, drawn.split)


def test_command_writes_csv_and_grid(tmp_path, capsys):
    import cv2

    out, grid = tmp_path / "out.csv", tmp_path / "grid.png"
    main([str(out), "--count", "24", "--seed", "7", "--grid", str(grid)])
    lines = out.read_text().splitlines()
    assert lines[0] == "emotion,pixels,Usage"
    assert len(lines) == 25
    assert cv2.imread(str(grid)) is not None
    assert str(out) in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.png", "out.csv"]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    good = draw_dataset(24)
    wrong = Faces(images=good.images, labels=good.labels, split=good.split[:5])
    with pytest.raises(ValueError):
        write_csv(out, wrong)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda tmp: draw(np.array([0, 7])), "label 7"),
        (lambda tmp: draw(np.array([-1])), "label -1"),
        (lambda tmp: draw(np.array([0.5])), "float64"),
        (lambda tmp: draw(np.zeros((2, 2), int)), "[2, 2]"),
        (lambda tmp: draw(np.array([0]), seed=-1), "seed is -1"),
        (lambda tmp: draw_dataset(23), "count is 23"),
        (lambda tmp: draw_dataset(24, seed=-2), "seed is -2"),
        (lambda tmp: main([]), "nothing to write"),
        (lambda tmp: main([str(tmp / "absent" / "a.csv"), "--count", "24"]), "a.csv: cannot be"),
        (lambda tmp: main(["--grid", str(tmp / "absent" / "a.png")]), "a.png: cannot be"),
        (
            lambda tmp: write_csv(
                tmp / "b.csv", Faces(np.zeros((1, 8, 9), np.uint8), np.zeros(1), np.zeros(1))
            ),
            "8x9",
        ),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, call, words):
    with pytest.raises(FerError) as error:
        call(tmp_path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_faces_are_not_drawn_among_others(tmp_path):
    (tmp_path / "fer2013.csv").write_text("mine")
    with pytest.raises(FerError, match="is there already, expected a folder that is absent"):
        main([str(tmp_path), "--layout", "ferplus", "--count", "24"])
    assert (tmp_path / "fer2013.csv").read_text() == "mine"
