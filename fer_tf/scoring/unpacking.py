"""A part's inputs with their bytes, one after the other, from wherever they lie."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby
from typing import IO

from fer_tf.archives import BROKEN, CheapHeader, open_zip
from fer_tf.errors import FerError, reason
from fer_tf.pictures.finding import SUFFIXES
from fer_tf.scoring.input_lists import PICTURE, ROWS, SHARD, Entry
from fer_tf.scoring.picture_tables import pictures_in
from fer_tf.scoring.places import READ_LIMIT, Place, Unreachable, exists, place_of, read_whole
from fer_tf.vision.stream import worked_ahead

READERS = 8
"""Files that a worker reads at the same time: an object store answers after some 50 ms."""

TRIES, WAIT_S = 3, 1.0
"""How often a file is read if its file system fails, and the seconds before the second time."""

_PIECE = 2**20  # bytes of a member that are read at a time


@dataclass(frozen=True)
class Input:
    """A picture or a video.

    Attributes:
        source: the file that it is or lies in, as a path or an address.
        member: its name in a tar or zip.
        row: its row in a table.
        data: a picture's bytes; None for a video, and where they could not be read.
        within: the picture's place in a source that holds many, for sentences.
        trouble: why its bytes could not be read, in a sentence.
        outage: the file system failed, rather than the file.
    """

    source: str
    member: str | None = None
    row: int | None = None
    data: bytes | None = None
    within: str = ""
    trouble: str = ""
    outage: bool = False

    @property
    def name(self) -> str:
        """How a sentence names it."""
        return f"{self.source}: {self.within}" if self.within else self.source

    def failed(self, error: Exception) -> Input:
        """The same, which can't be read."""
        text = str(error) if isinstance(error, FerError) else f"{self.name}: {reason(error)}"
        return replace(self, data=None, trouble=text)


class NamedBytes(io.BytesIO):
    """A picture's bytes, with the name that sentences about it use."""

    def __init__(self, picture: Input):
        super().__init__(picture.data or b"")
        self.name = picture.name


def unpacked(entries: Iterable[Entry], column: str | None) -> Iterator[Input]:
    """The inputs of a part, in its order; files of pictures are read a little ahead.

    What can't be read is an input with `trouble`.

    Args:
        entries: of the part.
        column: of tables that hold bytes.

    Raises:
        Unreachable: a file system failed in the middle of a shard or a table.
    """
    for kind, run in groupby(entries, key=lambda entry: entry.kind):
        if kind == PICTURE:
            yield from worked_ahead(run, fetched, _weight, threads=READERS)
        elif kind == SHARD:
            yield from chain.from_iterable(_shard(place_of(entry.path)) for entry in run)
        elif kind == ROWS:
            yield from chain.from_iterable(_rows(entry, column) for entry in run)
        else:
            yield from (_video(place_of(entry.path)) for entry in run)


def fetched(entry: Entry) -> Input:
    """A picture file as it was read, after up to `TRIES`."""
    found = Input(entry.path, row=entry.row)
    if not entry.path:
        return replace(found, trouble=f"row {entry.row} of {entry.table}: names no picture")
    for tried in range(TRIES):
        try:
            place = place_of(entry.path)
            return replace(found, data=read_whole(place))
        except FileNotFoundError:
            return replace(found, trouble=f"{entry.path}: no such file, expected a picture")
        except (OSError, Unreachable) as error:
            found = replace(found.failed(error), outage="://" in entry.path)
            if not found.outage:
                break
            time.sleep(WAIT_S * 2**tried if tried + 1 < TRIES else 0)
        except ValueError as error:  # a FerError, or an address that makes no sense
            return found.failed(error)
    return found


def _weight(found: Input) -> int:
    return len(found.data or b"")


def _video(place: Place) -> Input:
    found = Input(place.name)
    try:
        if exists(place):
            return found
    except FerError as error:
        return replace(found.failed(error), outage=True)
    return replace(found, trouble=f"{place.name}: no such file, expected a video")


def _shard(place: Place) -> Iterator[Input]:
    """The pictures of a tar or zip; JSON, texts and what else it holds are left out."""
    empty = True
    try:
        for found in (_in_zip if place.path.lower().endswith(".zip") else _in_tar)(place):
            empty = False
            yield found
        if empty:
            yield Input(place.name, trouble=f"{place.name}: holds no picture, expected some")
    except BROKEN as error:
        if isinstance(error, OSError) and not place.local:
            raise Unreachable(f"{place.name}: can't be read: {reason(error)}") from None
        yield Input(place.name).failed(error)


def _in_tar(place: Place) -> Iterator[Input]:
    """Its pictures as it streams by."""
    with (
        place.files.open_input_stream(place.path, compression=None) as stream,
        tarfile.open(fileobj=stream, mode="r|*", tarinfo=CheapHeader) as members,
    ):
        while (member := members.next()) is not None:
            members.members = []  # type: ignore[attr-defined]  # or each would stay
            if member.isreg() and _is_picture(member.name):
                file = members.extractfile(member) if member.size <= READ_LIMIT else None
                yield _member(place, member.name, member.size, file)


def _in_zip(place: Place) -> Iterator[Input]:
    """Its pictures in the order of its directory; one that is damaged leaves the others."""
    with place.files.open_input_file(place.path) as file, open_zip(file) as members:
        for member in members.infolist():
            if member.is_dir() or not _is_picture(member.filename):
                continue
            name, size = member.filename, member.file_size
            try:
                content = members.open(member) if size <= READ_LIMIT else None
                yield _member(place, name, size, content)
            except BROKEN as error:
                if isinstance(error, OSError):
                    raise
                yield Input(place.name, name, within=name).failed(error)


def _member(place: Place, name: str, size: int, file: IO[bytes] | None) -> Input:
    """A member, whose file is closed then; None for one that is too large."""
    found = Input(place.name, name, within=name)
    if file is None:
        return found.failed(_too_large(found.name, size))
    with file:  # in pieces, as `open_zip` has it
        return replace(found, data=b"".join(iter(partial(file.read, _PIECE), b"")))


def _too_large(name: str, size: int) -> FerError:
    return FerError(
        f"{name}: a file of {size / 1e6:,.0f} MB, expected at most {READ_LIMIT / 1e6:.0f}"
    )


def _is_picture(name: str) -> bool:
    base = name.rpartition("/")[2]
    return not base.startswith(".") and "." + base.rpartition(".")[2].lower() in SUFFIXES


def _rows(entry: Entry, column: str | None) -> Iterator[Input]:
    table = Input(entry.path)
    try:
        for row, data in pictures_in(place_of(entry.path), entry.row or 0, column):
            found = Input(entry.path, row=row, data=data, within=f"row {row}")
            if data is None:
                found = replace(found, trouble=f"{found.name}: empty, expected a picture's bytes")
            elif len(data) > READ_LIMIT:
                found = found.failed(_too_large(found.name, len(data)))
            yield found
    except Unreachable:
        raise
    except FerError as error:
        yield table.failed(error)
