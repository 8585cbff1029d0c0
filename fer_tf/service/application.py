"""The service's paths, and the page that describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

import fer_tf
from fer_tf.detecting import DETECT_SIZE
from fer_tf.service.counters import Counters
from fer_tf.service.engine import MOST_EXPLAINED, Ask, Engine
from fer_tf.service.gate import Gate, Status
from fer_tf.service.intake import PicturesBody, read_uploads
from fer_tf.service.refusals import MEDIA_TYPE, content, of_picture, of_values, problem
from fer_tf.service.replies import Reply, reply
from fer_tf.service.settings import Job

DETECT_SIZES = (64, 1280)
"""Pixels of the longer side at which a request may have its pictures searched."""

GONE = 499
"""The status, in the log, of a request whose client has gone before it was whole; nginx's too."""

ABOUT = """
Finds the faces of photos and recognises their expressions. A prediction is a guess about how a face
looks in a picture, and no finding about what a person feels.

A picture is JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PNM. `POST` it as a file of a form, as JSON in
base64, or as it is:

    curl -F files=@photo.jpg -F files=@other.png http://127.0.0.1:8000/v1/analyze
    curl -H "Content-Type: image/jpeg" --data-binary @photo.jpg http://127.0.0.1:8000/v1/analyze

What is refused is told in one sentence, as `application/problem+json` (RFC 9457). Of several
pictures, one that can't be read has the `reason` in its own answer and stops none of the others;
where none can be read, the request is refused.
"""

_REFUSALS = {
    400: ("The body is not what its content type says.", "The form can't be read: ..."),
    401: ("The key is missing or wrong.", "No valid key, expected Authorization: Bearer KEY ..."),
    408: ("The body comes too slowly.", "The body did not come within 30 s."),
    413: ("Too many bytes, pictures or pixels.", "More than 16 pictures, expected at most that."),
    415: ("Another content type, or no picture.", "a.txt: not a picture (it begins with ...), ..."),
    422: ("A value out of range, or a damaged picture.", "detect_size: found '9000', ..."),
    503: ("Many requests are under way: see Retry-After.", "64 requests are under way, ..."),
    504: ("An answer takes too long.", "No answer within 30 s."),
}
"""What may be refused, and with which sentence."""
_GREY_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Picture files; the field's name does not matter.",
                        }
                    },
                }
            },
            "application/json": {
                "schema": PicturesBody.model_json_schema(),
                "example": {"pictures": [_GREY_PIXEL]},
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

Explain = Annotated[
    bool,
    Query(
        description=f"Saliency maps of the first {MOST_EXPLAINED} faces of each picture; the "
        "service must have been started with --explain."
    ),
]
DetectSize = Annotated[
    int | None,
    Query(
        ge=DETECT_SIZES[0],
        le=DETECT_SIZES[1],
        description="Pixels of the longer side at which larger pictures are searched: 320 is "
        f"fastest, 1280 finds the small faces of crowds. {DETECT_SIZE} unless the service was "
        "started with another.",
    ),
]


def create(job: Job) -> Gate:
    """The service as an ASGI application.

    Raises:
        FerError: of `fer_tf.service.engine.Engine`.
    """
    counters, status = Counters(), Status()
    engine = Engine(job, counters)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        async with engine:
            yield

    app = FastAPIOffline(
        title="fer_tf",
        version=fer_tf.__version__,
        description=ABOUT,
        lifespan=living,
        redoc_url=None,
        swagger_ui_parameters={"defaultModelsExpandDepth": -1},
    )
    _add_refusals(app)
    _add_work(app, engine, job)
    _add_state(app, counters, status)
    return Gate(app, job, counters, status)


def _add_work(app: FastAPI, engine: Engine, job: Job) -> None:
    shared: dict[str, Any] = {
        "tags": ["pictures"],
        "response_model": Reply,
        "openapi_extra": _BODY,
        "responses": {
            status: {"description": told, "content": {MEDIA_TYPE: {"example": example}}}
            for status, (told, sentence) in _REFUSALS.items()
            for example in [content(status, sentence, "9f1c0f5c6f0b4d1f8c3d5a3f7f5e2b60")]
        },
        # It is checked before a request comes here: this tells the page that there is a key.
        "dependencies": [Depends(HTTPBearer(auto_error=False))] if job.keys else [],
    }

    async def answer(request: Request, ask: Ask) -> Response:
        if ask.explain and not job.settings.explain:
            raise HTTPException(
                422,
                "explain: this service was started without --explain, which needs Keras, expected "
                "a request without it.",
            )
        uploads = await read_uploads(request, job.settings)
        seen = await engine.analyze(uploads, ask)
        request.state.pictures = len(seen)
        request.state.faces = sum(len(each.analysis) for each in seen)
        troubles = [each.trouble for each in seen if each.trouble is not None]
        if len(troubles) == len(seen):
            raise of_picture(troubles[0])
        return JSONResponse(reply(engine.model, seen))

    @app.post("/v1/analyze", summary="Find faces and recognise their expressions", **shared)
    async def analyze(
        request: Request,
        explain: Explain = False,
        detect_size: DetectSize = None,
    ) -> Response:
        return await answer(request, Ask(detect_size=detect_size, explain=explain))

    @app.post("/v1/faces", summary="Recognise faces that are cropped already", **shared)
    async def faces(request: Request, explain: Explain = False) -> Response:
        """Each picture is a face, framed as FER2013's are: from the brows' top to the chin."""
        return await answer(request, Ask(cropped=True, explain=explain))


def _add_state(app: FastAPI, counters: Counters, status: Status) -> None:
    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("docs")

    @app.get("/healthz", tags=["operation"], summary="Whether the process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["operation"], summary="Whether it takes requests")
    async def readyz() -> dict[str, str]:
        if status.draining:
            raise HTTPException(503, "The service is ending.")
        return {"status": "ready"}

    @app.get(
        "/metrics",
        tags=["operation"],
        summary="Counters for Prometheus",
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        page, kind = counters.page()
        return Response(page, headers={"Content-Type": kind})


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        told = error.detail
        if error.status_code in (404, 405):
            path = request.url.path[:60]
            told = f"{request.method} {path}: {told.lower()}, expected what /docs lists."
        return problem(error.status_code, told, request.state.request_id, error.headers)

    @app.exception_handler(RequestValidationError)
    async def ill_valued(request: Request, error: RequestValidationError) -> Response:
        return await refused(request, of_values(error))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=GONE)  # for the log: nobody is there to be answered

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return await refused(request, HTTPException(500, "A fault of the service: see its log."))
