"""Each reader on files of its own layout, which drawn faces are written in."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import full_disk

from fer_tf.data import load_faces
from fer_tf.data.faces import Faces
from fer_tf.data.layouts import AFFECTNETS, LAYOUTS, TINT
from fer_tf.data.readers import find
from fer_tf.data.readers.affectnet import _number
from fer_tf.data.readers.ferplus import majority
from fer_tf.data.synthetic import draw_dataset, main
from fer_tf.errors import FerError
from fer_tf.tasks import AFFECT, AFFECTNET, FERPLUS, TASKS

COUNT = 48


@pytest.fixture(scope="module")
def drawn() -> Faces:
    return draw_dataset(COUNT, seed=1)


@pytest.fixture(scope="module")
def eight() -> Faces:
    """With contempt, valence and arousal."""
    return draw_dataset(COUNT, seed=1, affect=True)


@pytest.fixture(scope="module")
def roots(tmp_path_factory, drawn, eight) -> dict[str, Path]:
    """A folder (or file) of each layout."""
    root = tmp_path_factory.mktemp("layouts")
    for name, write in LAYOUTS.items():
        write(root / name, eight if name in AFFECTNETS else drawn)
    return {name: root / name for name in LAYOUTS}


def names(faces: Faces) -> list[str]:
    """The class of each face, by FER2013's name."""
    index = [TASKS["fer2013"].index(label) for label in faces.task.labels]
    return [str(index[label]) for label in faces.labels.tolist()]


def alike(images: np.ndarray, expected: np.ndarray) -> bool:
    return bool(abs(images.astype(float) - expected).mean() < 4)


