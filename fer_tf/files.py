"""Which files may be replaced, and how every file is written: beside its place, then renamed.

The rule: **a file is replaced or removed only where the user named that very file, or where this
package wrote it from the same source.** Whatever else lies in the way stays as it is, and the new
file gets a number: `clip.mp4`, `clip-2.mp4`. What a file was written from is told by the mark in
it or beside it; a folder of results is told by `refuse_strangers`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from fer_tf.errors import FerError, shown_path

MARK = "fer_tf.predict"
"""Begins the mark of each file that is written from pictures or a video."""

_SHAPE = re.compile(rf"{re.escape(MARK)} [0-9a-f]{{16}}".encode())
_HEAD, _TAIL = 4096, 64  # bytes: comments of JPEG and PNG stand first, a box of MP4 last


def mark_for(origins: Iterable[str | os.PathLike[str]], *, live: bool = False) -> str:
    """The mark of what is written from these files or addresses.

    Args:
        origins: as the user named them; relative ones count from the working folder.
        live: a camera or a stream, which never shows the same again: its marks are all different.
    """
    if live:
        return f"{MARK} {secrets.token_hex(8)}"
    text = b"\0".join(os.path.abspath(os.fsencode(origin)) for origin in origins)
    return f"{MARK} {hashlib.sha256(text).hexdigest()[:16]}"


def mark_of(path: Path) -> str:
    """The mark in a file, or beside it where it is still as it was written; "" without one."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return ""
        with open(path, "rb") as file:
            ends = file.read(_HEAD)
            file.seek(max(0, status.st_size - _TAIL))
            found = _SHAPE.search(ends) or _SHAPE.search(file.read())
        if found:
            return found[0].decode()
        mark, seal = _note(path).read_text(encoding="ascii").splitlines()
        return mark if seal == _seal(status) else ""
    except (OSError, ValueError):
        return ""


def mark_beside(path: Path, mark: str) -> None:
    """Mark a finished file that has no place for a comment, in a hidden file beside it."""
    write_beside(_note(path), f"{mark}\n{_seal(os.stat(path))}\n".encode())


def free(path: Path, mark: str) -> Path:
    """`path`, or the same with a number where something lies there that has another mark."""
    tried, number = path, 1
    while os.path.lexists(tried) and mark_of(tried) != mark:
        number += 1
        tried = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return tried


def refuse_strangers(folder: Path, names: Iterable[str], *, sign: str, text: str) -> None:
    """Refuse to write into a folder over files that are not of an earlier result.

    Args:
        folder: where results will be written.
        names: of what would be replaced, relative to it.
        sign: the file that tells an earlier result...
        text: ...by holding this.

    Raises:
        FerError: one of the names is there, and no sign of an earlier result.
    """
    try:
        with open(folder / sign, encoding="utf-8", errors="replace") as file:
            if text in file.read():
                return
    except OSError:
        pass
    for name in names:
        if os.path.lexists(folder / name):
            raise FerError(
                f"{folder / name}: is there already and no earlier result of this command: "
                "expected another folder, which is absent, empty or holds such a result"
            )


def refuse_taken(folder: Path) -> None:
    """Refuse to write a new folder where something is.

    Raises:
        FerError: it holds something, or is a file.
    """
    try:
        if not os.path.lexists(folder) or not os.listdir(folder):
            return
    except OSError:
        pass
    raise FerError(f"{folder}: is there already, expected a folder that is absent or empty")


@contextlib.contextmanager
def written_beside(path: Path, suffix: str = ".tmp") -> Iterator[Path]:
    """A file beside `path` to write, which takes its place at the end of the block.

    `path` is whole, or as it was before: where an error ends the block, the file beside is gone.

    Args:
        path: what is written.
        suffix: of the file beside, for libraries that tell a format by it.

    Raises:
        OSError: the file system refuses.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_beside(path: Path, data: bytes | str) -> None:
    """Write a file, text in UTF-8, by `written_beside`.

    Raises:
        OSError: the file system refuses.
    """
    with written_beside(path) as beside:
        beside.write_bytes(data.encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Where the file system refuses something in the block, a sentence tells it.

    Raises:
        FerError: `path` can't be written, and why.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise FerError(f"{shown_path(path)}: can't be written: {why}") from None


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.mark")


def _seal(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"
