"""What real copies of fer2013.csv contain beside FER2013's rows."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.data import load_faces
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.reader import Options
from fer_tf.data.readers.fer2013 import read
from fer_tf.errors import FerError

COUNT = 7
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (COUNT, 48, 48)).astype(np.uint8)
SPLIT = np.array([0, 1, 2, 0, 0, 1, 0], np.uint8)
COLUMNS = {
    "emotion": [str(label) for label in range(COUNT)],
    "pixels": [" ".join(map(str, image.ravel().tolist())) for image in IMAGES],
    "Usage": [SPLITS[split] for split in SPLIT],
    "": [str(row) for row in range(COUNT)],
    "Unnamed: 0": [str(row) for row in range(COUNT)],
    "index": ["9"] * COUNT,
}


def check(faces: Faces, split: np.ndarray = SPLIT) -> None:
    np.testing.assert_array_equal(faces.images, IMAGES)
    assert faces.labels.tolist() == list(range(COUNT))
    np.testing.assert_array_equal(faces.split, split)


@settings(max_examples=40)
@given(
    extra=st.lists(st.sampled_from(["", "Unnamed: 0", "index"]), unique=True),
    random=st.randoms(use_true_random=False),
    bom=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoted=st.booleans(),
    case=st.sampled_from([str, str.upper, str.title]),
    end=st.booleans(),
)
def test_columns_in_any_order_with_bom_crlf_and_index(
    extra, random, bom, newline, quoted, case, end
):
    names = ["emotion", "pixels", "Usage", *extra]
    random.shuffle(names)
    quote = '"' if quoted else ""
    rows = [",".join(case(name) for name in names)]
    rows += [
        ",".join(f"{quote}{COLUMNS[name][row]}{quote}" for name in names) for row in range(COUNT)
    ]
    text = ("\ufeff" if bom else "") + newline.join(rows) + (newline if end else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "copy.csv")
        path.write_bytes(text.encode())
        check(read(str(path), Options(cache=False)))


def test_what_pandas_writes(tmp_path):
    table = pd.DataFrame({name: COLUMNS[name] for name in ("emotion", "pixels", "Usage")})
    path = tmp_path / "copy.csv"
    table.to_csv(path, encoding="utf-8-sig", lineterminator="\r\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf,emotion")
    check(load_faces(str(path)))
    again = io.StringIO(path.read_text(encoding="utf-8-sig"))
    pd.read_csv(again).to_csv(path)
    assert path.read_text().startswith(",Unnamed: 0,emotion")
    check(load_faces(str(path)))


@pytest.mark.parametrize("usage", [None, ""])
def test_rows_without_usage_need_an_explicit_split(tmp_path, usage):
    path = tmp_path / "train.csv"
    table = {name: COLUMNS[name] for name in ("emotion", "pixels")}
    if usage is not None:
        table["Usage"] = [usage] * COUNT
    pd.DataFrame(pd.concat([pd.DataFrame(table)] * 10)).to_csv(path, index=False)
    with pytest.raises(FerError, match="--split 80:10:10"):
        load_faces(str(path))
    said: list[str] = []
    faces = load_faces(str(path), split="80:10:10", say=said.append)
    for label in range(COUNT):
        counts = np.bincount(faces.split[faces.labels == label], minlength=3)
        assert counts.tolist() == [8, 1, 1]
    assert said == [
        f"{path}: divided 80:10:10 within each class, seed 0: "
        "56 Training, 7 PublicTest, 7 PrivateTest"
    ]
    # And nothing of it is kept for the next time.
    with pytest.raises(FerError, match="Usage"):
        load_faces(str(path))


def test_a_split_does_not_override_usage(tmp_path):
    path = tmp_path / "fer2013.csv"
    table = pd.DataFrame({name: COLUMNS[name] for name in ("emotion", "pixels", "Usage")})
    table.to_csv(path, index=False)
    with pytest.raises(FerError, match="has 2 PublicTest rows of its own"):
        load_faces(str(path), split="80:20")
    table[table.Usage != "PublicTest"].to_csv(path, index=False)
    assert np.bincount(load_faces(str(path), split="50:50").split).sum() == 5