def in_order(faces: Faces) -> Faces:
    """By split and class, as the folder has them."""
    return faces.take(np.lexsort((faces.labels, faces.split)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_tells_its_reader(roots, layout):
    assert find(str(roots[layout])).name == layout.removesuffix("-csv")


def test_ferplus(roots, drawn):
    said: list[str] = []
    faces = load_faces(str(roots["ferplus"]), say=said.append)
    np.testing.assert_array_equal(faces.images, drawn.images)
    assert names(faces) == names(drawn) and faces.task == TASKS["ferplus"]
    assert faces.votes is not None and (faces.votes.sum(axis=1) == 10).all()
    assert len(said) == 4 and all("left out 0" in text for text in said)
    csv, votes = (str(roots["ferplus"] / name) for name in ("fer2013.csv", "fer2013new.csv"))
    again = load_faces(csv, reader="ferplus", votes=votes)
    np.testing.assert_array_equal(again.labels, faces.labels)
    with pytest.raises(FerError, match="FERPlus needs its votes"):
        load_faces(csv, reader="ferplus")


def test_ferplus_leaves_out_what_is_no_emotion(roots, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(roots["ferplus"], root)
    lines = (root / "fer2013new.csv").read_text().splitlines()
    usage = [line.partition(",")[0] for line in lines]
    votes = {1: "5,5,0,0,0,0,0,0,0,0", 2: "1,0,0,0,0,0,0,0,9,0", 3: "0,1,0,0,0,0,0,0,0,9"}
    for row, counts in votes.items():
        lines[row] = f"{usage[row]},a.png,{counts}"
    lines[4] = f"{usage[4]},,0,10,0,0,0,0,0,0,0,0"
    (root / "fer2013new.csv").write_text("\n".join(lines))
    said: list[str] = []
    assert len(load_faces(str(root), say=said.append)) == COUNT - 4
    assert [text.partition("left out ")[2] for text in said] == [
        "1 rows without an image name",
        "1 without a majority",
        "1 with a majority for unknown",
        "1 with a majority for NF, not a face",
    ]


def by_hand(votes: list[int]) -> int:
    """Microsoft's rule, row by row: single votes are dropped, and half of the rest is too few."""
    left = [count if count > 1 else 0 for count in votes]
    best = max(left)
    return left.index(best) if best > 0.5 * sum(left) else -1


@given(st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), min_size=1, max_size=20))
def test_majority_is_that_of_the_evaluation(votes):
    assert majority(np.array(votes, np.uint8)).tolist() == [by_hand(row) for row in votes]


def test_folder(roots, drawn):
    faces, expected = load_faces(str(roots["folder"])), in_order(drawn)
    assert faces.task == TASKS["fer2013"] and names(faces) == names(expected)
    np.testing.assert_array_equal(faces.split, expected.split)
    assert faces.images.shape == (COUNT, 48, 48) and alike(faces.images, expected.images)


@pytest.mark.parametrize("layout", ["affectnet", "affectnet-csv"])
def test_affectnet(roots, eight, layout):
    expected = eight.take(eight.split < 2)
    faces = load_faces(str(roots[layout]), face_size=48)
    assert faces.task == TASKS["affectnet8"].with_face(48, 48, 3)
    assert names(faces) == names(expected)
    np.testing.assert_array_equal(faces.split, expected.split)
    np.testing.assert_allclose(faces.values, expected.values, atol=1e-4)
    assert alike(faces.images, expected.images[..., None] * TINT)
    assert load_faces(str(roots[layout])).images.shape == (len(expected), 112, 112, 3)
    seven = load_faces(str(roots[layout]), task="affectnet7", face_size=48)
    assert seven.task == TASKS["affectnet7"].with_face(48, 48, 3)
    assert len(seven) == (expected.labels < 7).sum() < len(expected)


def test_affectnet_leaves_out_and_counts(roots, tmp_path):
    root, said = tmp_path / "set", []
    shutil.copytree(roots["affectnet"], root)
    notes = root / "train_set" / "annotations"
    for row, expression in enumerate((8, 9, 9, 10)):
        np.save(notes / f"{row}_exp.npy", np.array(str(expression)))
    np.save(notes / "4_val.npy", np.array("-2"))
    (notes / "5_aro.npy").unlink()
    faces = load_faces(str(root), face_size=48, say=said.append)
    assert [text.partition("left out ")[2] for text in said] == [
        "1 of 'None'",
        "2 of 'Uncertain'",
        "1 of 'Non-face'",
        "1 of 'valence or arousal of -2'",
    ]
    assert np.isnan(faces.values[0]).tolist() == [False, True]
    np.save(notes / "6_exp.npy", np.array("11"))
    with pytest.raises(FerError, match=r"6_exp\.npy: expression is 11, expected 0\.\.10"):
        load_faces(str(root))
    np.save(notes / "6_exp.npy", np.array([object()]))
    with pytest.raises(FerError, match=r"6_exp\.npy: holds no number"):
        load_faces(str(root))
    np.save(notes / "6_exp.npy", np.array("1"))
    np.save(notes / "7_val.npy", np.array("1.5"))
    with pytest.raises(FerError, match=r"valence, arousal are \(1\.5, .*expected -1 to 1"):
        load_faces(str(root))


@given(
    kind=st.sampled_from(["<U7", ">f8", "<f4", "|i1", "<i8", "|S4", "|O", "<M8[s]", "<U900000"]),
    shape=st.sampled_from(["()", "(1,)", "(10000000000000,)", "(-1,)", "(", "0"]),
    data=st.binary(max_size=64),
    cut=st.integers(0, 120),
)
def test_any_annotation_is_a_number_or_a_sentence(tmp_path_factory, kind, shape, data, cut):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    whole = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data
    file = tmp_path_factory.getbasetemp() / "0_exp.npy"
    file.write_bytes(whole[: len(whole) - cut])
    try:
        assert isinstance(_number(file), float)
    except FerError as error:
        assert "0_exp.npy: holds no number" in str(error)


@pytest.mark.parametrize("value", ["-0.5", np.float64(-0.5), np.float32(-0.5), b"-0.5", "-0.50"])
def test_annotations_are_text_or_numbers(tmp_path, value):
    np.save(tmp_path / "0_val.npy", np.array(value))
    assert _number(tmp_path / "0_val.npy") == -0.5


def test_affectnet_names_the_row_of_its_list(roots, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(roots["affectnet-csv"], root)
    good = (root / "training.csv").read_text().splitlines()
    for line, reason in {
        "../x.jpg,0,0,9,9,0,1,0,0": "row 2 .line 3.: '../x.jpg' leads out",
        "/etc/x.jpg,0,0,9,9,0,1,0,0": "leads out",
        "0/0.jpg,0,0,nan,9,0,1,0,0": "row 2 .* are not all numbers",
        "0/0.jpg,a,0,9,9,0,1,0,0": "are not all numbers",
        "0/0.jpg,900,0,9,9,0,1,0,0": "box .* lies outside its",
        "0/0.jpg,0,0,-9,9,0,1,0,0": "box .* lies outside its",
        "0/none.jpg,0,0,9,9,0,1,0,0": r"none\.jpg: no such file",
        "0/0.jpg,0,0,9,9,0,1.5,0,0": r"expression is 1\.5",
        "0/0.jpg,0,0,9,9,0,nan,0,0": "expression is nan",
        "0/0.jpg,0,0,9": "4 fields, expected 9",
    }.items():
        (root / "training.csv").write_text("\n".join([*good[:2], line, *good[3:]]))
        with pytest.raises(FerError, match=reason):
            load_faces(str(root))


def test_rafdb(roots, drawn):
    faces = load_faces(str(roots["rafdb"]))
    assert faces.task == TASKS["rafdb"].with_face(48, 48, 3) and names(faces) == names(drawn)
    assert faces.split.tolist() == [0 if split == 0 else 2 for split in drawn.split]
    assert alike(faces.images, drawn.images[..., None] * TINT)
    divided = load_faces(str(roots["rafdb"] / "basic"), split="80:20")
    assert np.bincount(divided.split).tolist() == [33, 7, 8]


@pytest.mark.parametrize(
    "line, reason",
    [
        ("train_00000.jpg 8", "line 2 is 'train_00000.jpg 8', expected"),
        ("train_00000.jpg 0", "and a label in 1..7"),
        ("train_00001.jpg \u0663", "and a label in 1..7"),
        ("train_00001.jpg " + 5000 * "1", "and a label in 1..7"),
        ("other_00000.jpg 1", "expected a train_ or test_ picture"),
        ("train_00000.jpg 1", "each once"),
        ("train_/../x.jpg 1", "expected a train_"),
        ("train_00001.jpg", "line 2 has 1 fields, expected 2"),
        ("train_99999.jpg 1", "train_99999_aligned.jpg: no such file"),
    ],
)
def test_rafdb_names_the_line(roots, tmp_path, line, reason):
    root = tmp_path / "set"
    shutil.copytree(roots["rafdb"], root)
    list_file = next(root.rglob("list_patition_label.txt"))
    list_file.write_text(f"train_00000.jpg 1\n{line}\n", encoding="utf-8")
    with pytest.raises(FerError) as caught:
        load_faces(str(root))
    assert reason in str(caught.value)


def test_the_command_writes_a_layout(tmp_path):
    main([str(tmp_path / "set"), "--layout", "rafdb", "--count", "24"])
    assert len(load_faces(str(tmp_path / "set"))) == 24


def test_a_full_disk_under_a_layout_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.Image.save", full_disk)
    with pytest.raises(FerError, match=r"set: cannot be written \(No space left"):
        main([str(tmp_path / "set"), "--layout", "folder", "--count", "24"])


def test_drawn_affect_follows_the_action_units():
    faces = draw_dataset(800, affect=True)
    assert faces.task.values == AFFECT and faces.task.labels == AFFECTNET
    assert faces.values is not None and abs(faces.values).max() <= 1
    mean = {
        label: faces.values[faces.labels == i].mean(axis=0)
        for i, label in enumerate(faces.task.labels)
    }
    assert mean["Happy"][0] > 0.4 and abs(mean["Neutral"]).max() < 0.1
    negative = ("Anger", "Disgust", "Fear", "Sad", "Contempt")
    assert max(mean[name][0] for name in negative) < -0.2
    assert min(mean["Surprise"][1], mean["Fear"][1]) > 0.4 and mean["Sad"][1] < -0.1
    assert FERPLUS[8:] == ("unknown", "NF")
