"""The demo page without a browser: its command, its answers, and what it remembers."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import io
import os
import signal
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer_tf import FaceAnalyzer, cli, demo
from fer_tf.demo_page import answers, handlers
from fer_tf.demo_page.film import Film
from fer_tf.demo_page.guard import UploadDoor
from fer_tf.demo_page.handlers import Handlers, Settings
from fer_tf.demo_page.memory import Memory
from fer_tf.demo_page.service import Answer, Service
from fer_tf.demo_page.storage import private_folder
from fer_tf.errors import FerError
from fer_tf.pictures.data_urls import decode_data_url
from fer_tf.pictures.decoding import decode as decode_here
from fer_tf.pictures.decoding import decoding
from fer_tf.shipped import shipped_model, shipped_size
from fer_tf.tasks import FER2013
from fer_tf.vision.results import Box, Detection, Face
from fer_tf.worker_pool import WorkerPool

EXAMPLES = ("astronaut.jpg", "drawn.jpg", "grace_hopper.jpg")


@pytest.fixture(scope="module")
def service():
    return Service([None, str(shipped_model())])


@pytest.fixture(scope="module")
def decode():
    with decoding() as decode:
        yield decode


@pytest.fixture
def handle(service, decode):
    return Handlers(service, decode)


@pytest.fixture
def settings(service):
    return Settings(service.networks[0])


# ---- the command


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "70000"], "--port 70000: expected 0 to 65535"),
        (["--max-upload-mb", "0"], "--max-upload-mb 0: expected 1 to 256"),
        (["--size", "0"], "--size 0: expected pixels, from 1"),
        (["--model", "absent.tflite"], "absent.tflite"),
        (["--detector", "eyes"], "eyes"),
        (["--detect-size", "0"], "detect_size: found 0"),
    ],
)
def test_refuses_flags_in_a_sentence(flags, told, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.run(lambda: demo.main(flags))
    error = capsys.readouterr().err
    assert exit.value.code == 2 and told in error and error.count("\n") == 1


def test_names_the_missing_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FerError, match=r'gradio, which is not .* "fer_tf\[demo\]"'):
        demo.main([])


def test_warns_of_other_machines_and_names_a_busy_port(capsys):
    with socket.create_server(("0.0.0.0", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(FerError, match=f"--host 0.0.0.0 --port {port}: can't be listened on"):
            demo.serve(demo.Demo(host="0.0.0.0", port=port))
    assert "--host 0.0.0.0 lets other machines use this page" in capsys.readouterr().err


def test_ends_without_a_trace_when_killed(tmp_path):
    command = [sys.executable, "-m", "fer_tf.demo"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        assert said.startswith("http://127.0.0.1:") and said.endswith("/ (Ctrl-C ends it)\n")
        (folder,) = tmp_path.glob("fer_tf-demo-*")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        process.terminate()
        _, error = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in error
    assert not list(tmp_path.glob("fer_tf-demo-*"))


# ---- what it remembers and writes


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 120)), max_size=30))
def test_memory_holds_the_latest_pages(visits):
    memory: Memory[int] = Memory(budget=100, cost=lambda value: value)
    expected: dict[str, int] = {}
    for page, value in visits:
        memory.keep(page, value)
        expected.pop(page, None)
        expected[page] = value
        while sum(expected.values()) > 100:
            del expected[next(iter(expected))]
        assert memory.total == sum(expected.values()) <= 100
        assert {page: memory.get(page) for page in expected} == expected
        assert len(memory) == len(expected)
    memory.forget("a")
    assert memory.get("a") is None and not memory.dropped("a")


def test_what_was_dropped_is_known():
    memory: Memory[bytes] = Memory(budget=10, cost=len)
    for page in "abc":
        memory.keep(page, bytes(4))
    assert memory.get("a") is None and memory.dropped("a") and not memory.dropped("d")
    memory.get("b")
    memory.keep("a", bytes(4))
    assert not memory.dropped("a") and memory.dropped("c")
    memory.keep("a", bytes(11))
    assert len(memory) == 0 and memory.dropped("a")


def test_the_folder_is_private_and_goes(monkeypatch):
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    before = dict(os.environ)
    with private_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
        (folder / "face.jpg").write_bytes(b"pixels")
    assert not folder.exists()
    assert dict(os.environ) == before


def test_the_examples_are_small_and_their_licences_told():
    files = resources.files("fer_tf") / "demo_files"
    names = sorted(file.name for file in files.iterdir() if file.name.endswith(".jpg"))
    assert names == sorted(EXAMPLES)
    licences = (files / "LICENSES.md").read_text("utf-8")
    for name in names:
        assert len(handlers.example_file(name)) < 60_000
        assert f"`{name}`" in licences


# ---- the answers


BOX = Box(1.0, 2.0, 3.0, 4.0)


def face(box=BOX, best=3, labels=FER2013):
    probabilities = [0.04] * len(labels)
    probabilities[best] = 1 - 0.04 * (len(labels) - 1)
    return Face(box, 1.0, tuple(probabilities), labels)


def answer(*faces, size=(100, 80)):
    return Answer(faces, *size, "64 px, shipped", 12.3, 4.5)


class Reader(HTMLParser):
    """Collects the tags, the text, and the places of the boxes."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.places = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        style = dict(attributes).get("style") or ""
        if style.startswith("left:"):
            parts = dict(part.split(":") for part in style.split(";"))
            names = ("left", "top", "width", "height")
            self.places.append([float(parts[name].rstrip("%")) for name in names])

    def handle_data(self, data):
        self.text += data


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
def test_whatever_is_told_is_escaped(text):
    reader = Reader(answers.message_html(text, f"{text}: <script>", bad=True))
    assert reader.tags == ["section", "p", "p"]
    assert f"{text}: <script>" in reader.text
    labels = ("<img src=x>", *FER2013[1:])
    reader = Reader(answers.bars_html(answer(face(labels=labels, best=0))))
    assert "img" not in reader.tags and "<img src=x>" in reader.text


