"""Parsed faces, kept in the user's cache folder under the SHA-256 of the file they came from.

The key is the content: an edited file is another key, even where its name, size and time are
the same. (Hashing 300 MB takes 0.2 s on one core with SHA instructions; parsing it, over 1.)
What is kept begins with the SHA-256 of the key and of the rest: a changed bit is noticed.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from fer_tf.archives import open_file
from fer_tf.cores import cores
from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.files import written_beside

_FORMAT = 2  # to be raised when the same bytes come to be read as other faces
_PIECE = 1 << 24  # bytes that are hashed at a time
_DIGEST = 32  # bytes of a SHA-256
_OWN = re.compile(r"fer2013-v\d+-[0-9a-f]{64}\.npz|\.fer2013-v\d+-[0-9a-f]{64}\.npz\.\d+\.tmp")
_KEEP = 6  # files; the whole of FER2013 takes 83 MB


def cache_dir() -> Path:
    """Where parsed files are kept: $FER_TF_CACHE, or fer_tf in the platform's cache folder.

    That is $XDG_CACHE_HOME (~/.cache) on Linux, ~/Library/Caches on macOS, %LOCALAPPDATA% on
    Windows.
    """
    if own := os.environ.get("FER_TF_CACHE"):
        return Path(own)
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return Path(base) / "fer_tf"


def content_key(path: str) -> str:
    """The SHA-256 of the SHA-256s of a file's pieces, in hexadecimal; the pieces side by side.

    Raises:
        FerError: the file can't be read.
    """

    def digest(start: int) -> bytes:
        with open(path, "rb") as file:
            file.seek(start)
            return hashlib.sha256(file.read(_PIECE)).digest()

    with open_file(path) as file:
        length = file.seek(0, io.SEEK_END)
    try:
        with ThreadPoolExecutor(cores()) as pool:
            pieces = list(pool.map(digest, range(0, length, _PIECE)))
    except OSError as error:
        raise FerError(f"{path}: can't be read ({error.strerror})") from error
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def load(key: str) -> Faces | None:
    """The faces stored under `key`, or None where there are none or the file is damaged."""
    path = _path(key)
    try:
        with open(path, "rb") as file:
            if file.read(_DIGEST) != _digest(key, iter(partial(file.read, _PIECE), b"")):
                return None
            file.seek(_DIGEST)
            with np.load(file, allow_pickle=False) as stored:
                faces = Faces(stored["images"], stored["labels"], stored["split"])
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)  # so that `prune` drops what was not used for longest
    return faces


def store(key: str, faces: Faces) -> None:
    """Keep `faces` under `key`: written beside, then renamed.

    A folder that can't be written, or a full disk, is no error: nothing is kept then.
    """
    path, arrays = _path(key), io.BytesIO()
    np.savez(arrays, images=faces.images, labels=faces.labels, split=faces.split)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(path) as beside, open(beside, "wb") as file:
            file.write(_digest(key, [arrays.getbuffer()]))
            file.write(arrays.getbuffer())
        prune(path.parent, _OWN, _KEEP)


def _path(key: str) -> Path:
    return cache_dir() / f"fer2013-v{_FORMAT}-{key}.npz"


def _digest(key: str, pieces: Iterable[bytes | memoryview]) -> bytes:
    digest = hashlib.sha256(key.encode())
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def prune(folder: Path, own: re.Pattern[str], keep: int) -> None:
    """Drop all but the newest of our own files, half-written ones of killed processes among them.

    The folder may be one that the user named, with files of the user's in it.
    """
    # Another process may drop them at the same time, and Windows drops none that is open.
    with suppress(OSError):
        files = (file for file in folder.iterdir() if own.fullmatch(file.name))
        for file in sorted(files, key=lambda file: file.stat().st_mtime)[:-keep]:
            file.unlink(missing_ok=True)
