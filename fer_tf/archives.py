"""The CSV inside a file, whether plain, .gz, .zip or .tar.gz; nothing is extracted to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Self, cast

from fer_tf.errors import FerError

UNPACKED_LIMIT = 2 << 30
"""Bytes that an archive may unpack to by default: seven times FER2013, far below a zip bomb."""

MEMBERS_LIMIT = 100_000
"""Files in a tar: each costs a kilobyte of memory, and a name packs to a few bytes."""

HEADER_LIMIT = 1 << 16
"""Bytes of a tar's extended header, which is read into memory whole: 65,536, a long path's 16."""

DIRECTORY_LIMIT = 1 << 24
"""Bytes of a zip's directory, which is read whole: 16.8 million, 160,000 files' of usual names.

Of 48 bytes each, a directory becomes 700 bytes of memory.
"""

_BUFFER = 1 << 18

BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
"""What the standard library's readers raise on damaged, truncated or encrypted archives."""


@contextmanager
def open_csv(path: str, prefer: tuple[str, ...], limit: int = UNPACKED_LIMIT) -> Iterator[BinaryIO]:
    """Open the CSV that `path` is or holds, as a buffered stream of its bytes.

    The kind is told by the content and by the name's ending. On a normal exit the rest of a
    gzip stream is read as well, so that its checksum covers what was read.

    Args:
        path: a CSV, or a .gz, .zip, .tar or .tar.gz that holds one.
        prefer: lower-case file names to take from an archive that holds several CSVs, the most
            wanted first.
        limit: bytes that an archive may unpack to.

    Raises:
        FerError: no such file, a broken archive, no CSV in it, or several and none preferred.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_file(path))
            stream, to_check = _unwrap(file, path, prefer, stack, limit)
        except FerError:
            raise
        except BROKEN as error:
            raise _broken(path, error) from error
        yield stream
        while to_check is not None and to_check.read(_BUFFER):
            pass


def open_file(path: str) -> BinaryIO:
    """Open a regular file for reading bytes.

    Raises:
        FerError: there is none, it is not a regular file, or it can't be read.
    """
    try:
        # Without O_NONBLOCK a FIFO is waited for, for ever.
        file = open(path, "rb", _BUFFER, opener=_at_once)  # noqa: SIM115 - the caller closes it
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise FerError(f"{path}: not a regular file, expected a CSV or an archive of one")
    except OSError as error:
        raise FerError(f"{path}: can't be read ({error.strerror}), expected a file") from error
    except ValueError as error:
        if isinstance(error, FerError):
            raise
        raise FerError(f"{path!r}: not the name of a file ({error})") from error
    return file


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip whose directory takes no more than `DIRECTORY_LIMIT`.

    Args:
        file: it, seekable; the archive closes it when it goes.

    Raises:
        zipfile.BadZipFile: it takes more, or what zipfile says; other kinds too, of damaged files.
    """
    return zipfile.ZipFile(_SmallReads(cast(io.RawIOBase, file)))


class _SmallReads(io.BufferedReader):
    """Nothing large is read at once: zipfile reads the directory whole; members want pieces."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > DIRECTORY_LIMIT:
            raise zipfile.BadZipFile(
                f"a directory of {size:,} bytes, expected at most {DIRECTORY_LIMIT:,}, which is "
                "that of some 160,000 files: unpack it"
            )
        return super().read(size)


def _unwrap(
    file: BinaryIO, path: str, prefer: tuple[str, ...], stack: ExitStack, limit: int
) -> tuple[BinaryIO, BinaryIO | None]:
    """The CSV's stream, and the stream to read to its end before the CSV is believed."""
    name = os.path.basename(path).lower()
    magic = file.read(4)
    file.seek(0)
    if magic == b"PK\x03\x04" or magic == b"PK\x05\x06" or name.endswith(".zip"):
        archive = stack.enter_context(open_zip(file))
        member = _choose(path, (i.filename for i in archive.infolist() if not i.is_dir()), prefer)
        return _buffered(stack.enter_context(archive.open(member)), path, limit), None
    packed = magic[:2] == b"\x1f\x8b" or name.endswith((".gz", ".tgz"))
    stream = _gunzip(file, path, stack, limit) if packed else file
    start = cast(io.BufferedReader, stream).peek(512)
    if start[257:262] != b"ustar" and not name.endswith((".tar", ".tar.gz", ".tgz")):
        return stream, stream if packed else None
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=CheapHeader) as members:
        member = _choose(path, _names(path, members), prefer)
    file.seek(0)
    stream = _gunzip(file, path, stack, limit) if packed else file
    tar = tarfile.open(fileobj=stream, mode="r|", tarinfo=CheapHeader)  # noqa: SIM115 - by the stack
    stack.enter_context(tar)
    info = next(m for m in tar if m.isreg() and m.name == member)
    return _buffered(cast(BinaryIO, tar.extractfile(info)), path, limit), stream


