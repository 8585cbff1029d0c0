"""What every request passes, before and after it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from fer_tf.service.counters import Counters
from fer_tf.service.logs import ACCESS, LOGGER
from fer_tf.service.refusals import problem
from fer_tf.service.settings import Job

WORK = ("/v1/analyze", "/v1/faces")
"""Paths that cost something: they wait in the queue."""
GUARDED = ("/v1/", "/metrics")
"""Beginnings of the paths for which a key is asked, where there are any."""
PATHS = (*WORK, "/metrics", "/healthz", "/readyz", "/docs", "/openapi.json")
"""Paths that are counted under their own names."""
RETRY_AFTER = "1"
"""Seconds after which a client that was refused may try again."""

_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@dataclass
class Status:
    """What the worker is about.

    Attributes:
        draining: it ends, and takes nothing that is new but what has reached it already.
        under_way: requests that were let in.
    """

    draining: bool = False
    under_way: int = 0


class Gate:
    """ASGI middleware: key, queue, time, request id, log and counters; and no error without JSON.

    Args:
        app: what it guards.
        job: the keys and the limits.
        counters: are told of each request.
        status: is kept up to date.
    """

    def __init__(self, app: Any, job: Job, counters: Counters, status: Status) -> None:
        self.app, self.status = app, status
        self._settings, self._counters = job.settings, counters
        self._keys = [_digest(key) for key in job.keys]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, path = perf_counter(), scope["path"]
        if scope["method"] == "HEAD":  # as some health checks ask; the server sends no body then
            scope = {**scope, "method": "GET"}
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        answered, received, held = 0, False, False

        async def receiving() -> Any:
            nonlocal received
            message = await receive()
            received = not message.get("more_body", False)
            return message

        async def sending(message: Any) -> None:
            nonlocal answered, held
            if message["type"] == "http.response.start":
                answered = message["status"]
                added = MutableHeaders(scope=message)
                added["X-Request-ID"] = request_id
                added["X-Content-Type-Options"] = "nosniff"
                if path.startswith(GUARDED):
                    added["Cache-Control"] = "no-store"
                if self.status.draining:
                    added["Connection"] = "close"
            elif not (received or message.get("more_body", False)):
                # Its end waits until the body's has come: uvicorn may close the connection with it,
                # and one that is closed while something comes is reset, the answer lost.
                message, held = {**message, "more_body": True}, True
            await send(message)

        async def refuse(error: HTTPException) -> None:
            if not answered:
                refused = problem(error.status_code, error.detail, request_id, error.headers)
                await refused(scope, receiving, sending)

        waits = path in WORK and scope["method"] == "POST"
        try:
            self._check(headers, path, waits)
        except HTTPException as error:
            await refuse(error)
        else:
            await self._answer(scope, receiving, sending, refuse, waits)
        seconds = perf_counter() - start
        if held:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.timeout_s - seconds):
                    while not received:
                        await receiving()
            await send({"type": "http.response.body"})
        self._counters.answered(path if path in PATHS else "other", answered, seconds)
        fields = {
            "request_id": request_id,
            "client": (scope.get("client") or ("",))[0],
            "method": scope["method"],
            "path": path,
            "status": answered,
            "ms": round(1000 * seconds, 1),
            **{name: state[name] for name in ("pictures", "faces") if name in state},
        }
        ACCESS.info("request", extra={"fields": fields})

    def _check(self, headers: Headers, path: str, waits: bool) -> None:
        """Before anything of the body is read."""
        if self._keys and path.startswith(GUARDED) and not self._known(headers):
            raise HTTPException(
                401,
                "No valid key, expected Authorization: Bearer KEY or X-API-Key: KEY.",
                {"WWW-Authenticate": "Bearer"},
            )
        if waits and self.status.under_way >= self._settings.queue:
            raise HTTPException(
                503,
                f"{self.status.under_way} requests are under way, expected another try.",
                {"Retry-After": RETRY_AFTER},
            )

    def _known(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Of all keys, so that the time tells nothing of which one it is.
        return any([hmac.compare_digest(_digest(given), known) for known in self._keys])

    async def _answer(self, scope: Any, receive: Any, send: Any, refuse: Any, waits: bool) -> None:
        if waits:
            self.status.under_way += 1
            self._counters.under_way.inc()
        seconds = self._settings.timeout_s
        try:
            async with asyncio.timeout(seconds):
                await self.app(scope, receive, send)
        except TimeoutError:
            if scope["state"].get("received"):
                await refuse(HTTPException(504, f"No answer within {seconds:g} s."))
            else:
                await refuse(HTTPException(408, f"The body did not come within {seconds:g} s."))
        except Exception:
            # A fault of this program, of which the client has been told that it is one.
            fields = {"request_id": scope["state"]["request_id"]}
            LOGGER.exception("a request failed", extra={"fields": fields})
        finally:
            if waits:
                self.status.under_way -= 1
                self._counters.under_way.dec()


def _digest(key: str) -> bytes:
    """Of one length whatever the key's, so that comparing two takes as long."""
    return hashlib.sha256(key.encode()).digest()
