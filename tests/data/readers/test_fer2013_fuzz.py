"""Whatever the bytes, `read` gives the arrays that a slow and plain reader gives, or a FerError."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tempfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fer2013 import tarred, zipped

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.pixels import PIXELS, parse_row, parse_rows, token_table
from fer_tf.data.reader import Options
from fer_tf.data.readers.fer2013 import read
from fer_tf.errors import FerError

TABLE = token_table()
COLUMNS = ("emotion", "pixels", "usage")
NUMBERS = {f"{value:0{width}}": value for value in range(256) for width in range(1, 8)}


def slow_read(data: bytes) -> tuple[list[int], list[list[int]], list[str]] | None:
    """The csv module's reading of `data`, or None where it is not a FER2013 file."""
    try:
        text = data.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    while rows and (not rows[-1] or rows[-1] == [""]):
        rows.pop()
    if len(rows) < 2:
        return None
    header = [name.strip().lower() for name in rows[0]]
    if any(header.count(column) != 1 for column in COLUMNS):
        return None
    where = [header.index(column) for column in COLUMNS]
    labels, images, usages = [], [], []
    for row in rows[1:]:
        if len(row) != len(header):
            return None
        emotion, pixels, usage = (row[i].strip(" \t") for i in where)
        tokens = pixels.replace("\t", " ").split(" ")
        values = [NUMBERS.get(token) for token in tokens if token]
        if emotion not in set("0123456") or usage not in SPLITS or None in values:
            return None
        if len(values) != PIXELS:
            return None
        labels.append(int(emotion))
        images.append(values)
        usages.append(usage)
    return labels, images, usages


def read_bytes(data: bytes, name: str = "a.csv") -> Faces | None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(data)
        try:
            return read(path, Options(cache=False))
        except FerError as error:
            assert "\n" not in str(error)
            return None


def check(data: bytes) -> None:
    faces = read_bytes(data)
    if faces is not None:
        expected = slow_read(data)
        assert expected is not None, "accepted what the slow reader refuses"
        labels, images, usages = expected
        assert faces.labels.tolist() == labels
        assert np.array_equal(faces.images.reshape(-1, PIXELS), images)
        assert [SPLITS[i] for i in faces.split] == usages


def small_csv(rows: int = 3, other_layout: bool = False) -> bytes:
    random = np.random.default_rng(rows)
    lines = ["emotion, Usage, pixels" if other_layout else "emotion,pixels,Usage"]
    for i in range(rows):
        # Blanks are frequent where numbers are short: more mutations hit a boundary.
        pixels = " ".join(map(str, random.choice([0, 7, 42, 100, 255], PIXELS)))
        fields = [str(i % 7), SPLITS[i % 3], pixels]
        lines.append(",".join(fields if other_layout else [fields[0], fields[2], fields[1]]))
    return ("\n".join(lines) + "\n").encode()


BASES = [small_csv(), small_csv(other_layout=True)]
PIECES = st.one_of(
    st.binary(min_size=1, max_size=3),
    st.sampled_from([b" ", b"  ", b"-", b",", b"\n", b"\r\n", b'"', b"0", b"9", b"\t", b"\0"]),
    st.sampled_from([b"300", b"65536", b" -1 ", b"1.0", b"+1", b"1e2", b"0x1", "٣".encode()]),
)
EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete", "replace"]), st.floats(0, 1), PIECES),
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, at, piece in edits:
        i = int(at * (len(data) - 1)) if data else 0
        if kind == "flip" and data:
            data = data[:i] + bytes([data[i] ^ (1 << piece[0] % 8)]) + data[i + 1 :]
        elif kind == "delete":
            data = data[:i] + data[i + piece[0] % 9 :]
        elif kind == "insert":
            data = data[:i] + piece + data[i:]
        else:
            data = data[:i] + piece + data[i + len(piece) :]
    return data


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes(data):
    check(data)
    check(b"emotion,pixels,Usage\n" + data)


@given(st.booleans(), EDITS)
@settings(max_examples=120)
def test_a_mutated_csv(other_layout, edits):
    check(edited(BASES[other_layout], edits))


@given(st.booleans(), st.floats(0, 1))
def test_a_cut_csv(other_layout, at):
    base = BASES[other_layout]
    check(base[: int(at * len(base))])


def test_unchanged_files_are_read():
    for base in BASES:
        assert read_bytes(base) is not None
        check(base)


ARCHIVES = {
    "a.csv.gz": gzip.compress(BASES[0]),
    "a.zip": zipped({"fer2013.csv": BASES[0]}),
    "a.tar.gz": tarred({"fer2013/fer2013.csv": BASES[0], "fer2013/README": b"hello"}),
}
WHOLE = slow_read(BASES[0])


@given(st.sampled_from(sorted(ARCHIVES)), EDITS, st.floats(0, 1), st.booleans())
@settings(max_examples=120)
def test_a_mutated_archive_gives_the_same_faces_or_an_error(name, edits, at, cut):
    data = edited(ARCHIVES[name], edits)
    faces = read_bytes(data[: int(at * len(data))] if cut else data, name)
    if faces is not None:
        assert WHOLE is not None
        assert faces.labels.tolist() == WHOLE[0]
        assert np.array_equal(faces.images.reshape(-1, PIXELS), WHOLE[1])


TOKENS = st.one_of(
    st.integers(0, 255).map(str),
    st.sampled_from(["0", "00", "007", "256", "1234", "0000255", "-1", "x", "", "9999999"]),
)


@given(st.lists(st.lists(st.tuples(st.floats(0, 1), TOKENS), max_size=2), min_size=1, max_size=3))
@settings(max_examples=120)
def test_the_fast_parser_agrees_with_the_plain_one(rows):
    fields = []
    for changes in rows:
        tokens = [str(i % 256) for i in range(PIXELS)]
        for at, token in changes:
            tokens[int(at * (PIXELS - 1))] = token
        fields.append(" ".join(tokens).strip().encode())
    fast = parse_rows(fields, TABLE)
    if fast is not None:
        assert np.array_equal(fast, np.stack([parse_row(field) for field in fields]))
        expected = [[NUMBERS[t] for t in field.decode().split()] for field in fields]
        assert fast.tolist() == expected


def test_every_value_is_read_first_last_and_between():
    for value in range(256):
        fields = [b" ".join([str(value).encode()] * PIXELS)]
        fast = parse_rows(fields, TABLE)
        assert fast is not None and (fast == value).all()
        assert (parse_row(fields[0]) == value).all()