@given(*[st.floats(-200, 300)] * 2, *[st.floats(1, 400)] * 2)
def test_boxes_stay_in_the_picture(left, top, width, height):
    (place,) = Reader(answers.boxes_html(answer(face(Box(left, top, width, height))))).places
    assert min(place) >= 0
    visible = left < 100 and top < 80 and left + width > 0 and top + height > 0
    if visible:
        assert place[0] + place[2] <= 100.01 and place[1] + place[3] <= 100.01


def test_labels_keep_off_other_faces():
    above, below = Box(10.0, 20.0, 30.0, 20.0), Box(10.0, 42.0, 30.0, 20.0)
    html = answers.boxes_html(answer(face(above), face(below)))
    first, second = html.split("</button>")[:2]
    assert "fer-low" not in first and "fer-low" in second


def last(answers_):
    return list(answers_)[-1]


def test_finds_and_tells(handle, settings):
    html = last(handle.example("page", "astronaut.jpg", settings))
    assert '<img src="data:image/jpeg;base64,' in html
    assert html.count("fer-box") == 1 and "Happy" in Reader(html).text
    assert f"{shipped_size()[0]} px, shipped" in html and " ms" in html


def test_answers_for_the_chosen_face(handle, settings):
    assert last(handle.choose("page", 1)) == handlers.EMPTY
    last(handle.example("page", "drawn.jpg", settings))
    count = len(handle.memory.get("page").answer.faces)
    assert count > 3
    assert f"face 2 of {count}" in last(handle.choose("page", 1))
    assert list(handle.choose("page", count)) == []
    handle.forget("page")
    assert last(handle.again("page", settings)) == handlers.EMPTY


def test_tells_what_is_wrong_with_a_picture(handle, settings):
    last(handle.example("page", "astronaut.jpg", settings))
    html = last(handle.picture("page", b"GIF89a", "<b>.gif", settings))
    assert "role=alert" in html and Reader(html).text.count("<b>.gif") == 1
    assert len(handle.memory) == 0
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(buffer, "png")
    html = last(handle.picture("page", buffer.getvalue(), "grey.png", settings))
    assert "No face was found in these 64\N{MULTIPLICATION SIGN}48 pixels." in html


class Changing:
    """Finds the astronaut's face in each frame, which is Happy once and Sad ever after."""

    def __init__(self):
        self.emotions = iter([3])

    def answer(self, frame, network, *, follow):
        best = next(self.emotions, 4)
        (found,) = follow([Detection(Box(176.0, 64.0, 100.0, 100.0), 1.0)])
        return answer(face(found.box, best), size=(512, 512))


def test_a_film_is_smooth(astronaut):
    seconds = iter(np.arange(0, 10, 0.1).tolist())
    film, service = Film(clock=lambda: next(seconds)), Changing()
    faces = [film.answer(astronaut, service, "64 px, shipped").faces[0] for _ in range(20)]
    sad = np.array([face.probabilities[4] for face in faces])
    assert (np.diff(sad) > 0).all() and sad[0] == 0.04 and sad[-1] == pytest.approx(0.76, abs=0.03)
    assert sad[5] == pytest.approx(0.76 - 0.72 * np.exp(-1), abs=1e-6)
    np.testing.assert_allclose([sum(face.probabilities) for face in faces], 1)


def test_shows_why(handle, settings):
    shown = list(handle.example("page", "astronaut.jpg", replace(settings, why=True)))
    assert handlers.WAITING in Reader(shown[0]).text
    assert shown[-1].count('<img src="data:image/jpeg') == 3 and "Heat map" in shown[-1]
    assert "Heat map" not in last(handle.again("page", settings))


