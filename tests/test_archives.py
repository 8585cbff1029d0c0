"""What an archive may cost is bounded, and tried at the bound."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf import archives
from fer_tf.archives import HEADER_LIMIT, open_csv
from fer_tf.errors import FerError

CSV = b"emotion,pixels,Usage\n"


def content(path):
    with open_csv(str(path), prefer=("fer2013.csv",)) as stream:
        return stream.read()


def tar(*members, kind=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tars_header_is_bounded(tmp_path, kind):
    path = tmp_path / "a.tar"
    longest = "d/" * (HEADER_LIMIT // 2 - 500) + "fer2013.csv"
    path.write_bytes(tar((longest, CSV), kind=kind))
    assert content(path) == CSV
    path.write_bytes(tar(("d/" * HEADER_LIMIT + "fer2013.csv", CSV), kind=kind))
    with pytest.raises(FerError, match="a header of kind"):
        content(path)


def test_a_tars_files_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS_LIMIT", 5)
    path = tmp_path / "a.tar"
    path.write_bytes(tar(*((f"{number}.txt", b"") for number in range(4)), ("a.csv", CSV)))
    assert content(path) == CSV
    path.write_bytes(tar(*((f"{number}.txt", b"") for number in range(5)), ("a.csv", CSV)))
    with pytest.raises(FerError, match="holds over 5 files"):
        content(path)


def test_a_zips_directory_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", CSV)
        for number in range(1000):
            archive.writestr(f"{number:04}.txt", b"")
    directory = path.stat().st_size - path.read_bytes().index(b"PK\1\2") - 22
    monkeypatch.setattr(archives, "DIRECTORY_LIMIT", directory)
    assert content(path) == CSV
    monkeypatch.setattr(archives, "DIRECTORY_LIMIT", directory - 1)
    with pytest.raises(FerError, match=f"{directory:,} bytes, expected at most {directory - 1:,}"):
        content(path)


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"},
        {"GNU.sparse.size": "9"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
)
def test_sparse_files_are_refused(tmp_path, headers):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("fer2013.csv")
        info.size, info.pax_headers = len(CSV), headers
        archive.addfile(info, io.BytesIO(CSV))
    path = tmp_path / "a.tar"
    path.write_bytes(out.getvalue())
    with pytest.raises(FerError, match="sparse"):
        content(path)


def test_old_gnu_sparse_files_are_refused(tmp_path):
    info = tarfile.TarInfo("fer2013.csv")
    info.type = tarfile.GNUTYPE_SPARSE
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(FerError, match="a header of kind b'S'"):
        content(path)


PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(PACKED), st.integers(0, 10**6), st.integers(1, 255))
def test_a_damaged_zip_is_read_or_refused_in_a_sentence(tmp_path_factory, method, place, change):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("fer2013.csv", CSV * 50)
    data = bytearray(out.getvalue())
    data[place % len(data)] ^= change
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    path.write_bytes(data)
    try:
        assert content(path) == CSV * 50
    except FerError as error:
        assert str(path) in str(error)


def test_lzma_damage_is_a_sentence(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("fer2013.csv", CSV * 50)
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(FerError, match=f"broken or truncated archive \\({lzma.LZMAError.__name__}"):
        content(path)
