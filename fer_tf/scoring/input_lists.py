"""What there is to score: SOURCE is listed once, and the list kept in OUT, divided into parts.

A file of the list holds up to `LIST_PARTS` parts, each a row group of its own, so that a worker
reads its part alone. A listing counts when `LISTINGS` names its files, and never changes then.
"""

from __future__ import annotations

import heapq
import io
import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs, parquet

from fer_tf.errors import FerError, reason
from fer_tf.pictures.finding import SUFFIXES
from fer_tf.scoring.picture_tables import TABLES, in_table
from fer_tf.scoring.places import (
    Place,
    exists,
    fixed_part,
    has_magic,
    matching,
    place_of,
    read_whole,
    walk,
    write_whole,
)
from fer_tf.vision.stream import VIDEO_SUFFIXES

PICTURE, VIDEO, SHARD, ROWS = "picture", "video", "shard", "rows"
"""Kinds of entries: a picture file, a video, a tar or zip, and a Parquet row group of bytes."""

FOLDER, LISTINGS = "_inputs", "listings.json"
LIST_PARTS = 256

_SHARDS = (".tar", ".tar.gz", ".tgz", ".zip")
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("path", pa.string()), ("table", pa.string()), ("row", pa.int64())]
)


class Entry(NamedTuple):
    """An input, or a file that holds many.

    Attributes:
        kind: one of `PICTURE`, `VIDEO`, `SHARD`, `ROWS`.
        path: an absolute path or an address.
        table: the table that names the picture, where one does.
        row: its row in there, from 0; of `ROWS`, the row group's number.
    """

    kind: str
    path: str
    table: str | None = None
    row: int | None = None

    @property
    def place(self) -> tuple[list[str], int]:
        """What entries are sorted by: their file's path, component for component, and the row."""
        return (self.table or self.path).split("/"), self.row or 0


def find_entries(source: str, column: str | None) -> Iterator[Entry]:
    """What SOURCE holds, sorted by `Entry.place`.

    Args:
        source: a file, a folder, a glob or a table, as a path or an address.
        column: of tables; None for one with a usual name.

    Raises:
        FerError: there is no such thing, it can't be listed, or a table lacks the column.
    """
    place = place_of(source)
    try:
        kind = place.files.get_file_info(place.path).type
    except OSError as error:
        raise FerError(f"{source}: can't be looked at: {reason(error)}") from None
    if kind == fs.FileType.Directory:
        # A folder's CSV is more often about its pictures than a list of others.
        yield from (entry for file in walk(place) if (entry := _entry(file)))
        return
    folder = fixed_part(place)
    # One that can't be listed is an input that fails, but not one that was mistyped.
    glob = has_magic(source) and (not folder.local or os.path.isdir(folder.path))
    if kind == fs.FileType.NotFound and not glob:
        raise FerError(f"{source}: is not there, expected a folder, a file or a glob")
    for file in [place] if kind == fs.FileType.File else matching(place):
        if not file.path.lower().endswith(TABLES):
            given = Entry(PICTURE, file.name) if file is place else None
            if entry := _entry(file) or given:
                yield entry
            continue
        for number, found in enumerate(in_table(file, column)):
            if isinstance(found, int):
                yield Entry(ROWS, file.name, file.name, found)
            else:
                yield Entry(PICTURE, found, file.name, number)


def _entry(file: Place) -> Entry | None:
    """The entry of a file by its name's ending; None for what is none of these."""
    if file.path.endswith("/"):  # a folder that can't be listed
        return Entry(PICTURE, file.name)
    name = file.path.rpartition("/")[2].lower()
    ending = "." + name.rpartition(".")[2]
    if name.endswith(_SHARDS):
        return Entry(SHARD, file.name)
    if ending in VIDEO_SUFFIXES:
        return Entry(VIDEO, file.name)
    return Entry(PICTURE, file.name) if ending in SUFFIXES else None


