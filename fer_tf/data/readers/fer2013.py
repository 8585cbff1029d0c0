"""FER2013 (Goodfellow et al., 2013, arXiv:1307.0414) in each form that it is passed around in."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from fer_tf.archives import open_csv
from fer_tf.data import cache as kept
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.pixels import parse_row, parse_rows, token_table
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.data.readers.folder import zipped_folder
from fer_tf.data.rows import place, read_rows, shown
from fer_tf.data.votes import read_votes
from fer_tf.errors import FerError
from fer_tf.tasks import FER2013

FILES = ("fer2013.csv", "icml_face_data.csv")
"""What Kaggle's archives call the CSV, in lower case."""

USAGE_HINT = "; --split 80:10:10 divides rows without one"

_TOGETHER = 16  # rows: 130 kB of text, whose arrays stay in the processor's cache
_EMOTIONS = {str(label).encode(): label for label in range(len(FER2013))}
_USAGES = {name.encode(): index for index, name in enumerate(SPLITS)}


def matches(path: str) -> bool:
    """Whether it is a file, but no zip of folders, whose header has emotion and pixels.

    What can't be opened counts as well: `read` tells what is the matter with it.
    """
    if os.path.isdir(path) or zipped_folder(path) is not None:
        return False
    try:
        with open_csv(path, prefer=FILES) as stream:
            header = stream.readline(1 << 16).lower()
    except FerError:
        return True
    return (b"emotion" in header and b"pixels" in header) or not header.strip()


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read FER2013 from a CSV, or from an archive that holds the CSV.

    Args:
        path: a CSV with the columns emotion, pixels and Usage, in any order, among others, and
            with blanks in the header allowed (`fer2013.csv`, `icml_face_data.csv`), with or
            without a byte order mark, plain or in a .gz, .zip, .tar or .tar.gz.
        options: votes are joined by row; with `split`, Usage may be missing or empty, and such
            rows are Training. With `cache`, the parsed rows are kept in the user's cache folder
            (`fer_tf.data.cache`), keyed by the file's content, for the next time.

    Returns:
        Faces with images uint8 [n, 48, 48], in the order of the rows.

    Raises:
        FerError: malformed; the sentence names the file, the row (from 1, and its line, where
            the header is line 1), what was found and what was expected.
    """
    # Without a Usage the same bytes are other faces.
    if options.cache and not options.split:
        faces = _through_cache(path, options)
    else:
        faces = _parse(path, options)
    if options.votes is None:
        return faces
    votes, _ = read_votes(options.votes, None if options.split else faces.split, len(faces), path)
    return replace(faces, votes=votes)


def _through_cache(path: str, options: Options) -> Faces:
    before = _stamp(path)
    key = kept.content_key(path)
    faces = kept.load(key)
    if faces is None:
        faces = _parse(path, options)
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


def _parse(path: str, options: Options) -> Faces:
    table = token_table()
    images, labels, split = bytearray(), bytearray(), bytearray()
    pending: list[bytes] = []
    usages = {**_USAGES, b"": 0} if options.split else _USAGES
    with open_csv(path, FILES, options.unpack_limit) as stream:
        for row, (emotion, pixels, usage) in read_rows(
            stream, path, ("emotion", "pixels"), ("Usage",)
        ):
            labels.append(_look_up(_EMOTIONS, emotion, "emotion", "0..6", path, row))
            split.append(_look_up(usages, usage, "Usage", ", ".join(SPLITS), path, row))
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
        found = shown(field) if field else "missing or empty"
        hint = USAGE_HINT if column == "Usage" and not field else ""
        raise FerError(f"{place(path, row)}: {column} is {found}, expected {expected}{hint}")
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


READER = Reader(
    "fer2013", "CSV file with the columns emotion and pixels", matches, read, votes=True
)
