"""What the page's server lets in, and what its pages may contact."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from fer_tf.demo_page.memory import Memory

POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
"""Gradio's own scripts are inline and evaluated; none may come from, or talk to, anywhere else."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
API = "/gradio_api/"
CALLS = {
    "cancel",
    "heartbeat",
    "info",
    "queue",
    "reset",
    "startup-events",
    "stream",
}
"""The calls of Gradio's API that the page makes; others, which read files, are refused."""

BODY = 2**21
"""Bytes of a request other than an upload; a frame of the camera has about 100 kB."""
FORM = 2**14
"""Bytes that an upload's form may have besides the file."""
UPLOAD_SECONDS = 600
"""Seconds after which an upload is forgotten if no answer was asked for it."""


class Guard:
    """ASGI middleware: refuses what the page itself doesn't ask, and sends what browsers must obey.

    A page of another site whose name was made to lead to this machine (DNS rebinding) still asks
    with that name; one that asks under this machine's name says where it comes from (Origin).

    Args:
        app: what it guards.
        names: hosts that a browser may ask for; () for any.
        upload: answers uploads in place of Gradio.
    """

    def __init__(self, app: Any, names: Collection[str], upload: UploadDoor) -> None:
        self.app = app
        self.names = names
        self.upload = upload

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if API in scope["path"]:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        refused = self._refused(Headers(scope=scope), scope["path"])
        if refused is not None:
            status, told = refused
            await PlainTextResponse(told, status)(scope, receive, guarded)
        elif scope["path"] == f"{API}upload":
            await self.upload(scope, receive, guarded)
        else:
            await self.app(scope, limited(receive, BODY), guarded)

    def _refused(self, headers: Headers, path: str) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = _host_name(host)
        if self.names and name not in self.names:
            return 400, f"Asked for {name!r}, expected {' or '.join(sorted(self.names))}."
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return 403, f"Asked by a page of {origin!r}, expected one of {host!r}."
        call = path.removeprefix(API).split("/")[0]
        if path.startswith(API) and call not in CALLS and call != "upload":
            return 404, f"Asked for {call[:40]!r}, expected what the page asks."
        return None


class UploadDoor:
    """ASGI application that takes one picture file, as a form's field "files".

    It is kept in memory under a name that nobody can guess and no other upload has, whatever it
    holds: so whoever is answered takes his own away.

    Args:
        uploads: where it is kept.
        folder: in which Gradio believes it to be.
        largest: bytes of the largest file.
    """

    def __init__(self, uploads: Memory[bytes], folder: Path, largest: int) -> None:
        self.uploads = uploads
        self.folder = folder
        self.largest = largest

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, limited(receive, self.largest + FORM))
        response: Response
        try:
            response = JSONResponse([await self._kept(request)])
        except HTTPException as error:
            response = PlainTextResponse(error.detail, error.status_code)
        except ClientDisconnect:  # the page was closed: nobody is there to be answered
            response = Response(status_code=400)
        await response(scope, receive, send)

    async def _kept(self, request: Request) -> str:
        async with request.form(max_files=1, max_fields=0) as form:
            file = form.get("files")
            if not isinstance(file, UploadFile):
                raise HTTPException(400, "Found no file, expected a picture.")
            data = await file.read()
        if len(data) > self.largest:
            raise HTTPException(413, _too_large(self.largest))
        key = secrets.token_hex(16)
        self.uploads.keep(key, data)
        asyncio.get_running_loop().call_later(UPLOAD_SECONDS, self.uploads.forget, key)
        return str(self.folder / key)


def limited(receive: Any, size: int) -> Any:
    """An ASGI request's messages, of which a body of more than `size` bytes is refused."""
    left = size

    async def limiting() -> Any:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _too_large(size))
        return message

    return limiting


def _too_large(size: int) -> str:
    return f"More than {size:,} bytes, expected at most that."


def _host_name(header: str) -> str | None:
    """The name in a Host header, without its port; None where it holds none."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None
