"""The page's server: where it listens, what it lets in, and what its pages may contact."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from fer_tf.demo_page.handlers import Handlers
from fer_tf.demo_page.storage import private_folder
from fer_tf.errors import FerError

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
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@contextmanager
def serving(
    handlers: Handlers, *, host: str, port: int, max_upload: int, browser: bool = False
) -> Iterator[str]:
    """The page's address, while it is served by another thread.

    Args:
        handlers: answer what the page asks.
        host: an address of this machine.
        port: 0 is a free one.
        max_upload: bytes of the largest picture file that is taken.
        browser: whether to open the page.

    Raises:
        FerError: Gradio is not installed, or the address can't be listened on.
    """
    _check_free(host, port)
    with private_folder() as folder:
        from fer_tf.demo_page.page import build, style
        from fer_tf.demo_page.theme import make_theme

        page = build(handlers, folder)
        try:
            _, address, _ = page.launch(
                server_name=f"[{host}]" if ":" in host else host,
                server_port=port or None,
                share=False,
                inbrowser=browser,
                quiet=True,
                prevent_thread_lock=True,
                max_file_size=max_upload,
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                ssr_mode=False,
                mcp_server=False,
                pwa=False,
                theme=make_theme(),
                css=style(),
                app_kwargs=_app_settings(host),
            )
        except OSError as error:
            raise _occupied(host, port) from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def _check_free(host: str, port: int) -> None:
    """Before Gradio is imported, which takes seconds."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise _occupied(host, port) from error


def _occupied(host: str, port: int) -> FerError:
    return FerError(
        f"--host {host} --port {port}: can't be listened on, expected an address of this machine "
        "and a free port"
    )


class Guard:
    """ASGI middleware: refuses other hosts' names, and sends what browsers must obey.

    A page of another site whose name was made to lead to this machine (DNS rebinding) still asks
    with that name.

    Args:
        app: what it guards.
        names: hosts that a browser may ask for; () for any.
    """

    def __init__(self, app: Any, names: Collection[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        host = _host_name(Headers(scope=scope).get("host", ""))
        if self.names and host not in self.names:
            told = f"Asked for {host!r}, expected {' or '.join(sorted(self.names))}."
            await PlainTextResponse(told, 400)(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if "/gradio_api/" in scope["path"]:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, guarded)


def _host_name(header: str) -> str | None:
    """The name in a Host header, without its port; None where it holds none."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def _app_settings(host: str) -> dict[str, Any]:
    from starlette.middleware import Middleware

    names = {*LOOPBACK_NAMES, host} if is_loopback(host) else set()
    return {"middleware": [Middleware(Guard, names=names)], "docs_url": None, "redoc_url": None}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
