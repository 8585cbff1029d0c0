"""FER2013 (Goodfellow et al., 2013, arXiv:1307.0414) in each form that it is passed around in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer_tf.archives import open_csv
from fer_tf.data import cache as kept
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.folder import read_folder, zipped_folder
from fer_tf.data.pixels import parse_row, parse_rows, token_table
from fer_tf.data.rows import place, read_rows, shown
from fer_tf.data.votes import read_votes
from fer_tf.errors import FerError
from fer_tf.tasks import FER2013

_TOGETHER = 16  # rows: 130 kB of text, whose arrays stay in the processor's cache
_EMOTIONS = {str(label).encode(): label for label in range(len(FER2013))}
_USAGES = {name.encode(): index for index, name in enumerate(SPLITS)}


def read(path: str, *, votes: str | None = None, cache: bool = True) -> Faces:
    """Read FER2013 from a CSV, from an archive that holds the CSV, or from an image folder.

    Args:
        path: a CSV with the columns emotion, pixels and Usage, in any order and with blanks in
            the header allowed (`fer2013.csv`, `icml_face_data.csv`), plain or in a .gz, .zip,
            .tar or .tar.gz; or a folder, or a zip of one, as `fer_tf.data.folder.read_folder`
            describes it.
        votes: fer2013new.csv, the FERPlus votes, to join by row; None for no votes.
        cache: keep the parsed rows in the user's cache folder (`fer_tf.data.cache`), keyed by
            the file's content, and start from there the next time. Folders are never cached.

    Returns:
        Faces with images uint8 [n, 48, 48], in the order of the rows.

    Raises:
        FerError: malformed; the sentence names the file, the row (from 1, and its line, where
            the header is line 1), what was found and what was expected.
    """
    folder = Path(path) if os.path.isdir(path) else zipped_folder(path)
    if folder is not None:
        if votes is not None:
            raise FerError(f"{path}: a folder has no rows to join {votes} to, expected a CSV")
        return read_folder(folder)
    faces = _through_cache(path) if cache else _parse(path)
    if votes is None:
        return faces
    return replace(faces, votes=read_votes(votes, faces.split, path))


def _through_cache(path: str) -> Faces:
    before = _stamp(path)
    key = kept.content_key(path)
    faces = kept.load(key)
    if faces is None:
        faces = _parse(path)
        if _stamp(path) == before:
            kept.store(key, faces)
    return faces


def _stamp(path: str) -> tuple[int, ...] | None:
    """Changes when the file is written to or replaced: what was parsed is then not the key's."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _parse(path: str) -> Faces:
    table = token_table()
    images, labels, split = bytearray(), bytearray(), bytearray()
    pending: list[bytes] = []
    with open_csv(path, prefer=("fer2013.csv", "icml_face_data.csv")) as stream:
        columns = ("emotion", "pixels", "Usage")
        for row, (emotion, pixels, usage) in read_rows(stream, path, columns):
            labels.append(_look_up(_EMOTIONS, emotion, "emotion", "0..6", path, row))
            split.append(_look_up(_USAGES, usage, "Usage", ", ".join(SPLITS), path, row))
            pending.append(pixels)
            if len(pending) == _TOGETHER:
                images += _block(pending, path, row, table)
                pending = []
        if pending:
            images += _block(pending, path, len(labels), table)
    return Faces(
        images=np.frombuffer(images, np.uint8).reshape(-1, 48, 48),
        labels=np.frombuffer(labels, np.uint8),
        split=np.frombuffer(split, np.uint8),
    )


def _look_up(
    values: dict[bytes, int], field: bytes, column: str, expected: str, path: str, row: int
) -> int:
    value = values.get(field)
    if value is None:
        found = shown(field) if field else "empty"
        raise FerError(f"{place(path, row)}: {column} is {found}, expected {expected}")
    return value


def _block(fields: list[bytes], path: str, last_row: int, table: np.ndarray) -> bytes:
    """Pixels of the n rows that end at `last_row`, 2,304 bytes each."""
    block = parse_rows(fields, table)
    if block is not None:
        return block.tobytes()
    rows = []
    for row, field in enumerate(fields, last_row - len(fields) + 1):
        try:
            rows.append(parse_row(field).tobytes())
        except ValueError as error:
            raise FerError(f"{place(path, row)}: {error}") from error
    return b"".join(rows)
