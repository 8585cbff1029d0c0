"""The demo page in a browser with a camera: what it shows, asks for, and leaves behind."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest
from demo_browser import NARROW, WIDE, demo_browser, demo_page, write_film
from demo_client import Client, file_data
from PIL import Image

from fer_tf.demo_page import guard, handlers
from fer_tf.demo_page.handlers import Handlers, Shown
from fer_tf.demo_page.server import serving
from fer_tf.demo_page.service import Service
from fer_tf.errors import FerError
from fer_tf.pictures.decoding import decoding
from fer_tf.shipped import shipped_model

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def service():
    return Service([None, str(shipped_model())])


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
    with decoding() as decode, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # where nobody is
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


def test_serves_this_machine_only(served):
    client = Client(served[0])
    assert client.send("GET", "/")[0] == 200
    for host in ("elsewhere.example", "[::1", "]", "a:b:c", ""):
        assert client.send("GET", "/", Host=host)[0] == 400
    configuration = json.loads(client.send("GET", "/config")[1])
    assert not configuration["analytics_enabled"] and not configuration["run_history"]
    assert all(fn["api_visibility"] == "private" for fn in configuration["dependencies"])
    connection = http.client.HTTPConnection(urlsplit(served[0]).netloc, timeout=10)
    connection.request("GET", "/")
    policy = connection.getresponse().headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy


def test_pages_of_other_sites_are_refused(served):
    address, handle = served
    own = address.rstrip("/")
    photo = handlers.example_file("astronaut.jpg")
    for origin in ("http://elsewhere.example", "null", "http://127.0.0.1:1", f"{own}.example", ""):
        client = Client(address, Origin=origin)
        assert client.upload(photo)[0] == 403
        for path in ("/queue/join", "/stream/some", "/cancel"):
            assert client.post(path, {})[0] == 403
    assert len(handle.uploads) == 0
    client = Client(address, Origin=own)
    status, told = client.upload(photo)
    assert status == 200
    (path,) = json.loads(told)
    answered, html = client.show(path, network=handle.service.networks[0])
    assert answered and "Happy" in html


def test_pages_that_upload_the_same_photo_are_all_answered(served, temporary):
    address, handle = served
    photo = handlers.example_file("astronaut.jpg")
    together = threading.Barrier(20, timeout=60)

    def answered(_):
        client = Client(address)
        together.wait()
        (path,) = json.loads(client.upload(photo)[1])
        together.wait()
        return client.show(path, network=handle.service.networks[0])

    with ThreadPoolExecutor(20) as pages:
        answers = list(pages.map(answered, range(20)))
    assert all(success and "Happy" in html for success, html in answers)
    assert len(handle.uploads) == 0 and files(temporary) == []
    assert handle.memory.total <= handlers.MEMORY


def test_leaves_other_files_and_addresses_alone(served, tmp_path):
    address, handle = served
    path = tmp_path / "private.jpg"
    path.write_bytes(handlers.example_file("astronaut.jpg"))
    network = handle.service.networks[0]
    success, html = Client(address).show(str(path), network=network)
    assert not success and "Happy" not in html
    success, html = Client(address).show("http://192.0.2.1/face.jpg", network=network)
    assert success and "face.jpg: not among the uploads" in html
    elsewhere = file_data(path="http://192.0.2.1/face.jpg")
    success, html = Client(address).film("data:,", elsewhere)
    assert success and "an empty file" in html
    for method, call in [
        ("GET", f"file={path}"),
        ("GET", "file=http://192.0.2.1/face.jpg"),
        ("GET", "proxy=http://192.0.2.1/face.jpg"),
        ("POST", "process_recording"),
        ("POST", "component_server"),
        ("POST", "run/seen"),
    ]:
        assert Client(address).send(method, f"/gradio_api/{call}")[0] == 404
    assert path.exists()


def test_the_camera_is_answered(served):
    address, handle = served
    network = handle.service.networks[0]
    photo = base64.b64encode(handlers.example_file("astronaut.jpg")).decode()
    success, html = Client(address).film(f"data:image/jpeg;base64,{photo}", network)
    assert success and "Happy" in html
    success, html = Client(address).film("data:image/svg+xml,<svg></svg>", network)
    assert success and "role=alert" in html and "an SVG drawing" in html


def test_refuses_too_much_in_a_sentence(served):
    address, handle = served
    status, told = Client(address).upload(bytes(MEBIBYTE + 1))
    assert (status, told) == (413, b"More than 1,048,576 bytes, expected at most that.")
    status, told = Client(address).post("/queue/join", {"data": ["a" * guard.BODY]})
    assert status == 413 and b"expected at most that" in told
    assert Client(address).send("POST", "/gradio_api/upload", b"")[0] == 400
    assert len(handle.uploads) == 0


def test_takes_a_turned_picture_and_keeps_nothing(served, browser, temporary, astronaut):
    address, handle = served
    before = len(handle.memory)
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
    _wait(lambda: len(handle.memory) == before)


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
    before = len(handle.films)
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
    _wait(lambda: len(handle.films) == before)


def test_says_on_the_page_what_is_wrong(served, browser, monkeypatch):
    address, handle = served
    with demo_page(browser, address, viewport=WIDE) as page:
        page.click("[data-example='drawn.jpg']")
        page.wait_for_selector(".fer-faces")
        handle.memory.keep("another", Shown(np.zeros((10_000, 9_000, 3), np.uint8), "", None, None))
        page.locator(".fer-box").nth(1).click()
        page.wait_for_selector("#answer:has-text('This picture is no longer here')")

        def decode(name, *_):
            raise FerError(f"{name}: too odd")

        monkeypatch.setattr(handle, "decode", decode)
        page.click("button[role=tab]:has-text('Camera')")
        page.click("[title='grant webcam access'] button")
        page.click("#camera .button-wrap button")
        page.wait_for_selector("#live [role=alert]:has-text('frame: too odd')")
        monkeypatch.setattr(handle, "decode", None)
        page.wait_for_selector(f"#live [role=alert]:has-text('{handlers.UNFORESEEN}')")


def _file(name, data):
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


def _wait(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    assert condition()
