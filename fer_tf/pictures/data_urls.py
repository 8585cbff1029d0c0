"""Pictures within a text: data: URLs (RFC 2397), as browsers and web services pass them."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeGuard
from urllib.parse import unquote_to_bytes

from fer_tf.errors import FerError

LONGEST_PATH = 4096
"""Characters of a text that can be the path of a file (Linux' PATH_MAX)."""


def is_data_url(source: Any) -> TypeGuard[str]:
    """Whether a text is a data: URL, whatever it holds; not so a path object."""
    return isinstance(source, str) and source[:5].lower() == "data:"


def decode_data_url(url: str) -> bytes:
    """The bytes within a data: URL, in base64 or with %XX escapes.

    Raises:
        FerError: it has no comma, or no base64 where it says so.
    """
    head, comma, data = url.partition(",")
    if not comma:
        raise FerError(f"{head[:40]}: no data after it, expected data:image/jpeg;base64,...")
    payload = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return payload
    try:
        return base64.b64decode(b"".join(payload.split()), validate=True)
    except binascii.Error as error:
        raise FerError(f"{head[:40]}: not base64 ({error}), expected a picture's") from None
