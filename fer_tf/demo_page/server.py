"""The page's server: where it listens, and how Gradio is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_tf.demo_page.guard import Guard, UploadDoor
from fer_tf.demo_page.handlers import Handlers
from fer_tf.demo_page.storage import private_folder
from fer_tf.listening import is_loopback, listening, occupied

SESSIONS = 64
"""Pages of which Gradio remembers what it was sent last."""
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
    # Before Gradio is imported, which takes seconds.
    listening(host, port).close()
    with private_folder() as folder:
        from fer_tf.demo_page.page import build, style
        from fer_tf.demo_page.theme import make_theme

        page = build(handlers)
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
                state_session_capacity=SESSIONS,
                app_kwargs=_app_settings(host, handlers, folder, max_upload),
            )
        except OSError as error:
            raise occupied(host, port, error) from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def _app_settings(host: str, handlers: Handlers, folder: Path, max_upload: int) -> dict[str, Any]:
    from starlette.middleware import Middleware

    names = {*LOOPBACK_NAMES, host} if is_loopback(host) else set()
    door = UploadDoor(handlers.uploads, folder, max_upload)
    middleware = Middleware(Guard, names=names, upload=door)
    return {"middleware": [middleware], "docs_url": None, "redoc_url": None}
