"""Which pictures lie in files and folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fer_tf.files import mark_of

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "bmp", "gif", "tif", "tiff"),
        *("avif", "heic", "heif", "pbm", "pgm", "ppm", "pnm"),
    )
)
"""What counts as a picture in a folder, in lower case; HEIC is there to be reported, not missed."""

_Folder = tuple[int, int]  # device and inode


def find_images(paths: Iterable[Path], suffixes: frozenset[str] = SUFFIXES) -> Iterator[Path]:
    """The pictures among files and folders, found as they are asked for.

    A path that is no folder is yielded whatever its suffix, also one that does not exist, so that
    reading it tells. A folder is walked down in the order of its names; what has one of `suffixes`
    is yielded, hidden files and folders are passed over. A folder that can't be listed is yielded
    itself, to be reported likewise. Links are followed.

    No folder is walked twice, so loops of links end, and a file that is given is not yielded again
    by its folder, nor the other way round. A link inside a folder counts as a file of its own.

    Memory holds the names in the folders between the given one and the present one, and two
    numbers for each folder that was walked: no more for many files than the fullest folder takes.
    """
    walked: set[_Folder | None] = set()
    given: set[tuple[_Folder | str, str]] = set()
    for path in paths:
        if _folder(path) is not None:
            yield from _walk(path, walked, given, suffixes)
            continue
        parent = _folder(path.parent)
        file = parent or str(path.parent), path.name
        known = file in given or (parent in walked and _is_one(path.name, suffixes))
        given.add(file)
        if not known:
            yield path


def find_new(
    paths: Sequence[Path], folder: Path | None, suffixes: frozenset[str] = SUFFIXES
) -> Iterator[Path]:
    """As `find_images`, but for what this package wrote to `folder` and is not among `paths`."""
    own = None if folder is None else os.path.join(os.path.abspath(folder), "")
    for path in find_images(paths, suffixes):
        inside = own is not None and os.path.abspath(path).startswith(own)
        if not inside or path in paths or not mark_of(path):
            yield path


def _walk(
    root: Path,
    walked: set[_Folder | None],
    given: set[tuple[_Folder | str, str]],
    suffixes: frozenset[str],
) -> Iterator[Path]:
    pending: list[tuple[_Folder | str, str]] = [("", os.fspath(root))]
    while pending:
        parent, path = pending.pop()
        folder = _folder(path)
        if folder is None:
            name = os.path.basename(path)
            if _is_one(name, suffixes) and (parent, name) not in given:
                yield Path(path)
            continue
        if folder in walked:
            continue
        walked.add(folder)
        try:
            names = os.listdir(path)
        except OSError:
            yield Path(path)
            continue
        names = sorted((name for name in names if not name.startswith(".")), reverse=True)
        pending += [(folder, os.path.join(path, name)) for name in names]


def _folder(path: str | Path) -> _Folder | None:
    """What `path` is, whatever it is called today; None where it is no folder."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _is_one(name: str, suffixes: frozenset[str]) -> bool:
    """Of a file in a folder."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes
