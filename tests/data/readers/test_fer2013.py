"""`readers.fer2013.read` on good files of each form, and on each way a file can be bad."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny import full_disk

from fer_tf.data import cache, load_faces
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.reader import Options
from fer_tf.data.readers import fer2013
from fer_tf.data.readers.fer2013 import read
from fer_tf.errors import FerError
from fer_tf.tasks import FERPLUS

REAL = Path(__file__).parents[3] / "data"


def drawn(count: int = 20, seed: int = 0) -> Faces:
    random = np.random.default_rng(seed)
    return Faces(
        images=random.integers(0, 256, (count, 48, 48)).astype(np.uint8),
        labels=random.integers(0, 7, count).astype(np.uint8),
        split=random.integers(0, 3, count).astype(np.uint8),
    )


def as_csv(faces: Faces, *, other_layout: bool = False, newline: str = "\n") -> bytes:
    lines = ["emotion, Usage, pixels" if other_layout else "emotion,pixels,Usage"]
    for image, label, split in zip(faces.images, faces.labels, faces.split, strict=True):
        pixels = " ".join(map(str, image.ravel().tolist()))
        usage = SPLITS[split]
        lines.append(f"{label},{usage},{pixels}" if other_layout else f"{label},{pixels},{usage}")
    return (newline.join(lines) + newline).encode()


def as_votes(faces: Faces) -> bytes:
    lines = ["Usage,Image name," + ",".join(FERPLUS)]
    for row, split in enumerate(faces.split):
        counts = [row % 5, 10 - row % 5, *[0] * 8]
        lines.append(f"{SPLITS[split]},fer{row:07}.png," + ",".join(map(str, counts)))
    return ("\n".join(lines) + "\n").encode()


def same(one: Faces, other: Faces) -> bool:
    return all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for a, b in [
            (one.images, other.images),
            (one.labels, other.labels),
            (one.split, other.split),
        ]
    )


def save(folder: Path, data: bytes, name: str = "fer2013.csv") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("other_layout", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_both_header_layouts(tmp_path, other_layout, newline):
    faces = drawn(37)  # not a multiple of the rows parsed together
    path = save(tmp_path, as_csv(faces, other_layout=other_layout, newline=newline))
    assert same(read(path), faces)
    assert same(load_faces(path), faces)


KAGGLE = {"fer2013/README": b"read me", "fer2013/fer2013.bib": b"@misc"}
PACKED = {
    "fer2013.csv.gz": gzip.compress,
    "fer2013.zip": lambda csv: zipped({"a/": b"", "__MACOSX/._x.csv": b"?", "a/x.csv": csv}),
    "fer2013.tar.gz": lambda csv: tarred({"fer2013/fer2013.csv": csv, **KAGGLE}),
    "last.tgz": lambda csv: tarred({**KAGGLE, "x.csv": csv}),
    "fer2013.tar": lambda csv: tarred({**KAGGLE, "x.csv": csv}, "w"),
    "without_ending": lambda csv: tarred({**KAGGLE, "x.csv": csv}),
    "challenge.zip": lambda csv: zipped(
        {"train.csv": b"emotion,pixels\n", "icml_face_data.csv": csv, "test.csv": b"pixels\n"}
    ),
}


@pytest.mark.parametrize("name", PACKED)
def test_reads_archives_without_unpacking_them_to_disk(tmp_path, name):
    faces = drawn()
    path = save(tmp_path, PACKED[name](as_csv(faces)), name)
    assert same(read(path, Options(cache=False)), faces)
    assert os.listdir(tmp_path) == [name]


def test_accepts_what_spreadsheets_and_csv_writers_do(tmp_path):
    faces = drawn(3)
    text = as_csv(faces).decode()
    quoted = "".join(
        ",".join(f'"{field}"' for field in line.split(",")) + "\r\n" for line in text.splitlines()
    )
    spaced = text.replace(" ", "  ").replace(",", " ,\t")
    extra = "".join(f"{i},{line}\n" for i, line in enumerate(text.splitlines()))
    unended = text.rstrip("\n")
    for good in (quoted, spaced, extra, unended, "\ufeff" + text, text + "\n\r\n"):
        assert same(read(save(tmp_path, good.encode()), Options(cache=False)), faces)


def with_row(number: int, row: bytes) -> bytes:
    lines = as_csv(drawn()).split(b"\n")
    lines[number] = row
    return b"\n".join(lines)


GOOD = b" ".join([b"7"] * 2304)
BAD_ROWS = {
    "fraction": (b"0,7.5 " + GOOD[2:] + b",Training", "pixel 1 is '7.5'"),
    "word": (b"0," + GOOD[:-1] + b"x,Training", "pixel 2304 is 'x'"),
    "lone minus at the end": (b"0," + GOOD[:-1] + b"-,Training", "pixel 2304 is '-'"),
    "negative": (b"0,-7" + GOOD[1:] + b",Training", "pixel 1 is '-7'"),
    "over 255": (b"0,256" + GOOD[1:] + b",Training", "pixel 1 is '256'"),
    "wraps in uint8": (b"0,7 300" + GOOD[3:] + b",Training", "pixel 2 is '300'"),
    "wraps in int16": (b"0,65636" + GOOD[1:] + b",Training", "pixel 1 is '65636'"),
    "wraps in int64": (b"0,18446744073709551617" + GOOD[1:] + b",Training", "pixel 1 is '18446"),
    "NUL": (b"0," + GOOD[:-1] + b"\0,Training", "pixel 2304"),
    "too few": (b"0," + GOOD[2:] + b",Training", "2303 pixels, expected 2304"),
    "too many": (b"0,7 " + GOOD + b",Training", "2305 pixels, expected 2304"),
    "none": (b"0,,Training", "0 pixels, expected 2304"),
    "emotion 7": (b"7," + GOOD + b",Training", "emotion is '7', expected 0..6"),
    "emotion -1": (b"-1," + GOOD + b",Training", "emotion is '-1'"),
    "emotion empty": (b"," + GOOD + b",Training", "emotion is missing or empty"),
    "emotion named": (b"Happy," + GOOD + b",Training", "emotion is 'Happy'"),
    "usage": (b"0," + GOOD + b",Validation", "Usage is 'Validation', expected Training, Pub"),
    "usage empty": (b"0," + GOOD + b",", "Usage is missing or empty"),
    "field more": (b"0," + GOOD + b",Training,1", "4 fields, expected 3"),
    "field less": (b"0," + GOOD, "2 fields, expected 3"),
    "empty line": (b"", "an empty line"),
    "quote left open": (b'0,"' + GOOD + b",Training", "bad quotes"),
    "wrong encoding": (b"0," + GOOD[:-1] + b"\xe9,Training", "pixel 2304 is '\ufffd'"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
@pytest.mark.parametrize("number", [1, 16, 17])
def test_refuses_a_bad_row_with_its_number_and_reason(tmp_path, kind, number):
    row, reason = BAD_ROWS[kind]
    path = save(tmp_path, with_row(number, row))
    with pytest.raises(FerError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: row {number} (line {number + 1}): ")
    assert reason in message
    assert "\n" not in message


def test_pixels_are_counted_in_each_row_and_not_in_all(tmp_path):
    lines = as_csv(drawn()).split(b"\n")
    lines[3] = b"0," + GOOD[2:] + b",Training"
    lines[4] = b"0,7 " + GOOD + b",Training"
    with pytest.raises(FerError, match=r"row 3 \(line 4\): 2303 pixels"):
        read(save(tmp_path, b"\n".join(lines)))


CSV = as_csv(drawn())
BAD_FILES = {
    "empty": ("a.csv", b"", "empty, expected a header"),
    "header only": ("a.csv", b"emotion,pixels,Usage\n", "without rows"),
    "header and blank lines": ("a.csv", b"emotion,pixels,Usage\n\n\n", "without rows"),
    "no header": ("a.csv", CSV.partition(b"\n")[2], "column 'emotion' is missing"),
    "no Usage": ("a.csv", b"emotion,pixels\n0,1\n", "Usage is missing or empty"),
    "pixels twice": ("a.csv", b"emotion,pixels,pixels,Usage\n", "column 'pixels' is there 2 times"),
    "UTF-16": ("a.csv", CSV.decode().encode("utf-16"), "not UTF-8"),
    "UTF-16 without mark": ("a.csv", CSV.decode().encode("utf-16-le"), "NUL bytes"),
    "Latin-1 header": ("a.csv", b"\xe9motion,pixels,Usage\n", "not UTF-8"),
    "truncated": ("a.csv", CSV[:-3000], "2 fields (the file ends here: it looks truncated)"),
    "a row of larger pictures": (
        "a.csv",
        b"emotion,pixels,Usage\n0," + b"123 " * 300_000 + b",Training\n",
        "2 fields in the first 1,048,576 bytes",
    ),
    "truncated gz": ("a.csv.gz", gzip.compress(CSV)[:-9], "broken or truncated archive"),
    "wrong checksum": ("a.gz", gzip.compress(CSV)[:-8] + b"12345678", "broken or truncated"),
    "not a gz": ("a.csv.gz", CSV, "broken or truncated archive"),
    "not a zip": ("a.zip", CSV, "broken or truncated archive"),
    "not a tar": ("a.tar.gz", gzip.compress(CSV), "broken or truncated archive"),
    "truncated zip": ("a.zip", zipped({"x.csv": CSV})[:-30], "broken or truncated archive"),
    "truncated tar": ("a.tar.gz", tarred({"x.csv": CSV})[:-200], "broken or truncated archive"),
    "zip without CSV": ("a.zip", zipped({"x.txt": CSV}), "no CSV in it"),
    "tar without CSV": ("a.tar.gz", tarred({"x.txt": CSV}), "no CSV in it"),
    "empty zip": ("a.zip", zipped({}), "no CSV in it"),
    "several CSVs": ("a.zip", zipped({"x.csv": CSV, "y.csv": CSV}), "several CSVs (x.csv, y.csv)"),
    "bad row in zip": ("a.zip", zipped({"x.csv": with_row(2, b"9,1,Training")}), "row 2 (line 3)"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_refuses_a_bad_file_with_the_reason(tmp_path, kind):
    name, data, reason = BAD_FILES[kind]
    path = save(tmp_path, data, name)
    with pytest.raises(FerError) as caught:
        read(path)
    assert str(caught.value).startswith(path)
    assert reason in str(caught.value)


def test_refuses_what_is_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "a.sock"))
    for path in (
        *(tmp_path / name for name in ("absent.csv", "a\0b", "pipe", "a.sock", "")),
        *(Path("/dev", name) for name in ("null", "zero", "tty")),
    ):
        with pytest.raises(FerError):
            read(str(path))


def test_damage_inside_an_archive_is_found_by_its_checksum(tmp_path):
    # Stored, not deflated: a digit changes into another and all but the checksum looks right.
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("fer2013.csv", as_csv(drawn()))
    plain = bytearray(out.getvalue())
    plain[plain.index(b" 100 ") + 3] ^= 1
    with pytest.raises(FerError, match="CRC"):
        read(save(tmp_path, bytes(plain), "a.zip"))

    # And in a tar.gz the checksum only comes after the other files.
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=0) as out_gz:
        out_gz.write(tarred({"fer2013.csv": as_csv(drawn()), "z": bytes(300_000)}, "w"))
    data = bytearray(packed.getvalue())
    data[data.index(b" 100 ") + 3] ^= 1
    with pytest.raises(FerError, match="CRC"):
        read(save(tmp_path, bytes(data), "a.tar.gz"))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path):
    bomb = b"emotion,pixels,Usage\n" + b"\n" * (2 << 20)
    for name, data in [
        ("a.gz", gzip.compress(bomb)),
        ("a.zip", zipped({"a.csv": bomb})),
        ("a.tgz", tarred({"first": bytes(2 << 20), "a.csv": bomb})),
    ]:
        with pytest.raises(FerError, match=r"unpacks to over 0\.000976562 GiB.*--unpack-limit"):
            read(save(tmp_path, data, name), Options(unpack_limit=1 << 20))


def test_second_read_comes_from_the_cache(tmp_path, monkeypatch):
    faces = drawn()
    path = save(tmp_path, as_csv(faces))
    first = read(path)
    monkeypatch.setattr(fer2013, "_parse", lambda *_: pytest.fail("parsed again"))
    assert same(first, faces)
    assert same(read(path), faces)
    assert same(read(str(Path(path).rename(tmp_path / "moved.csv"))), faces)


def test_an_edited_file_is_never_served_from_the_cache(tmp_path):
    path = save(tmp_path, as_csv(drawn(seed=1)))
    read(path)
    before = os.stat(path)
    header, _, rest = Path(path).read_bytes().partition(b"\n")
    label = b"3" if rest[:1] != b"3" else b"4"
    Path(path).write_bytes(header + b"\n" + label + rest[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(path)
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert read(path).labels[0] == int(label)


def test_a_file_written_to_while_it_is_parsed_is_not_cached(tmp_path, monkeypatch):
    path = save(tmp_path, as_csv(drawn(seed=1)))
    parse = fer2013._parse

    def edit_and_parse(path: str, options: Options) -> Faces:
        Path(path).write_bytes(as_csv(drawn(seed=2)))
        return parse(path, options)

    with monkeypatch.context() as patch:
        patch.setattr(fer2013, "_parse", edit_and_parse)
        assert same(read(path), drawn(seed=2))
    assert same(read(save(tmp_path, as_csv(drawn(seed=1)))), drawn(seed=1))


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other arrays", "pickled"])
def test_a_damaged_cache_is_passed_over_and_replaced(tmp_path, damage):
    faces = drawn()
    path = save(tmp_path, as_csv(faces))
    read(path)
    [stored] = (tmp_path / "cache").iterdir()
    good = stored.read_bytes()
    bad = bytearray(good)
    bad[len(bad) // 2] ^= 255
    if damage == "other arrays":
        np.savez(stored, images=faces.images[:3], labels=faces.labels, split=faces.split)
    elif damage == "pickled":
        np.savez(stored, images=np.array([object()]), labels=faces.labels, split=faces.split)
    else:
        stored.write_bytes({"cut": good[:-100], "flipped": bytes(bad), "emptied": b""}[damage])
    assert same(read(path), faces)
    assert same(cache.load(cache.content_key(path)), faces)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    faces = drawn()
    path = save(tmp_path, as_csv(faces))
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert same(read(path), faces)

    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(cache, "written_beside", full_disk)
    assert same(read(path), faces)
    assert list((tmp_path / "other").iterdir()) == []


def test_the_cache_keeps_few_files_and_all_of_the_users(tmp_path):
    mine = [tmp_path / "cache" / name for name in ("fer2013-original.csv", "fer2013-v1-my.npz")]
    mine[0].parent.mkdir()
    for file in mine:
        file.write_text("mine")
        os.utime(file, (0, 0))
    killed = tmp_path / "cache" / f".fer2013-v1-{'0' * 64}.npz.7.tmp"
    killed.write_text("half")
    os.utime(killed, (0, 0))
    for seed in range(9):
        read(save(tmp_path, as_csv(drawn(2, seed))))
    assert all(file.read_text() == "mine" for file in mine)
    assert len({*(tmp_path / "cache").iterdir()} - {*mine}) == 6 and not killed.exists()


def test_every_flipped_bit_of_the_cache_is_noticed(tmp_path):
    faces = drawn(2)
    key = cache.content_key(save(tmp_path, as_csv(faces)))
    cache.store(key, faces)
    [stored] = (tmp_path / "cache").iterdir()
    good = stored.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        stored.write_bytes(bad)
        assert cache.load(key) is None, place
    stored.write_bytes(good)
    assert same(cache.load(key), faces)
    stored.rename(cache._path("0" * 64))
    assert cache.load("0" * 64) is None


def test_cache_folder_follows_the_platform(monkeypatch, tmp_path):
    assert cache.cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("FER_TF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache.cache_dir() == tmp_path / "xdg" / "fer_tf"
    monkeypatch.setattr(cache.sys, "platform", "darwin")
    assert cache.cache_dir().parts[-3:] == ("Library", "Caches", "fer_tf")


def test_joins_votes_by_row(tmp_path):
    faces = drawn()
    path = save(tmp_path, as_csv(faces))
    votes = save(tmp_path, as_votes(faces), "fer2013new.csv")
    for _ in range(2):
        joined = read(path, Options(votes=votes))
        assert same(joined, faces)
        assert joined.votes.dtype == np.uint8
        assert joined.votes[7].tolist() == [2, 8, 0, 0, 0, 0, 0, 0, 0, 0]
    packed = save(tmp_path, zipped({"fer2013new.csv": as_votes(faces), "x.csv": b""}), "v.zip")
    assert np.array_equal(read(path, Options(votes=packed)).votes, joined.votes)


def test_refuses_votes_that_do_not_fit(tmp_path):
    faces = drawn()
    path = save(tmp_path, as_csv(faces))
    good = as_votes(faces).decode().split("\n")

    def refused(lines: list[str], reason: str) -> None:
        votes = save(tmp_path, "\n".join(lines).encode(), "v.csv")
        with pytest.raises(FerError) as caught:
            read(path, Options(votes=votes))
        assert reason in str(caught.value)
        assert str(caught.value).startswith(votes)

    usage, rest = good[5].split(",", 1)
    other = next(name for name in SPLITS if name != usage)
    refused([*good[:5], f"{other},{rest}", *good[6:]], f"row 5 (line 6): Usage is '{other}', expec")
    refused(good[:-2], "19 rows, expected 20")
    refused([*good[:-1], good[1]], "21 rows, expected 20")
    refused([*good[:3], good[3].replace(",8,", ",11,")], "row 3 (line 4): happiness is '11'")
    refused([*good[:3], good[3].split(",")[0] + ",x" + ",0" * 10], "no votes at all")
    refused([good[0].replace("contempt", "scorn"), *good[1:]], "column 'contempt' is missing")
    with pytest.raises(FerError, match="row"):
        load_faces(str(tmp_path), votes=str(tmp_path / "v.csv"))


@pytest.mark.skipif(not (REAL / "fer2013.csv").exists(), reason="data/fer2013.csv is not here")
def test_real_file_agrees_with_its_votes():
    faces = read(str(REAL / "fer2013.csv"), Options(votes=str(REAL / "fer2013new.csv")))
    assert faces.images.shape == (len(faces), 48, 48)
    assert faces.images[0, 0, :5].tolist() == [70, 80, 82, 72, 58]
    assert faces.votes is not None and faces.votes.sum(axis=1).max() == 10
    assert np.bincount(faces.labels[faces.split == 0]).argmax() == 3
