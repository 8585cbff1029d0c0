"""One row a face to a file, as JSON Lines or CSV: whole lines, as they come."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

from fer_tf.errors import FerError
from fer_tf.files import free, mark_beside
from fer_tf.tasks import Task
from fer_tf.vision.face_table import columns, rounded

Format = Literal["json", "csv"]
FILES: dict[Format, str] = {"json": "faces.jsonl", "csv": "faces.csv"}
"""Name of the file of rows in the folder of results."""

Row = dict[str, Any]
"""A face, by the names of `fer_tf.vision.face_table`."""


def to_json(row: Row) -> str:
    """The row as one line of JSON."""
    return json.dumps(rounded(row), ensure_ascii=False) + "\n"


def to_csv(row: Row) -> str:
    """The row as one record of RFC 4180, but for its LF; an unknown value is an empty field."""
    return _record(rounded(row).values())


def _record(values: Iterable[object]) -> str:
    text = io.StringIO()
    # With CRLF as its line's end, the writer quotes a lone CR in a name, too.
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"


class RowWriter:
    """Writes rows to a file or to standard output, as whole lines and without delay.

    Each call of `write` is one write to the operating system, so that a reader, or whoever finds
    the file after Ctrl-C, sees no line that is cut off. An earlier file of the same source stays
    until the first of them, any other for ever: `path` then gets a number (`fer_tf.files`).

    Args:
        format: "json" for JSON Lines, "csv" for CSV with a header.
        path: the file, its folder made if absent; None is standard output.
        mark: tells the source, as `fer_tf.files.mark_for` gives it.
        task: names the columns of the answers.
    """

    def __init__(self, format: Format, path: Path | None, *, mark: str, task: Task):
        self.format = format
        self.path = path
        self._mark, self._task = mark, task
        self._file: IO[bytes] | None = None

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.path is not None and self._file is not None:
            self._file.close()
            with suppress(OSError):  # unmarked, it is never replaced
                mark_beside(self.path, self._mark)

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows; with none, the file is begun all the same.

        Raises:
            FerError: the file can't be made, or the disk is full or fails; the file then ends
                with the row before.
        """
        render = to_json if self.format == "json" else to_csv
        lines = [render(row) for row in rows]
        if self._file is None:
            self._file = self._begin()
            if self.format == "csv":
                lines.insert(0, _record(columns(self._task)))
        if lines:
            self._write(self._file, "".join(lines))

    def _begin(self) -> IO[bytes]:
        if self.path is None:
            return sys.stdout.buffer
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path = free(self.path, self._mark)
            return open(self.path, "wb", buffering=0)
        except OSError as error:
            raise FerError(f"{self.path}: can't be written: {error.strerror}") from None

    def _write(self, file: IO[bytes], text: str) -> None:
        # A name that isn't UTF-8 comes with lone surrogates: they stay what JSON reads back.
        data = text.encode("utf-8", errors="backslashreplace")
        if self.path is None:
            file.write(data)
            file.flush()
            return
        end = file.tell()
        try:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, "the disk is full")
        except OSError as error:
            os.ftruncate(file.fileno(), end)
            raise FerError(f"{self.path}: can't be written: {error.strerror}") from None
