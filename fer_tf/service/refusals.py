"""Refusals over HTTP: a status and one sentence, as RFC 9457 lays it out in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from fer_tf.errors import FerError
from fer_tf.pictures.refused import TooManyPixels, UnknownFormat

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, sentence: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that is refused."""
    return JSONResponse(content(status, sentence, request_id), status, headers, MEDIA_TYPE)


def content(status: int, sentence: str, request_id: str) -> dict[str, str | int]:
    """What it holds, by RFC 9457's names and one more."""
    return {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "request_id": request_id,
    }


def of_picture(error: FerError) -> HTTPException:
    """The refusal of a picture that can't be read."""
    status = 422
    if isinstance(error, UnknownFormat):
        status = 415
    elif isinstance(error, TooManyPixels):
        status = 413
    return HTTPException(status, str(error))


def of_values(error: RequestValidationError) -> HTTPException:
    """The refusal of a query whose values are not as expected: a sentence about the first one."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "query")
    told = first["msg"][:1].lower() + first["msg"][1:]
    return HTTPException(422, f"{place}: found {first['input']!r:.60}, {told}")
