"""Parsed faces, kept in the user's cache folder under the SHA-256 of the file they came from.

The key is the content: an edited file is another key, even where its name, size and time are
the same. (Hashing 300 MB takes 0.2 s on one core with SHA instructions; parsing it, over 1.)
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from fer_tf.data.archives import open_file
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.emotions import FER2013
from fer_tf.errors import FerError

_FORMAT = 1  # to be raised when the same bytes come to be read as other faces
_PIECE = 1 << 24  # bytes that are hashed at a time
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
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pieces = list(pool.map(digest, range(0, length, _PIECE)))
    except OSError as error:
        raise FerError(f"{path}: can't be read ({error.strerror})") from error
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def load(key: str) -> Faces | None:
    """The faces stored under `key`, or None where there are none or the file is damaged."""
    path = _path(key)
    try:
        with np.load(path, allow_pickle=False) as stored:  # zip: each array has its checksum
            faces = Faces(stored["images"], stored["labels"], stored["split"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if not _sound(faces):
        return None
    with suppress(OSError):
        os.utime(path)  # so that `_prune` drops what was not used for longest
    return faces


def store(key: str, faces: Faces) -> None:
    """Keep `faces` under `key`: written beside, then renamed.

    A folder that can't be written, or a full disk, is no error: nothing is kept then.
    """
    path = _path(key)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix="fer2013-", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, images=faces.images, labels=faces.labels, split=faces.split)
            os.replace(beside, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
            raise
        _prune(path.parent)


def _path(key: str) -> Path:
    return cache_dir() / f"fer2013-v{_FORMAT}-{key}.npz"


def _sound(faces: Faces) -> bool:
    n = len(faces.labels)
    return (
        faces.images.shape == (n, 48, 48)
        and faces.split.shape == (n,)
        and all(a.dtype == np.uint8 for a in (faces.images, faces.labels, faces.split))
        and n > 0
        and int(faces.labels.max()) < len(FER2013)
        and int(faces.split.max()) < len(SPLITS)
    )


def _prune(folder: Path) -> None:
    """Drop all but the newest files, half-written ones of killed processes among them."""
    files = sorted(folder.glob("fer2013-*"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_KEEP]:
        file.unlink(missing_ok=True)