def test_says_why_it_cannot_show_why(handle, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "fer_tf.models.registry", None)
    monkeypatch.setattr(handle.service, "_analyzers", {settings.network: FaceAnalyzer()})
    html = last(handle.example("page", "astronaut.jpg", replace(settings, why=True)))
    assert "which is not installed: " in html and "Happy" in html


def data_url(picture, format="png"):
    buffer = io.BytesIO()
    picture.save(buffer, format)
    return f"data:image/{format};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_an_upload_that_breaks_off_is_no_fault(tmp_path):
    door, sent = UploadDoor(Memory(budget=9, cost=len), tmp_path, 9), []
    kind = (b"content-type", b"multipart/form-data; boundary=a")
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [kind]}

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    assert sent[0]["status"] == 400


def test_a_camera_sees_nobody(handle, settings):
    boxes, bars = handle.frame("page", data_url(Image.new("RGB", (64, 48))), settings)
    assert "fer-box" not in boxes and "No face found" in bars


def test_a_camera_goes_through_the_door_of_the_uploads(handle, settings):
    large = Image.new("L", (3000, 200))
    data = decode_data_url(data_url(large))
    assert handle.decode("large.png", data, answers.LONGEST_SIDE).shape == (85, 1280, 3)
    assert "No face found" in handle.frame("page", data_url(large), settings)[1]
    huge = Image.new("1", (13_000, 13_000))
    for url, told in [
        (data_url(huge), "13000x13000 pixels, 169 megapixels, expected at most 67"),
        (data_url(Image.new("RGB", (8, 8)), "eps"), "the camera's frame: not a picture"),
        ("data:image/svg+xml,<svg/>", "an SVG drawing"),
        ("http://example.org/face.jpg", "no data after it"),
        ("", "no data after it"),
    ]:
        boxes, bars = handle.frame("page", url, settings)
        assert boxes == "" and "role=alert" in bars and told in Reader(bars).text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_a_picture_that_needs_too_much_memory_is_told():
    large = decode_data_url(data_url(Image.new("RGB", (8000, 8000))))
    with (
        WorkerPool(decode_here, workers=1, seconds=60, memory=2**28, patience=60) as decode,
        pytest.raises(FerError, match=r"^large.png: more memory is needed than there is"),
    ):
        decode("large.png", large)


def test_an_upload_is_taken_once(handle, settings):
    handle.uploads.keep("key", handlers.example_file("astronaut.jpg"))
    assert "Happy" in last(handle.upload("page", "/some/folder/key", "face.jpg", settings))
    for path in ("/some/folder/key", "", None, "http://example.org/key"):
        html = last(handle.upload("page", path, "face.jpg", settings))
        assert "face.jpg: not among the uploads" in Reader(html).text
    assert len(handle.uploads) == 0


def test_pictures_of_all_pages_fit_a_budget(service, decode, settings, monkeypatch):
    monkeypatch.setattr(handlers, "MEMORY", 2_000_000)
    handle = Handlers(service, decode)
    for page in ("first", "second", "third"):
        assert "Happy" in last(handle.example(page, "astronaut.jpg", settings))
        assert handle.memory.total <= 2_000_000
    assert last(handle.again("first", settings)) == handlers.DROPPED
    assert last(handle.choose("first", 0)) == handlers.DROPPED
    assert "Happy" in last(handle.again("third", settings))
    assert "Happy" in last(handle.example("first", "astronaut.jpg", settings))
    assert "Happy" in last(handle.again("first", settings))


def test_an_error_is_a_sentence(handle, settings, monkeypatch, capsys):
    html = last(handle.example("page", "astronaut.jpg", Settings("other")))
    assert "network 'other': expected one of" in Reader(html).text
    monkeypatch.setattr(handle.service, "answer", None)
    for html in (
        last(handle.example("page", "astronaut.jpg", settings)),
        handle.frame("page", data_url(Image.new("RGB", (64, 48))), settings)[1],
    ):
        assert "role=alert" in html and handlers.UNFORESEEN in Reader(html).text
        assert "TypeError" not in html
    assert capsys.readouterr().err.count("TypeError") == 2


def test_tells_networks_apart(service):
    name, px = shipped_model().name, shipped_size()[0]
    assert service.networks == (f"{px} px, shipped", f"{px} px, {name}")
    twice = Service([str(shipped_model())] * 2, sizes=[px])
    assert "mit_b0_fusion is right in 71. " in service.measured and twice.measured == ""
    assert "71 and nano is right in 67. " in Service([None, "nano"]).measured
    assert twice.networks == (f"{px} px, {name}", f"{px} px, {name} 2")
    assert twice.answer(np.zeros((48, 64, 3), np.uint8), twice.networks[1]).faces == ()
