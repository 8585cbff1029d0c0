"""The demo page in a browser with a camera: what it shows, asks for, and leaves behind."""

from __future__ import annotations

import http.client
import io
import json
import os
import tempfile
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from demo_browser import NARROW, WIDE, demo_browser, demo_page, write_film
from PIL import Image

from fer_tf.demo_page import handlers
from fer_tf.demo_page.decoding import decoding
from fer_tf.demo_page.handlers import Handlers
from fer_tf.demo_page.server import serving
from fer_tf.demo_page.service import Service
from fer_tf.shipped import shipped_model

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def service():
    return Service([None, str(shipped_model())])


@pytest.fixture(scope="module")
def astronaut():
    return np.asarray(Image.open(io.BytesIO(handlers.example_file("astronaut.jpg"))))


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """The only place for temporary files while the page is served."""
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("temporary"))
    yield tempfile.tempdir
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def served(service, temporary):
    """(address, handlers) of a server that takes files of a megabyte."""
    pytest.importorskip("gradio")
    with decoding() as decode:
        handle = Handlers(service, decode)
        with serving(handle, host="127.0.0.1", port=0, max_upload=MEBIBYTE) as address:
            yield address, handle


@pytest.fixture(scope="module")
def browser(served, astronaut, tmp_path_factory):
    film = write_film(tmp_path_factory.mktemp("film") / "face.mjpeg", astronaut)
    with demo_browser(film) as browser:
        yield browser


def files(folder):
    return [name for _, _, names in os.walk(folder) for name in names]


def ask(address, path, **headers):
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


def test_serves_this_machine_only(served):
    address, _ = served
    response, _ = ask(address, "/")
    assert response.status == 200
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    for host in ("elsewhere.example", "[::1", "]", "a:b:c", ""):
        assert ask(address, "/", Host=host)[0].status == 400
    configuration = json.loads(ask(address, "/config")[1])
    assert not configuration["analytics_enabled"] and not configuration["run_history"]
    assert all(fn["api_visibility"] == "private" for fn in configuration["dependencies"])


def test_leaves_other_files_alone(served, tmp_path):
    address, _ = served
    path = tmp_path / "private.jpg"
    path.write_bytes(handlers.example_file("astronaut.jpg"))
    configuration = json.loads(ask(address, "/config")[1])
    (upload,) = (
        c["id"] for c in configuration["components"] if c["props"].get("elem_id") == "upload"
    )
    (function,) = (
        fn["id"] for fn in configuration["dependencies"] if [upload, "upload"] in fn["targets"]
    )
    file = {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
    request = {
        "data": [file, "64 px, shipped", False],
        "fn_index": function,
        "session_hash": "somebody",
    }
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/gradio_api/queue/join", json.dumps(request), headers)
    assert connection.getresponse().read()
    _, told = ask(address, "/gradio_api/queue/data?session_hash=somebody")
    assert b'"success":false' in told.replace(b" ", b"") and b"Happy" not in told
    assert path.exists()


def test_takes_a_turned_picture_and_keeps_nothing(served, browser, temporary, astronaut):
    address, handle = served
    turned = Image.fromarray(astronaut).rotate(90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "jpeg", exif=exif)
    with demo_page(browser, address, viewport=WIDE) as page:
        page.set_input_files("#upload input", _file("face.jpg", buffer.getvalue()))
        page.wait_for_selector(".fer-verdict:has-text('Happy')")
        assert page.locator("#answer .fer-box").count() == 1
        picture = page.locator(".fer-frame").bounding_box()
        bars = page.locator(".fer-bars").bounding_box()
        assert bars["x"] > picture["x"] + picture["width"]
        assert files(temporary) == []

        page.set_input_files("#upload input", _file("big.jpg", bytes(MEBIBYTE + 1)))
        page.wait_for_selector("text=exceed the maximum allowed size")
        page.set_input_files("#upload input", _file("cut.jpg", buffer.getvalue()[:5000]))
        page.wait_for_selector("[role=alert]:has-text('cut.jpg: a damaged or cut-off JPEG')")
        assert files(temporary) == []
    _wait(lambda: len(handle.memory) == 0)


def test_examples_faces_and_narrow_windows(served, browser):
    address, _ = served
    with demo_page(browser, address, viewport=NARROW, color_scheme="dark") as page:
        page.click("[data-example='drawn.jpg']")
        page.wait_for_selector(".fer-faces")
        page.focus(".fer-faces button >> nth=2")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Expression of face 3 of")
        page.locator(".fer-box").nth(1).click()
        page.wait_for_selector("text=Expression of face 2 of")
        picture = page.locator(".fer-frame").bounding_box()
        bars = page.locator(".fer-bars").bounding_box()
        assert bars["y"] > picture["y"] + picture["height"]
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        page.click("#settings input >> nth=0")
        page.click("[role=option] >> nth=1")
        page.wait_for_selector(f".fer-card:has-text('{shipped_model().name}')")


def test_answers_the_camera(served, browser, temporary):
    address, handle = served
    with demo_page(browser, address, viewport=WIDE) as page:
        page.click("button[role=tab]:has-text('Camera')")
        page.click("[title='grant webcam access'] button")
        page.click("#camera .button-wrap button")
        page.wait_for_selector("#boxes .fer-box:has-text('Happy')")
        page.wait_for_selector("#live .fer-verdict:has-text('Happy')")
        film = page.locator("#camera video").bounding_box()
        box = page.locator("#boxes .fer-box").bounding_box()
        # The face's middle, 226 and 114 pixels into the picture, which begins at 64; mirrored.
        x = (box["x"] + box["width"] / 2 - film["x"]) / film["width"]
        y = (box["y"] + box["height"] / 2 - film["y"]) / film["height"]
        assert x == pytest.approx(1 - (64 + 226) / 640, abs=0.02)
        assert y == pytest.approx(114 / 480, abs=0.03)
        page.click("#camera .button-wrap button")
        page.wait_for_selector("#boxes .fer-box", state="hidden")
        assert files(temporary) == []
    _wait(lambda: len(handle.films) == 0)


def _file(name, data):
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def _wait(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    assert condition()
