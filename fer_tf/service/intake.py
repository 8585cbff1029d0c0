"""From a request's body to the files in it, in memory and within limits."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fer_tf.errors import FerError
from fer_tf.pictures.data_urls import decode_data_url, is_data_url
from fer_tf.service.settings import MEBIBYTE, Settings

LONGEST_NAME = 255
"""Characters of a file's name that are kept."""

_FIELDS = 16  # fields of a form that are read before it is refused because of them
_EXPECTED = (
    "expected multipart/form-data with files, application/json with base64 pictures, or a picture "
    "itself as image/* or application/octet-stream"
)


class PicturesBody(BaseModel):
    """Pictures as JSON."""

    model_config = ConfigDict(extra="forbid")

    pictures: Annotated[list[str], Field(min_length=1)]
    """Each a picture file in base64, or a data: URL."""


@dataclass(frozen=True)
class Upload:
    """A file that is said to be a picture.

    Attributes:
        name: what sentences and the answer call it.
        data: its bytes.
    """

    name: str
    data: bytes


async def read_uploads(request: Request, settings: Settings) -> list[Upload]:
    """The files of a request, from one on.

    Raises:
        HTTPException: 400 for a body that is not what its type says, 413 for too many bytes or
            files, 415 for another type, 422 for files that are not given as expected.
    """
    most = settings.max_body_mb * MEBIBYTE
    length = request.headers.get("content-length", "")
    # More digits than these Python does not turn into a number without being asked.
    if length.isdecimal() and (len(length) > 18 or int(length) > most):
        raise _too_large(most)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = _limited(request, most)
    if kind == "multipart/form-data":
        uploads = await _form(request, body, settings.max_pictures)
    elif kind == "application/json":
        uploads = _json(b"".join([chunk async for chunk in body]), settings.max_pictures)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        uploads = [Upload(_numbered(0), b"".join([chunk async for chunk in body]))]
    else:
        raise HTTPException(415, f"content-type: found {kind[:60]!r}, {_EXPECTED}.")
    if not uploads:
        raise HTTPException(422, "Found no picture, expected at least one file.")
    return uploads


async def _limited(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """The body, of which more than `most` bytes are refused."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        yield chunk
    # Whoever is too slow from here on is the service.
    request.state.received = True


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"A body of more than {most:,} bytes, expected at most that.")


def _too_many(most: int) -> HTTPException:
    return HTTPException(413, f"More than {most} pictures, expected at most that.")


class _InMemory(MultiPartParser):
    """Writes no file to disk, which a service may not have; its body is limited anyway."""

    spool_max_size = 2**62


async def _form(request: Request, body: AsyncGenerator[bytes, None], most: int) -> list[Upload]:
    parser = _InMemory(request.headers, body, max_files=most, max_fields=_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(most) from None
        raise HTTPException(400, f"The form can't be read: {error.message}") from None
    except UnicodeError:
        raise HTTPException(400, "The form can't be read: a header isn't text.") from None
    uploads: list[Upload] = []
    for field, file in form.multi_items():
        if not isinstance(file, UploadFile):
            raise HTTPException(422, f"Field {field[:60]!r}: found text, expected a file.")
        # A form may name a charset in which half a character is one, and JSON can't hold that.
        name = (file.filename or "")[:LONGEST_NAME].encode("utf-8", "replace").decode()
        uploads.append(Upload(name or _numbered(len(uploads)), await file.read()))
    return uploads


def _json(body: bytes, most: int) -> list[Upload]:
    try:
        given = PicturesBody.model_validate_json(body).pictures
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            said = first["msg"].removeprefix("Invalid JSON: ")
            raise HTTPException(400, f"The body is not JSON: {said}.") from None
        place = "".join(f"[{p}]" if isinstance(p, int) else p for p in first["loc"]) or "body"
        raise HTTPException(
            422, f'{place[:60]}: {first["msg"]}, expected {{"pictures": ["BASE64", ...]}}.'
        ) from None
    if len(given) > most:
        raise _too_many(most)
    return [Upload(_numbered(i), _decoded(_numbered(i), text)) for i, text in enumerate(given)]


def _decoded(name: str, text: str) -> bytes:
    try:
        if is_data_url(text):
            return decode_data_url(text)
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, FerError, ValueError) as error:
        raise HTTPException(422, f"{name}: no base64 ({error}), expected a picture's.") from None


def _numbered(index: int) -> str:
    return f"pictures[{index}]"