class CheapHeader(tarfile.TarInfo):
    """A tar's header that costs little memory, whatever it says; sparse files are refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        plain = header.type in (*tarfile.REGULAR_TYPES, *_EMPTY) and header.type != _SPARSE
        if not plain and (header.type == _SPARSE or header.size > HEADER_LIMIT):
            raise tarfile.ReadError(f"a header of kind {header.type!r}, {header.size:,} bytes")
        return header

    def _refuse_sparse(self, *_: object) -> None:
        raise tarfile.ReadError("a sparse file")

    # What tarfile calls for the sparse files of PAX headers, format 0.0, 0.1 and 1.0.
    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


_SPARSE = tarfile.GNUTYPE_SPARSE
_EMPTY = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)


def _names(path: str, members: tarfile.TarFile) -> Iterator[str]:
    for number, member in enumerate(members):
        if number == MEMBERS_LIMIT:
            raise FerError(
                f"{path}: holds over {MEMBERS_LIMIT:,} files, expected {MEMBERS_LIMIT:,}"
            )
        if member.isreg():
            yield member.name


def _gunzip(file: BinaryIO, path: str, stack: ExitStack, limit: int) -> BinaryIO:
    unzipped = stack.enter_context(gzip.GzipFile(fileobj=file))
    return _buffered(cast(BinaryIO, unzipped), path, limit)


def _choose(path: str, names: Iterable[str], prefer: tuple[str, ...]) -> str:
    """The member to read; stops looking as soon as the most wanted name turns up."""
    found: dict[str, str] = {}
    for name in names:
        base = PurePosixPath(name).name.lower()
        if base.endswith(".csv") and not base.startswith("._"):
            found.setdefault(base, name)
        if base == prefer[0]:
            break
    for base in prefer:
        if base in found:
            return found[base]
    if not found:
        raise FerError(f"{path}: an archive with no CSV in it, expected {prefer[0]}")
    if len(found) > 1:
        several = ", ".join(sorted(found.values())[:5])
        raise FerError(f"{path}: an archive with several CSVs ({several}), expected {prefer[0]}")
    return next(iter(found.values()))


def _buffered(stream: IO[bytes], path: str, limit: int) -> BinaryIO:
    return io.BufferedReader(_Unpacked(stream, path, limit), _BUFFER)


def _broken(path: str, error: BaseException) -> FerError:
    kind = type(error).__name__
    return FerError(
        f"{path}: a broken or truncated archive ({kind}: {error}), expected a whole one"
    )


class _Unpacked(io.RawIOBase):
    """A decompressing stream that counts what it gives and tells its errors as FerErrors."""

    def __init__(self, stream: IO[bytes], path: str, limit: int) -> None:
        self._stream = stream
        self._path = path
        self._limit = limit
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except FerError:
            raise
        except BROKEN as error:
            raise _broken(self._path, error) from error
        self._given += len(data)
        if self._given > self._limit:
            raise FerError(
                f"{self._path}: unpacks to over {self._limit / (1 << 30):g} GiB, expected "
                "FER2013's 0.3; for data that you trust, pass a higher --unpack-limit"
            )
        buffer[: len(data)] = data
        return len(data)
