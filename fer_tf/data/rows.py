"""The rows of a CSV as bytes, each with its number and with the columns asked for."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from fer_tf.errors import FerError

_LINE_LIMIT = 1 << 20  # a row of FER2013 has at most 9.3 kB


def place(path: str, row: int) -> str:
    """How every message names a row: data rows and lines count from 1, the header is line 1."""
    return f"{path}: row {row} (line {row + 1})"


def shown(field: bytes) -> str:
    """A field as a message quotes it: text, cut where it is long."""
    text = field.decode("utf-8", "replace")
    return repr(text if len(text) <= 30 else text[:30] + "...")


def read_rows(
    stream: BinaryIO, path: str, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (row number from 1, the fields of `columns` and of `optional`, stripped) of each row.

    Args:
        stream: the CSV's bytes: ASCII or UTF-8, lines ended by LF or CRLF.
        path: what messages call it.
        columns: names to find in the header, whatever their order, case and blanks; other
            columns are passed over.
        optional: such names, too, whose fields are empty where the header lacks them.

    Raises:
        FerError: empty, not UTF-8, a column missing or twice there, no rows, an empty line
            between rows, or a row with another number of fields than the header.
    """
    where, width = _header(stream.readline(_LINE_LIMIT), path, columns, optional)
    row, empty = 0, 0
    while line := stream.readline(_LINE_LIMIT):
        row += 1
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not text.strip():
            empty = empty or row
            continue
        if empty:
            raise FerError(f"{place(path, empty)}: an empty line, expected a row")
        fields = _fields(text, place(path, row))
        if len(fields) != width:
            hint = ""
            if len(line) == _LINE_LIMIT:
                hint = f" in the first {_LINE_LIMIT:,} bytes"
            elif not line.endswith(b"\n"):
                hint = " (the file ends here: it looks truncated)"
            raise FerError(
                f"{place(path, row)}: {len(fields)} fields{hint}, expected {width} as in the header"
            )
        fields.append(b"")  # of the columns that are not there
        yield row, [fields[i].strip(b" \t") for i in where]
    if row == 0 or empty == 1:
        raise FerError(f"{path}: a header without rows, expected at least one row")


def _header(
    line: bytes, path: str, columns: Sequence[str], optional: Sequence[str]
) -> tuple[list[int], int]:
    """Where `columns` and `optional` are, and how many fields a row has: the place of no column."""
    if not line:
        raise FerError(f"{path}: empty, expected a header with {','.join(columns)}")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise FerError(f"{path}: the header is not UTF-8 text ({error.reason})") from error
    if "\0" in text:
        raise FerError(f"{path}: the header holds NUL bytes, expected UTF-8 text and not UTF-16")
    names = [name.decode().strip().lower() for name in _fields(text.encode(), f"{path}: header")]
    wanted = [column.lower() for column in (*columns, *optional)]
    for column in (*columns, *optional):
        count = names.count(column.lower())
        if count > 1 or (count == 0 and column in columns):
            found = "missing" if count == 0 else f"there {count} times"
            header = shown(text.encode())
            raise FerError(
                f"{path}: column {column!r} is {found} in the header {header}, "
                f"expected {','.join(columns)}"
            )
    return [names.index(name) if name in names else len(names) for name in wanted], len(names)


def _fields(text: bytes, where: str) -> list[bytes]:
    if b'"' not in text:
        return text.split(b",")
    try:
        # Latin-1 maps every byte to itself and back: only the quotes matter here.
        [fields] = csv.reader([text.decode("latin-1")], strict=True, skipinitialspace=True)
    except csv.Error as error:
        raise FerError(f"{where}: bad quotes ({error}), expected a CSV row") from error
    return [field.encode("latin-1") for field in fields]
