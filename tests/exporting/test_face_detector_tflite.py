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
    yunet_weights,
)
from fer_tf.exporting.formats import check_installed
from fer_tf.exporting.tflite_model import SIGNATURE
from fer_tf.models.face_detector import COLUMNS, face_detector
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


def test_every_place_agrees_with_opencvs_heads():
    """The Keras network, before anything is suppressed, at a size that is padded within."""
    size = (72, 104)
    image = cv2.resize(PHOTO, size[::-1], interpolation=cv2.INTER_AREA)
    found = np.asarray(face_detector(size, yunet_weights())(image[None].astype(np.float32)))[0]
    network = cv2.dnn.readNetFromONNX(str(brought_file()))
    padded = np.zeros((96, 128, 3), np.uint8)
    padded[:72, :104] = image[..., ::-1]
    network.setInput(cv2.dnn.blobFromImage(padded))
    names = [f"{head}_{stride}" for head in ("cls", "obj", "bbox") for stride in (8, 16, 32)]
    heads = dict(zip(names, network.forward(names), strict=True))
    scores, widths = [], []
    for stride in (8, 16, 32):
        scores.append(np.sqrt(heads[f"cls_{stride}"] * heads[f"obj_{stride}"]).ravel())
        widths.append(np.exp(heads[f"bbox_{stride}"].reshape(-1, 4)[:, 2]) * stride)
    np.testing.assert_allclose(found[:, 14], np.concatenate(scores), atol=1e-4)
    np.testing.assert_allclose(found[:, 2], np.concatenate(widths), rtol=1e-3)
    assert len(found) == 96 * 128 // 64 + 96 * 128 // 256 + 96 * 128 // 1024


def test_it_has_the_weights_of_yunet_s():
    """54,608 in training (libfacedetection.train), of which 1,504 are folded normalisations."""
    weights = list(yunet_weights())
    assert face_detector((32, 32), weights).count_params() == 54_608 - 1_504
    with pytest.raises(ValueError, match="fewer convolutions"):
        face_detector((32, 32), weights[:1])


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
    (tmp_path / "file").write_text("")
    with pytest.raises(FerError, match="cannot be written"):
        write_face_detector(tmp_path / "file")


def test_without_yunets_file_an_export_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr("fer_tf.vision.detectors.yunet.PACKAGE", "no_such_package")
    brought_file.cache_clear()
    for name in ("tflite", "web"):
        with pytest.raises(FerError, match=f"{name}: needs a face detector: .* is not there"):
            check_installed([name])
    check_installed(["onnx"])
    brought_file.cache_clear()
