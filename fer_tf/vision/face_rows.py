"""One row a face, as JSON Lines or CSV: whole lines, as they come."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from fer_tf.errors import FerError
from fer_tf.files import free, mark_beside
from fer_tf.tasks import Task
from fer_tf.vision.results import Face

Format = Literal["json", "csv"]
FILES: dict[Format, str] = {"json": "faces.jsonl", "csv": "faces.csv"}
"""Name of the file of rows in the folder of results."""

COLUMNS = (
    "file",
    "time",
    "track",
    "face",
    "left",
    "top",
    "width",
    "height",
    "score",
    "emotion",
    "certainty",
)
"""What both formats hold; CSV goes on with a column for each answer (`csv_columns`). The emotion is
"unsure" below the certainty that was asked for."""


@dataclass(frozen=True)
class Row:
    """A face and where it was found.

    Attributes:
        file: the picture or video, as the user named it.
        index: of the face in its picture or frame, from 0.
        face: the answer.
        time: seconds from the video's start; None in a picture.
        track: the person's number in a video; None in a picture.
    """

    file: str
    index: int
    face: Face
    time: float | None = None
    track: int | None = None

    def values(self) -> dict[str, str | int | float | None]:
        """By the name of each of `COLUMNS`: pixels to a tenth, shares to six digits."""
        box = self.face.box
        return {
            "file": self.file,
            "time": None if self.time is None else round(self.time, 3),
            "track": self.track,
            "face": self.index,
            "left": round(float(box.left), 1),
            "top": round(float(box.top), 1),
            "width": round(float(box.width), 1),
            "height": round(float(box.height), 1),
            "score": round(float(self.face.score), 6),
            "emotion": self.face.label,
            "certainty": round(float(self.face.certainty), 6),
        }

    def probabilities(self) -> dict[str, float]:
        """By emotion, in lower case: "angry" to "neutral"."""
        named = self.face.by_emotion
        return {name.lower(): round(float(share), 6) for name, share in named.items()}

    def estimates(self) -> dict[str, float]:
        """By the name of a value, as the task has it: "valence", "arousal"; often none."""
        return {name: round(float(value), 6) for name, value in self.face.by_value.items()}


def csv_columns(task: Task) -> tuple[str, ...]:
    """The header of the CSV: `COLUMNS`, the classes in lower case, and the values."""
    return (*COLUMNS, *(label.lower() for label in task.labels), *task.values)


def to_json(row: Row) -> str:
    """The row as one line of JSON; its probabilities are an object of their own, and its values,
    where there are any, another."""
    values = {"values": row.estimates()} if row.face.values else {}
    answers = {**row.values(), "probabilities": row.probabilities(), **values}
    return json.dumps(answers, ensure_ascii=False) + "\n"


def to_csv(row: Row) -> str:
    """The row as one record of RFC 4180, but for its LF; an unknown value is an empty field."""
    answers = (*row.probabilities().values(), *row.estimates().values())
    return _record([*row.values().values(), *answers])


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
                lines.insert(0, _record(csv_columns(self._task)))
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