def divided(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Parts, in the entries' order: up to `size` pictures, or up to the first of another kind."""
    part: list[Entry] = []
    for entry in entries:
        part.append(entry)
        if len(part) == size or entry.kind != PICTURE:
            yield part
            part = []
    if part:
        yield part


class InputList:
    """The list in OUT.

    Args:
        out: where the scores go.
    """

    def __init__(self, out: Place):
        self._folder = out / FOLDER
        self._listings: list[list[int]] = []
        self._file = self._folder / LISTINGS
        if exists(self._file):
            self._listings = _listings(self._file)

    def parts(self) -> Iterator[int]:
        """The parts' numbers, ascending; some are left out between two listings."""
        for file, count in enumerate(self._counts):
            yield from range(file * LIST_PARTS, file * LIST_PARTS + count)

    def __len__(self) -> int:
        return sum(self._counts)

    def read(self, number: int) -> list[Entry]:
        """A part's entries.

        Raises:
            FerError: its file is damaged or gone.
        """
        file, group = divmod(number, LIST_PARTS)
        place = self._list(file)
        try:
            with parquet.ParquetFile(place.path, filesystem=place.files) as lists:
                return [Entry(**row) for row in lists.read_row_group(group).to_pylist()]
        except (OSError, pa.ArrowException, IndexError) as error:
            raise FerError(
                f"{place.name}: can't be read: {reason(error)}; expected the list of inputs"
            ) from None

    def add(self, found: Iterable[Entry], size: int) -> int:
        """Add those that are not listed yet, and commit.

        Args:
            found: sorted by `Entry.place`.
            size: pictures in a part.

        Returns:
            The number of parts that were added.

        Raises:
            FerError: OUT can't be written.
        """
        counts: list[int] = []
        for count, data in _lists(divided(self._new(found), size)):
            write_whole(self._list(len(self._counts) + len(counts)), data)
            counts.append(count)
        if counts:
            self._listings.append(counts)
            write_whole(self._file, json.dumps({"listings": self._listings}).encode())
        return sum(counts)

    @property
    def _counts(self) -> list[int]:
        """The number of parts of each file."""
        return [count for listing in self._listings for count in listing]

    def _list(self, number: int) -> Place:
        return self._folder / f"list-{number:05}.parquet"

    def _new(self, found: Iterable[Entry]) -> Iterator[Entry]:
        """Those that no listing holds; all are sorted, so none is held in memory."""
        known = heapq.merge(*self._each_listing(), key=attrgetter("place"))
        merged = heapq.merge(
            ((entry.place, 0, entry) for entry in known),
            ((entry.place, 1, entry) for entry in found),
            key=lambda item: item[:2],
        )
        for _, same in groupby(merged, key=lambda item: item[0]):
            if (item := next(same))[1]:
                yield item[2]

    def _each_listing(self) -> Iterator[Iterator[Entry]]:
        start = 0
        for counts in self._listings:
            parts = [
                (start + file) * LIST_PARTS + group
                for file, count in enumerate(counts)
                for group in range(count)
            ]
            yield (entry for part in parts for entry in self.read(part))
            start += len(counts)


def _lists(parts: Iterable[list[Entry]]) -> Iterator[tuple[int, bytes]]:
    """Files of the list: how many parts each holds, and its bytes."""
    for _, group in groupby(enumerate(parts), key=lambda pair: pair[0] // LIST_PARTS):
        data, count = io.BytesIO(), 0
        with parquet.ParquetWriter(data, _SCHEMA, compression="zstd") as writer:
            for _, part in group:
                rows = pa.Table.from_pylist([entry._asdict() for entry in part], schema=_SCHEMA)
                writer.write_table(rows, row_group_size=len(part))
                count += 1
        yield count, data.getvalue()


def _listings(file: Place) -> list[list[int]]:
    try:
        listings = json.loads(read_whole(file))["listings"]
        return [[int(count) for count in counts] for counts in listings]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FerError(
            f"{file.name}: can't be read: {reason(error)}; expected the list of inputs"
        ) from None
