"""The page, in a real browser: its faces and answers, its camera, its silence."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import keras
import numpy as np
import pytest
from browser import CAMERA_FLAGS, chromium, driver, node_modules, served, write_camera

import fer_tf
from fer_tf.data.synthetic import draw
from fer_tf.exporting.tflite import write_tflite
from fer_tf.exporting.web import PARTS, RUNTIME, RUNTIME_VERSION, write_page
from fer_tf.pictures.images import read_image
from fer_tf.tasks import FER2013, TASKS, Task
from fer_tf.vision.crops import crop_face
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Box, Detection

PHOTO = Path(fer_tf.__file__).parent / "demo_files" / "grace_hopper.jpg"
SIZE = (64, 48)
READY = "html[data-state=ready]"

ANSWER = """async (before) => {
  const bars = document.getElementById("bars");
  while (Number(bars.dataset.answers ?? 0) <= before) await new Promise((r) => setTimeout(r, 10));
  const face = document.getElementById("face").getContext("2d").getImageData(0, 0, 48, 48).data;
  return {
    probabilities: [...bars.children].map((row) => Number(row.dataset.probability)),
    face: [...face].filter((_, i) => i % 4 === 0),
    count: Number(bars.dataset.answers),
    top: document.getElementById("top").textContent,
    said: document.getElementById("said").textContent,
    time: document.getElementById("time").textContent,
  };
}"""

FACES = """() => [...document.querySelectorAll("#finds button")].map((button, i) => {
  const { width, height } = document.getElementById("view");
  const { left, top, width: wide, height: high } = button.style;
  const canvas = document.querySelectorAll("#people canvas")[i] ?? document.getElementById("face");
  const pixels = [...canvas.getContext("2d").getImageData(0, 0, 48, 48).data];
  return {
    box: [left, top, wide, high].map(
      (share, j) => parseFloat(share) / 100 * (j % 2 ? height : width)),
    face: pixels.filter((_, k) => k % 4 === 0),
    chosen: button.ariaPressed === "true",
  };
})"""

DELIVER = """([kind, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  dispatchEvent(kind === "drop"
    ? new DragEvent("drop", { dataTransfer: transfer, cancelable: true })
    : new ClipboardEvent("paste", { clipboardData: transfer }));
}"""


@pytest.fixture(scope="module")
def network():
    """Its answers depend on where in the face it is bright; for 64x48 pixels."""
    keras.utils.set_random_seed(0)
    images = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(8, 8, strides=8)(keras.layers.Rescaling(1 / 127.5, -1)(images))
    x = keras.layers.Flatten()(keras.layers.ReLU()(x))
    return keras.Model(images, keras.layers.Dense(len(FER2013))(x))


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    """The network as a file."""
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    write_tflite(network, path, size=SIZE, precision="float32", task=TASKS["fer2013"])
    return path


@pytest.fixture(scope="module")
def site(model, tmp_path_factory):
    """The folder `web` with the runtime in it, as after `npm install`."""
    modules = node_modules(RUNTIME, RUNTIME_VERSION)
    folder = tmp_path_factory.mktemp("export")
    write_page(folder, model=model, size=SIZE, task=TASKS["fer2013"])
    (folder / "web" / "node_modules").symlink_to(modules.resolve(), target_is_directory=True)
    return folder / "web"


@pytest.fixture(scope="module")
def photo():
    """A real face, 77 pixels wide, RGB [260, 220, 3]."""
    return cv2.resize(read_image(PHOTO), (220, 260), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def camera_face(photo):
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey[20:180, 30:190], (48, 48), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def playwright():
    with driver() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(site, playwright, camera_face, tmp_path_factory):
    film = write_camera(tmp_path_factory.mktemp("camera") / "face.mjpeg", camera_face)
    with chromium(
        playwright, *CAMERA_FLAGS, f"--use-file-for-fake-video-capture={film}"
    ) as browser:
        yield browser


@pytest.fixture
def page(browser, site):
    """The page, ready; afterwards every request that left it must have gone to its own server."""
    with served(site) as (address, _):
        page = browser.new_page()
        asked, stopped, complaints = [], [], []
        page.on("request", lambda request: asked.append(request))
        page.on("requestfailed", lambda r: stopped.append(r) if r.failure == "csp" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector(READY)
        yield page
        page.close()
        places = [urlsplit(request.url) for request in asked if request not in stopped]
        assert {place.path for place in places} >= {"/", "/page.js", "/model.tflite"}
        remote = {place.netloc for place in places if place.scheme not in ("blob", "data")}
        assert remote == {urlsplit(address).netloc}
        assert complaints == []


def count(page):
    """How often it has answered."""
    return page.evaluate("Number(document.getElementById('bars').dataset.answers ?? 0)")


def fresh(page):
    """An answer that was begun after this call."""
    return page.evaluate(ANSWER, count(page) + 1)


def expected(network, face):
    """Keras' answer for a float face [48, 48], enlarged as in training."""
    grey = cv2.resize(face.astype(np.float32), SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    image = np.rint(grey)[None, :, :, None].repeat(3, -1)
    return np.asarray(keras.ops.softmax(network(image)))[0]


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def show(page, picture, name="face.png"):
    """Give the page a picture; returns its first answer."""
    before = count(page)
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": png(picture)})
    return page.evaluate(ANSWER, before)


def mark(page):
    """Set the square by hand, where it is at first; returns the answer."""
    before = count(page)
    page.click("#byHand")
    return page.evaluate(ANSWER, before)


def test_agrees_with_keras(page, network):
    face = draw(np.array([5]), seed=1)[0]
    show(page, face.repeat(4, 0).repeat(4, 1))
    answer = mark(page)
    np.testing.assert_array_equal(np.reshape(answer["face"], (48, 48)), face)
    probabilities = expected(network, face)
    # A pixel that lies between two grey levels may be rounded to either.
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=2e-3)
    best = FER2013[probabilities.argmax()]
    assert answer["top"] == best and answer["said"].startswith(f"{best}, ")
    assert "ms a face" in answer["time"]
    assert " 48\N{MULTIPLICATION SIGN}64 " in answer["time"]


def test_colour_is_reduced_by_areas(page, network):
    colours = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    colours = cv2.resize(colours, (300, 200), interpolation=cv2.INTER_CUBIC)
    show(page, colours)
    answer = mark(page)
    middle = colours[30:170, 80:220, ::-1].astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    face = cv2.resize(middle, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(np.reshape(answer["face"], (48, 48)) - face).max() < 1
    np.testing.assert_allclose(answer["probabilities"], expected(network, face), atol=5e-3)


def test_takes_what_is_dropped_or_pasted(page, network):
    for place, kind in enumerate(("drop", "paste")):
        face = draw(np.array([1 + place]), seed=4)[0]
        data = base64.b64encode(png(face.repeat(2, 0).repeat(2, 1))).decode()
        before = count(page)
        page.evaluate(DELIVER, [kind, "face.png", "image/png", data])
        page.evaluate(ANSWER, before)
        answer = mark(page)
        np.testing.assert_allclose(answer["probabilities"], expected(network, face), atol=2e-3)
        notes = base64.b64encode(b"hello").decode()
        page.evaluate(DELIVER, [kind, f"{kind}.txt", "text/plain", notes])
        page.wait_for_selector(f"#error:has-text('{kind}.txt')")
        told = f"“{kind}.txt” is not a picture that this browser can read."
        assert page.inner_text("#error") == told


def test_the_square_moves_and_grows(page):
    def corner():
        return page.evaluate(
            "['left', 'top', 'width'].map((s) => parseFloat(square.style[s]))".replace(
                "square", "document.getElementById('square')"
            )
        )

    picture = draw(np.array([6]), seed=2)[0].repeat(5, 0).repeat(5, 1)
    show(page, np.pad(picture, ((0, 0), (120, 120))))
    first = mark(page)
    left, top, width = corner()
    page.focus("#square")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    moved = corner()
    assert moved[0] > left and moved[1] > top and moved[2] == width
    page.keyboard.press("+")
    assert corner()[2] > width
    page.keyboard.press("-")
    page.click("#smaller")
    assert corner()[2] < width
    box = page.locator("#square").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
    page.mouse.down()
    page.mouse.move(0, 0)
    page.mouse.up()
    assert corner()[:2] == [0, 0]
    box = page.locator("#square").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(5000, 5000)
    page.mouse.up()
    assert corner() == [0, 0, 50]
    last = page.evaluate(ANSWER, first["count"])
    assert last["face"] != first["face"] and last["probabilities"] != first["probabilities"]


def test_finds_the_faces_of_a_photo(page, photo):
    two = np.concatenate([photo, photo[:, ::-1]], axis=1)
    answer = show(page, two[..., ::-1])
    found = page.evaluate(FACES)
    # The network sees what is beside the picture: black, in the page.
    seen = np.zeros((640, 640, 3), np.uint8)
    seen[: two.shape[0], : two.shape[1]] = two
    expected = sorted(YunetDetector().detect(seen), key=lambda each: each.box.left)
    assert len(found) == len(expected) == 2
    for face, detection in zip(found, expected, strict=True):
        box = detection.box
        sides = [box.left, box.top, box.width, box.height]
        np.testing.assert_allclose(face["box"], sides, atol=0.1)
        crop = crop_face(two, detection, (48, 48), margin=YunetDetector.margin)
        assert np.abs(np.reshape(face["face"], (48, 48)) - crop.pixels).mean() < 1
    assert answer["said"].startswith("2 faces. ")
    first = [face["chosen"] for face in found].index(True)
    page.click(f"#finds button:nth-child({2 - first})")
    chosen = page.evaluate(ANSWER, 0)
    assert chosen["face"] == found[1 - first]["face"]
    assert chosen["probabilities"] != answer["probabilities"]
    assert [face["chosen"] for face in page.evaluate(FACES)].index(True) == 1 - first


def test_a_face_at_the_edge_is_cut_as_in_python_and_nobody_has_no_answer(page, photo):
    cut = np.ascontiguousarray(photo[:, 95:])
    show(page, cut[..., ::-1])
    (face,) = page.evaluate(FACES)
    detection = Detection(Box(*face["box"]), 1.0)
    assert detection.box.left < 0
    crop = crop_face(cut, detection, (48, 48), margin=YunetDetector.margin)
    assert np.abs(np.reshape(face["face"], (48, 48)) - crop.pixels).mean() < 1
    assert page.inner_text("#top") in FER2013
    nobody = show(page, photo[::-1, ::-1, ::-1].repeat(2, 0)[:200])
    assert page.evaluate(FACES) == []
    assert nobody["top"] == nobody["said"] == "No face found"
    assert nobody["probabilities"] == [0] * 7
    assert page.is_visible("#none") and not page.is_visible("#face")
    assert "%" not in page.inner_text("#bars")
    assert mark(page)["top"] in FER2013


def test_answers_for_the_camera(page, network, camera_face):
    page.evaluate("""() => {
      const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => (window.film = await own(wanted));
    }""")
    page.click("#camera")
    page.wait_for_selector("#mirrorLabel:not([hidden])")
    answer = fresh(page)
    (face,) = page.evaluate(FACES)
    left, top, width, height = face["box"]
    # The film's face fills the middle, 336 pixels of 640x480.
    assert abs(left + width / 2 - 320) < 40 and abs(top + height / 2 - 240) < 40
    assert 120 < width < 250 and answer["top"] in FER2013
    assert "ms to find faces" in answer["time"]
    page.click("#byHand")
    answer = fresh(page)
    face = np.reshape(answer["face"], (48, 48))
    assert np.corrcoef(face.ravel(), camera_face[:, ::-1].ravel())[0, 1] > 0.97
    # The page shows the face in whole grey levels, but answers for what is between them, too.
    np.testing.assert_allclose(answer["probabilities"], expected(network, face), atol=0.02)
    page.uncheck("#mirror")
    face = np.reshape(fresh(page)["face"], (48, 48))
    assert np.corrcoef(face.ravel(), camera_face.ravel())[0, 1] > 0.97
    turned = """async () => {
      film.getVideoTracks()[0].applyConstraints({ width: 240, height: 320 });
      const view = document.getElementById("view");
      while (view.width !== 240) await new Promise((r) => setTimeout(r, 10));
      return view.height;
    }"""
    assert page.evaluate(turned) == 320, "as of a phone that is turned"
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    assert not page.evaluate("document.querySelector('#error').textContent")


def test_can_send_nothing_elsewhere(page, tmp_path):
    with served(tmp_path) as (other, asked):
        tries = """async (url) => {
          const image = new Image();
          const loaded = new Promise((r) => { image.onload = image.onerror = (e) => r(e.type); });
          image.src = url + "image.png";
          const socket = new Promise((r) => {
            try { new WebSocket(url.replace("http", "ws")).onerror = () => r("error"); }
            catch { r("error"); }
          });
          navigator.sendBeacon(url + "beacon", "face");
          return [
            await fetch(url + "fetch").then(() => "sent", () => "error"), await loaded, await socket
          ];
        }"""
        assert page.evaluate(tries, other) == ["error"] * 3
        page.wait_for_timeout(200)
        assert asked == []


def test_says_what_is_missing(model, playwright, tmp_path):
    write_page(tmp_path, model=model, size=SIZE, task=TASKS["fer2013"])
    with chromium(playwright) as browser, served(tmp_path / "web") as (address, _):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#error:not([hidden])")
        assert "npm install && python -m http.server" in page.inner_text("#error")
        page.click("#camera")
        page.wait_for_selector("#error:has-text('camera')")
        assert page.inner_text("#error").count(".") == 1


def test_page_pins_the_runtime_and_replaces_its_own_files_only(model, tmp_path):
    web = tmp_path / "web"
    (web / "node_modules").mkdir(parents=True)
    for _ in range(2):
        write_page(tmp_path, model=model, size=SIZE, task=Task("own", ("a", "</script>", "c")))
    names = ["face_detector", "index.html", "model.tflite", "node_modules", "package.json", *PARTS]
    assert {path.name for path in web.iterdir()} == {*names}
    detector = sorted(path.name for path in (web / "face_detector").iterdir())
    assert detector == ["LICENSE.txt", "face_detector_320.tflite", "face_detector_640.tflite"]
    package = json.loads((web / "package.json").read_text())
    assert package["dependencies"] == {RUNTIME: RUNTIME_VERSION}
    assert (web / "model.tflite").read_bytes() == model.read_bytes()
    html = (web / "index.html").read_text()
    assert html.count("</script>") == 3
    assert "http://" not in html.replace("http://localhost:8000", "") and "//cdn" not in html
