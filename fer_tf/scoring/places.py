"""Files wherever they lie: on disk, in an object store, or where fsspec reaches."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

from pyarrow import fs

from fer_tf.errors import FerError, reason
from fer_tf.files import written_beside

READ_LIMIT = 2**27
"""Bytes of the largest picture file that is read whole: 134 million."""


class Unreachable(FerError):
    """A file system that does not answer, which says nothing about a file on it."""


@dataclass(frozen=True)
class Place:
    """A file or folder.

    Attributes:
        files: the file system.
        path: on it.
        prefix: what stands before the path in an address, such as "s3://"; "" on disk.
    """

    files: fs.FileSystem
    path: str
    prefix: str = ""

    @property
    def name(self) -> str:
        """An absolute path or an address; `place_of` gives the place back."""
        return self.prefix + self.path

    @property
    def local(self) -> bool:
        """Whether it lies on disk."""
        return isinstance(self.files, fs.LocalFileSystem)

    def __truediv__(self, name: str) -> Place:
        return replace(self, path=f"{self.path.rstrip('/')}/{name}")


def place_of(name: str) -> Place:
    """The place that a path or an address names.

    Raises:
        FerError: no file system is known for such an address, or it is not UTF-8.
        Unreachable: it can't be opened.
    """
    if re.search(r"[\ud800-\udfff]", name):
        raise FerError(f"{name!a}: is not UTF-8, which Arrow asks of a path: expected another name")
    scheme, found, rest = name.partition("://")
    if not found or scheme == "file":
        return Place(fs.LocalFileSystem(), os.path.abspath(rest if found else name))
    root, _, path = rest.partition("/")
    files, base = _file_system(scheme, root)
    if isinstance(files, fs.PyFileSystem):
        path = str(files.handler.fs._strip_protocol(name))
        return Place(files, path, "" if "://" in path else f"{scheme}://")
    return Place(files, f"{base}/{path}".rstrip("/"), f"{scheme}://")


@lru_cache(maxsize=256)
def _file_system(scheme: str, root: str) -> tuple[fs.FileSystem, str]:
    """Arrow's own for its schemes, and the path of `root` on it; else fsspec's."""
    try:
        files, base = fs.FileSystem.from_uri(f"{scheme}://{root}")
        return files, base.rstrip("/")
    except ValueError:  # Arrow's ArrowInvalid: not one of its own
        pass
    except OSError as error:
        raise Unreachable(f"{scheme}://{root}: can't be opened: {reason(error)}") from None
    import fsspec

    try:
        return fs.PyFileSystem(fs.FSSpecHandler(fsspec.filesystem(scheme))), ""
    except (ValueError, ImportError, OSError) as error:
        raise FerError(
            f"{scheme}://{root}: can't be opened: {reason(error)}; expected a path or an address "
            "that Arrow or fsspec knows"
        ) from None


def walk(folder: Place) -> Iterator[Place]:
    """The files of a folder and of the folders in it, in the order of their paths' components.

    Hidden ones are passed over. On disk, links are followed, no folder is walked twice, one that
    can't be listed is given itself, with a / at its end, and what is not UTF-8 in a name is
    escaped, so that reading it tells. Memory holds the names in the folders between the given one
    and the present one.

    Raises:
        Unreachable: a folder that is not on disk can't be listed.
    """
    walked: set[str] = set()

    def step(path: str) -> Iterator[Place]:
        real = os.path.realpath(path) if folder.local else path
        if real in walked:
            return
        if folder.local:
            walked.add(real)
        try:
            listed = (_on_disk if folder.local else _elsewhere)(folder, path)
            found = sorted(listed, key=itemgetter(0))
        except OSError as error:
            if not folder.local:
                raise Unreachable(
                    f"{folder.prefix}{path}: can't be listed: {reason(error)}"
                ) from None
            yield replace(folder, path=f"{path}/")
            return
        for name, kind in found:
            inner = f"{path.rstrip('/')}/{name}"
            if kind == fs.FileType.Directory:
                yield from step(inner)
            elif kind == fs.FileType.File:
                yield replace(folder, path=inner)

    return step(folder.path)


Named = tuple[str, fs.FileType]


def _on_disk(folder: Place, path: str) -> Iterator[Named]:
    """Arrow fails where one name of a folder is not UTF-8."""
    kinds = {True: fs.FileType.Directory, False: fs.FileType.File}
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and (entry.is_dir() or entry.is_file()):
                name = os.fsencode(entry.name).decode(errors="backslashreplace")
                yield name, kinds[entry.is_dir()]


def _elsewhere(folder: Place, path: str) -> Iterator[Named]:
    for info in folder.files.get_file_info(fs.FileSelector(path)):
        if not info.base_name.startswith("."):
            yield info.base_name, info.type


def matching(pattern: Place) -> Iterator[Place]:
    """The files that a glob names, in the order of `walk`; ** stands for any folders.

    Folders that can't be listed are among them, as they could hold some.

    Raises:
        FerError: a folder can't be listed.
    """
    from fsspec.utils import glob_translate

    whole = re.compile(glob_translate(pattern.path))
    return (
        place
        for place in walk(fixed_part(pattern))
        if whole.match(place.path) or place.path.endswith("/")
    )


def fixed_part(pattern: Place) -> Place:
    """The folder in which all that a glob matches lies."""
    fixed = re.split(r"[*?\[]", pattern.path, maxsplit=1)[0].rpartition("/")[0]
    return replace(pattern, path=fixed or "/")


def has_magic(name: str) -> bool:
    """Whether a name can be a glob."""
    return bool(re.search(r"[*?\[]", name))


def is_gone(source: str) -> bool:
    """Whether the folder of a path or a glob is not there, or empty, as of an unmounted disk.

    An object store tells by itself that it does not answer, so of an address it is False.
    """
    place = place_of(source)
    base = fixed_part(place) if has_magic(source) else place
    if not base.local or os.path.isfile(base.path):
        return False
    return not (os.path.isdir(base.path) and os.listdir(base.path))


def read_whole(place: Place, limit: int = READ_LIMIT) -> bytes:
    """A file's bytes.

    Raises:
        FerError: it has more than `limit` bytes, or is no regular file.
        OSError: it can't be read; FileNotFoundError where it is not there.
    """
    if place.local and os.path.exists(place.path) and not os.path.isfile(place.path):
        if os.path.isdir(place.path):
            os.listdir(place.path)  # tells why it could not be listed
        raise FerError(f"{place.name}: not a regular file, expected a picture")
    with place.files.open_input_file(place.path) as file:
        size = file.size()
        if size > limit:
            raise FerError(
                f"{place.name}: a file of {size / 1e6:,.0f} MB, expected at most {limit / 1e6:.0f}"
            )
        return file.read()


def write_whole(place: Place, data: bytes) -> None:
    """Write a file that is never seen in part; its folder is there, or is made on disk.

    Raises:
        FerError: it can't be written, or the disk is full.
    """
    try:
        if not place.local:
            with place.files.open_output_stream(place.path) as file:
                file.write(data)
            return
        os.makedirs(os.path.dirname(place.path), exist_ok=True)
        path, unique = Path(place.path), f".{secrets.token_hex(4)}.tmp"
        with written_beside(path, unique) as beside, open(beside, "wb") as file:
            file.write(data)
            file.flush()
            # Or a node that dies now could leave an empty file under the final name.
            os.fsync(file.fileno())
    except OSError as error:
        raise FerError(
            f"{place.name}: can't be written: {error.strerror or reason(error)}"
        ) from None


def exists(place: Place) -> bool:
    """Whether a file is there.

    Raises:
        FerError: the file system does not answer.
    """
    try:
        return place.files.get_file_info(place.path).type == fs.FileType.File
    except OSError as error:
        raise FerError(f"{place.name}: can't be looked for: {reason(error)}") from None
