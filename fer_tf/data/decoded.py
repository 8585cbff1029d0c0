"""Decoded pictures, kept as one array in the user's cache folder under a key of their content.

A file is written beside its place, block by block, and renamed when it is whole. Whoever is killed
in between goes on after the last whole block.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from fer_tf.data.cache import cache_dir, prune
from fer_tf.data.mapped import Images, MappedImages
from fer_tf.errors import FerError
from fer_tf.files import write_beside

Decode = Callable[[np.ndarray, range], None]

IN_MEMORY = 1 << 30
"""Bytes of images up to which a data set is held in memory: thirteen times FER2013."""

BLOCK = 4096  # pictures

_FORMAT = 1  # to be raised when the same pictures come to be decoded to other faces
_OWN = re.compile(r"\.?faces-v\d+-[0-9a-f]{64}\.(npy|partial|done)(\.\d+\.tmp)?")
_KEEP = 6  # files


def decoded(
    key: str, shape: tuple[int, ...], decode: Callable[[np.ndarray, range], None]
) -> Images:
    """The images of a key: from the cache, or decoded into it.

    Args:
        key: 64 hexadecimal digits, other ones for other pictures or another shape.
        shape: of the images, [n, h, w] or [n, h, w, 3].
        decode: writes rows of the images, uint8 of that shape.

    Returns:
        uint8 of that shape: in memory up to `IN_MEMORY` bytes, else read from the file as needed.

    Raises:
        FerError: the cache can't be written, and the images are too large for the memory; and
            what `decode` raises.
    """
    path = cache_dir() / f"faces-v{_FORMAT}-{key}.npy"
    size = int(np.prod(shape))
    try:
        images = _whole(path)
        if images is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_suffix(".lock")
            with _alone(lock):
                try:
                    _fill(path, shape, decode)
                except (FerError, OSError):
                    # What replaces a damaged picture has another key; a full disk needs the room.
                    for suffix in (".partial", ".done"):
                        with suppress(OSError):
                            path.with_suffix(suffix).unlink(missing_ok=True)
                    raise
            lock.unlink(missing_ok=True)
            images = np.load(path, mmap_mode="r")
        with suppress(OSError):  # it may be another user's
            os.utime(path)  # so that `prune` drops what was not used for longest
    except OSError as error:
        if size > IN_MEMORY:
            raise FerError(
                f"{path.parent}: no room for {size / 1e9:.1f} GB of decoded faces "
                f"({error.strerror}), expected it there or where FER_TF_CACHE says"
            ) from error
        images = np.empty(shape, np.uint8)
        decode(images, range(len(images)))
    return np.array(images) if size <= IN_MEMORY else MappedImages(images)


def _fill(path: Path, shape: tuple[int, ...], decode: Decode) -> None:
    """Decode what is missing of a file, and rename it when it is whole."""
    if _whole(path) is not None:  # whoever held the lock has made it
        return
    partial, done = path.with_suffix(".partial"), path.with_suffix(".done")
    start = 0 if _whole(partial) is None else _rows_done(done)
    if not start:  # of a file that is gone
        done.unlink(missing_ok=True)
    mode = "r+" if start else "w+"
    images = np.lib.format.open_memmap(partial, mode, dtype=np.uint8, shape=shape)
    with open(partial, "r+b") as file:
        # A disk that is full later would end the process and not raise.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(partial))
    while start < len(images):
        rows = range(start, min(start + BLOCK, len(images)))
        decode(images, rows)
        images.flush()
        start = rows.stop
        write_beside(done, str(start).encode())
    del images  # Windows renames no file that is mapped
    os.replace(partial, path)
    done.unlink(missing_ok=True)
    prune(path.parent, _OWN, _KEEP)


def _whole(path: Path) -> np.ndarray | None:
    """The file's array, memory-mapped; None where there is none, or the file is damaged."""
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (FileNotFoundError, EOFError, ValueError):
        return None


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until nobody else decodes the same; the lock dies with the process."""
    with open(lock, "wb") as file:
        # Not every system has such locks, nor every network disk.
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _rows_done(file: Path) -> int:
    with suppress(OSError, ValueError):
        return int(file.read_bytes())
    return 0
