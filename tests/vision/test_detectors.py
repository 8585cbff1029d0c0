"""Detectors find real faces, upright or not, and say what is wrong with their names and files."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading

import cv2
import matplotlib
import numpy as np
import pytest
import yunet_like
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from fer_tf.errors import FerError
from fer_tf.vision.crops import eye_angle
from fer_tf.vision.detectors import NAMES, open_detector, yunet
from fer_tf.vision.detectors.fetch import RemoteFile
from fer_tf.vision.detectors.haar import HaarDetector
from fer_tf.vision.detectors.reduce import reduced
from fer_tf.vision.detectors.second_look import SecondLook, View, in_picture, turned
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Box, Detection

ASTRONAUT = Box(177, 63, 97, 97)  # where the face is, as one sees it


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


@pytest.fixture(scope="module")
def hopper():
    path = matplotlib.get_data_path() + "/sample_data/grace_hopper.jpg"
    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def haar():
    return HaarDetector()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("yunet") / "like.onnx"
    yunet_like.write(path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_haar_finds_the_face(haar, astronaut, hopper):
    for image, face in ((astronaut, ASTRONAUT), (hopper, Box(160, 110, 212, 212))):
        (found,) = haar.detect(image)
        assert found.box.iou(face) > 0.8 and 0.9 < found.score <= 1 and found.eyes == ()
        assert type(found.box.left) is float


@pytest.mark.parametrize("scale", [0.4, 3.1, 8])
def test_haar_finds_the_same_face_at_any_scale(haar, astronaut, scale):
    image = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = haar.detect(image)[0].box
    face = Box(found.left / scale, found.top / scale, found.width / scale, found.height / scale)
    assert face.iou(ASTRONAUT) > 0.7


def test_haar_finds_nothing_where_nobody_is(haar):
    for image in (data.coffee(), np.zeros((480, 640, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)):
        assert SecondLook(haar).detect(image) == []


def test_haar_in_several_threads(haar, astronaut, hopper):
    wanted = [haar.detect(astronaut), haar.detect(hopper)] * 3
    answers = [None] * len(wanted)

    def detect(number):
        answers[number] = haar.detect((astronaut, hopper)[number % 2])

    threads = [threading.Thread(target=detect, args=(n,)) for n in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == wanted


def test_opencv_without_cascades(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(FerError, match=r"has no cascades: expected OpenCV 4$"):
        open_detector("haar")


@pytest.mark.parametrize("degrees", [30, 60, -60, 90, -90, 180])
def test_second_look_finds_turned_faces_and_their_turn(haar, hopper, degrees):
    picture = turned(hopper, -degrees)
    assert not [found for found in haar.detect(picture.image) if found.score > 0.5]
    best = SecondLook(haar).detect(picture.image)[0]
    x, y = picture.matrix @ (266, 216, 1)
    assert np.hypot(best.box.center[0] - x, best.box.center[1] - y) < 40
    assert 180 < best.box.width < 250
    assert eye_angle(best) % 360 == pytest.approx(degrees % 360, abs=0.1)


@pytest.mark.parametrize("times", [0.12, 0.05])
def test_second_look_finds_faces_in_the_dark(haar, astronaut, times):
    noise = np.random.default_rng(0).normal(0, 1, astronaut.shape)
    dark = np.clip(astronaut * times + noise, 0, 255).astype(np.uint8)
    assert haar.detect(dark) == []
    best = SecondLook(haar).detect(dark)[0]
    assert best.box.iou(ASTRONAUT) > 0.7 and best.eyes == ()


def test_second_look_finds_faces_that_are_cut_off_or_fill_the_picture(haar, astronaut, hopper):
    cut = hopper[150:, :]  # through the forehead
    assert SecondLook(haar).detect(cut)[0].box.iou(Box(160, -40, 212, 212)) > 0.5
    filling = np.ascontiguousarray(astronaut[70:156, 184:270])
    best = SecondLook(haar).detect(cv2.resize(filling, (48, 48), interpolation=cv2.INTER_AREA))[0]
    assert best.box.iou(Box(0, 0, 48, 48)) > 0.6


def test_second_look_finds_small_faces_once_each(haar, hopper):
    small = cv2.resize(hopper, (256, 300), interpolation=cv2.INTER_AREA)  # a face of 106 pixels
    image = np.full((1500, 2000, 3), 90, np.uint8)
    image[550:850, 850:1106] = small  # in all four parts
    image[1100:1400, 100:356] = small
    assert haar.detect(image) == []
    found = SecondLook(haar).detect(image)
    wanted = [Box(850 + 80, 550 + 55, 106, 106), Box(100 + 80, 1100 + 55, 106, 106)]
    assert len(found) == 2
    assert all(max(each.box.iou(face) for each in found) > 0.7 for face in wanted)


def test_second_look_does_not_look_again_without_need(hopper):
    calls = []

    class Counting(HaarDetector):
        def detect(self, image):
            calls.append(image)
            return super().detect(image)

    detector = SecondLook(Counting())
    assert len(detector.detect(hopper)) == 1 and len(calls) == 1
    assert (detector.name, detector.margin) == ("haar", HaarDetector.margin)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 200), st.integers(-180, 180),
    st.floats(0, 1), st.floats(0, 1), st.floats(1, 50),
)  # fmt: skip
def test_what_is_found_in_a_turned_view_goes_back(width, height, degrees, right, down, side):
    view = turned(np.zeros((height, width, 3), np.uint8), degrees)
    wanted = np.array([right * width, down * height])
    x, y = view.matrix[:, :2] @ wanted + view.matrix[:, 2]
    rows, columns = view.image.shape[:2]
    assert -1e-6 <= x <= columns + 1e-6 and -1e-6 <= y <= rows + 1e-6
    face = in_picture(Detection(Box(x - side / 2, y - side / 2, side, side), 0.7), view)
    np.testing.assert_allclose(face.box.center, wanted, atol=1e-6)
    assert face.box.width == side and face.score == 0.7
    turn = eye_angle(face) - degrees
    assert abs((turn + 180) % 360 - 180) < 1e-6


def test_eyes_that_a_detector_gives_go_back_too():
    view = View(np.zeros((9, 9, 3), np.uint8), np.array([[1.0, 0, 5], [0, 1, 7]]))
    back = in_picture(Detection(Box(10, 10, 4, 4), 1.0, ((11, 12), (13, 12))), view)
    assert back == Detection(Box(5, 3, 4, 4), 1.0, ((6, 5), (8, 5)))


@pytest.mark.parametrize("shape", [(480, 640), (100, 3000), (2000, 1), (50, 50)])
def test_reduced(shape):
    small = reduced(np.full((*shape, 3), 7, np.uint8), 320)
    assert max(small.shape) == min(320, max(shape)) and (small == 7).all()


def test_yunet_decodes_as_opencv_does(network):
    image = np.zeros((480, 640, 3), np.uint8)
    image[64:96, 128:160, 0] = 255
    (found,) = YunetDetector(network).detect(image)
    assert found.box.iou(Box(128, 64, 32, 32)) > 0.99 and found.score > 0.99
    wanted = [(128 + 32 * x, 64 + 32 * y) for x, y in yunet_like.EYES]
    np.testing.assert_allclose(found.eyes, wanted, atol=0.01)


def test_yunet_reduces_large_pictures_and_scales_back(network):
    image = np.zeros((1000, 1280, 3), np.uint8)  # 640x500, which OpenCV pads to 640x512
    image[128:192, 256:320, 0] = 255
    image[512:576, 64:128, 0] = 200
    first, second = YunetDetector(network).detect(image)
    assert first.box.iou(Box(256, 128, 64, 64)) > 0.95 and first.score > second.score
    assert second.box.iou(Box(64, 512, 64, 64)) > 0.95
    np.testing.assert_allclose(first.eyes[0], (256 + 64 * 0.3, 128 + 64 * 0.4), atol=0.1)


def test_yunet_of_a_tiny_picture(network):
    assert YunetDetector(network).detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_a_file_that_is_not_yunets(tmp_path, network):
    damaged = tmp_path / "cut.onnx"
    damaged.write_bytes(network.read_bytes()[:200])
    (tmp_path / "text.onnx").write_text("no network")
    for path in (damaged, tmp_path / "text.onnx"):
        with pytest.raises(FerError, match=f"{path.name}: OpenCV .* can't use it: expected face_"):
            open_detector(path)
    with pytest.raises(FerError, match=r"there is no such file"):
        open_detector(tmp_path / "missing.onnx")


def test_auto_is_haar_and_with_yunet_in_the_cache_yunet(cache, network, monkeypatch):
    assert open_detector().name == "haar"
    content = network.read_bytes()
    file = RemoteFile("y.onnx", "http://localhost/", hashlib.sha256(content).hexdigest(), 1)
    monkeypatch.setattr(yunet, "YUNET", file)
    cache.mkdir()
    (cache / "y.onnx").write_bytes(content)
    assert open_detector().name == open_detector("yunet").name == "yunet"
    (cache / "y.onnx").write_bytes(content[:-1])  # damaged
    assert open_detector().name == "haar"


@pytest.mark.parametrize(
    ("name", "near"), [("yunnet", "yunet"), ("Harr", "haar"), ("mtcn", "mtcnn"), ("AUTO", "auto")]
)
def test_unknown_names_are_told_with_the_nearest(name, near, cache):
    with pytest.raises(FerError, match=f"found '{name}', did you mean {near}") as told:
        open_detector(name)
    assert ", ".join(NAMES) in str(told.value)


def test_objects_with_the_protocol_pass_through(haar):
    assert open_detector(haar) is haar
    with pytest.raises(FerError, match="found a int without name and margin and detect"):
        open_detector(3)


def test_the_second_look_can_be_left_out(cache):
    assert isinstance(open_detector("haar"), SecondLook)
    assert isinstance(open_detector("haar", second_look=False), HaarDetector)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FerError, match=r"expected fer_tf\[mtcnn\]"):
        open_detector("mtcnn")


def test_mtcnn_finds_the_face_and_its_eyes(astronaut):
    pytest.importorskip("mtcnn")
    detector = open_detector("mtcnn", second_look=False)
    (found,) = detector.detect(astronaut)
    assert found.box.iou(ASTRONAUT) > 0.6 and found.score > 0.9
    np.testing.assert_allclose(found.eyes, [(204, 101), (246, 102)], atol=5)
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_detectors_need_no_training_framework(cache):
    heavy = ("tensorflow", "keras", "matplotlib", "pandas", "sklearn", "mtcnn")
    program = (
        "import sys; from fer_tf.vision.detectors import open_detector; import fer_tf.vision.crops;"
        f"open_detector(); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
