"""A headless Chromium and a file server on loopback, for the tests of the web page."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)
CAMERA_FLAGS = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def node_modules(package: str, version: str) -> Path:
    """The folder that $FER_TF_NODE_MODULES names; without it the test is skipped.

    One that holds another version of the package than the page asks for is a failure.
    """
    place = os.environ.get("FER_TF_NODE_MODULES")
    if not place:
        pytest.skip(f"FER_TF_NODE_MODULES names no node_modules folder with {package}")
    description = json.loads((Path(place) / package / "package.json").read_text())
    assert description["version"] == version
    return Path(place)


@contextmanager
def driver() -> Iterator:
    """Playwright; without it, or without an installed Chromium, the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api")
    program()
    with playwright.sync_playwright() as driver:
        yield driver


def program() -> str:
    """The Chromium that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


@contextmanager
def chromium(driver, *flags: str) -> Iterator:
    """A browser without a window, with an empty profile of its own."""
    browser = driver.chromium.launch(executable_path=program(), args=[*FLAGS, *flags])
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(address, paths asked for) of a file server on loopback, as `python -m http.server`."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_camera(path: Path, face: np.ndarray, frames: int = 5) -> Path:
    """A film for Chromium's camera, 640x480: `face` fills the middle, 336 pixels wide."""
    picture = np.full((480, 640), 90, np.uint8)
    picture[72:408, 152:488] = cv2.resize(face, (336, 336), interpolation=cv2.INTER_LINEAR)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    path.write_bytes(jpeg * frames)
    return path
