"""Fetches a file whose SHA-256 is known, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from fer_tf.errors import FerError

_TIMEOUT = 20  # seconds without an answer


@dataclass(frozen=True)
class RemoteFile:
    """A file that is known before it is fetched.

    Attributes:
        name: in the folder where it is kept.
        url: where it is.
        sha256: in hexadecimal.
        size: in bytes.
    """

    name: str
    url: str
    sha256: str
    size: int


def fetch(file: RemoteFile, folder: Path, *, url: str | None = None) -> Path:
    """Fetch `file` into `folder` and check it before it gets its name there.

    Two processes may fetch it at once: each writes a file of its own, and the later one's takes
    the place of the other, which is the same.

    Args:
        file: what is expected.
        folder: is made where it is missing.
        url: in place of the file's own.

    Returns:
        Its path.

    Raises:
        FerError: it can't be reached, or what came has another size or SHA-256; or `folder` can't
            be written to.
    """
    source = url or file.url
    found = _download(source, file)
    digest = hashlib.sha256(found).hexdigest()
    if digest != file.sha256:
        raise FerError(
            f"{source}: expected {file.size} bytes with SHA-256 {file.sha256}, "
            f"found {len(found)}{' or more' if len(found) > file.size else ''} with {digest}"
        )
    target = folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(target, found)
    except OSError as error:
        raise FerError(f"{target}: can't be written ({error.strerror})") from error
    return target


def _download(source: str, file: RemoteFile) -> bytes:
    """What is there; no more than a byte over what is expected."""
    try:
        with urllib.request.urlopen(source, timeout=_TIMEOUT) as answer:
            return answer.read(file.size + 1)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise FerError(
            f"{source}: can't be fetched ({reason}): expected {file.name}, which can also be "
            "given as a file"
        ) from error


def _write(target: Path, content: bytes) -> None:
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(beside, target)
    except OSError:
        with suppress(OSError):
            os.unlink(beside)
        raise
