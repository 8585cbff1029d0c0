"""The exported face detector against OpenCV's: a photo and a drawn face, at sizes of all kinds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import fer_tf
from fer_tf import FerError
from fer_tf.data.synthetic import draw
from fer_tf.detecting import MIN_SCORE
from fer_tf.exporting.delegation import delegation
from fer_tf.exporting.face_detector_tflite import (
    MOST,
    SIDES,
    face_detector_tflite,
    licence,
    write_face_detector,
)
from fer_tf.exporting.formats import check_installed
from fer_tf.exporting.tflite_model import SIGNATURE
from fer_tf.models.face_detector import COLUMNS
from fer_tf.pictures.images import read_image
from fer_tf.vision.detectors.yunet import OVERLAP, brought_file

PHOTO = read_image(Path(fer_tf.__file__).parent / "demo_files" / "grace_hopper.jpg")
SIZES = [(320, 320), (200, 360)]
"""That of a file, and one that is neither square nor a multiple of 32."""


def opencv(image):
    """The rows of OpenCV's detector for an RGB picture."""
    size = image.shape[1::-1]
    network = cv2.FaceDetectorYN.create(str(brought_file()), "", size, MIN_SCORE, OVERLAP)
    return network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]


def several(size):
    """Faces of several sizes, one of them drawn, none beyond the edges."""
    height, width = size
    drawn = cv2.resize(draw(np.array([3]), seed=1)[0], (96, 96), interpolation=cv2.INTER_CUBIC)
    image = np.full((height, width, 3), 90, np.uint8)
    left = 0
    for share in (0.9, 0.5, 0.25):
        side = round(share * height)
        face = cv2.resize(PHOTO, (round(side * 0.85), side), interpolation=cv2.INTER_AREA)
        face = face[:, : max(0, width - left)]
        image[:side, left : left + face.shape[1]] = face
        left += face.shape[1]
    image[-96:, -96:] = drawn[..., None]
    return image


def answer(content, image):
    return Interpreter(model_content=content).get_signature_runner(SIGNATURE)(image=image[None])


@pytest.mark.parametrize("size", SIZES)
def test_finds_what_opencv_finds(size):
    image = several(size)
    expected = opencv(image)
    rows = answer(face_detector_tflite(size), image)["faces"]
    assert rows.shape == (MOST, COLUMNS) and rows.dtype == np.float32
    count = len(expected)
    assert count >= 2 and (rows[count:] == 0).all()
    np.testing.assert_allclose(rows[:count, :14], expected[:, :14], atol=0.05)
    np.testing.assert_allclose(rows[:count, 14], expected[:, 14], atol=1e-4)


def test_nobody_is_no_face():
    grey = np.full((320, 320, 3), 120, np.uint8)
    assert not answer(face_detector_tflite((320, 320)), grey)["faces"].any()


def test_the_files_and_their_licence(tmp_path):
    write_face_detector(tmp_path)
    folder = tmp_path / "face_detector"
    names = {f"face_detector_{side}.tflite" for side in SIDES}
    assert {path.name for path in folder.iterdir()} == {*names, "LICENSE.txt"}
    text = (folder / "LICENSE.txt").read_text("utf-8")
    assert "MIT License" in text and "Shiqi Yu" in text and "WITHOUT WARRANTY" in text
    for name in names:
        content = (folder / name).read_bytes()
        assert licence().encode() in content
        assert "CONV_2D" not in str(delegation(folder / name)[1])


def test_without_yunets_file_an_export_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr("fer_tf.vision.detectors.yunet.PACKAGE", "no_such_package")
    brought_file.cache_clear()
    for name in ("tflite", "web"):
        with pytest.raises(FerError, match=f"{name}: needs a face detector: .* is not there"):
            check_installed([name])
    check_installed(["onnx"])
    brought_file.cache_clear()
