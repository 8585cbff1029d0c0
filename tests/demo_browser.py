"""The demo page in a headless Chromium whose camera sees a real face."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

sys.path.append(str(Path(__file__).parent / "exporting"))

from browser import CAMERA_FLAGS, chromium, driver

WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def write_film(path: Path, picture: np.ndarray, frames: int = 5) -> Path:
    """A film for Chromium's camera, 640x480: the upper part of an RGB picture of 512 pixels."""
    frame = np.full((480, 640, 3), 90, np.uint8)
    frame[:, 64:576] = picture[:480, :, ::-1]
    path.write_bytes(cv2.imencode(".jpg", frame)[1].tobytes() * frames)
    return path


@contextmanager
def demo_browser(film: Path) -> Iterator:
    """Chromium whose camera shows `film`, asking nobody for leave."""
    with (
        driver() as playwright,
        chromium(playwright, *CAMERA_FLAGS, f"--use-file-for-fake-video-capture={film}") as browser,
    ):
        yield browser


@contextmanager
def demo_page(browser, address: str, **options) -> Iterator:
    """The page, ready; afterwards all that it asked for must have come from its own server.

    Args:
        browser: of `demo_browser`.
        address: of the server.
        options: of Playwright's `new_context`.
    """
    context = browser.new_context(permissions=["camera"], **options)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#answer .fer-card")
    try:
        yield page
    finally:
        context.close()
    places = {urlsplit(url) for url in asked}
    remote = {place.netloc for place in places if place.scheme not in ("blob", "data")}
    assert remote == {urlsplit(address).netloc}
    assert complaints == []
