"""YuNet's network in Keras, place by place against OpenCV's run of the same file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import fer_tf
from fer_tf.exporting.face_detector_tflite import yunet_weights
from fer_tf.models.face_detector import COLUMNS, STRIDES, face_detector
from fer_tf.pictures.images import read_image
from fer_tf.vision.detectors.yunet import brought_file

PHOTO = Path(fer_tf.__file__).parent / "demo_files" / "grace_hopper.jpg"


def test_every_place_agrees_with_opencvs_heads():
    """At a size that is padded within."""
    size = (72, 104)
    image = cv2.resize(read_image(PHOTO), size[::-1], interpolation=cv2.INTER_AREA)
    found = np.asarray(face_detector(size, yunet_weights())(image[None].astype(np.float32)))[0]
    network = cv2.dnn.readNetFromONNX(str(brought_file()))
    padded = np.zeros((96, 128, 3), np.uint8)
    padded[:72, :104] = image[..., ::-1]
    network.setInput(cv2.dnn.blobFromImage(padded))
    names = [f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
    heads = dict(zip(names, network.forward(names), strict=True))
    expected = []
    for s in STRIDES:
        row, column = (each.reshape(-1, 1) for each in np.indices((96 // s, 128 // s)))
        corner = np.concatenate([column, row], axis=1)
        box, points = heads[f"bbox_{s}"].reshape(-1, 4), heads[f"kps_{s}"].reshape(-1, 10)
        sides = np.exp(box[:, 2:]) * s
        score = np.sqrt(heads[f"cls_{s}"] * heads[f"obj_{s}"]).reshape(-1, 1)
        left_top = (box[:, :2] + corner) * s - sides / 2
        parts = [left_top, sides, (points + np.tile(corner, 5)) * s, score]
        expected.append(np.concatenate(parts, axis=1))
    rows = np.concatenate(expected)
    assert found.shape == rows.shape == (96 * 128 // 64 + 96 * 128 // 256 + 12, COLUMNS)
    np.testing.assert_allclose(found[:, :14], rows[:, :14], rtol=1e-3, atol=0.01)
    np.testing.assert_allclose(found[:, 14], rows[:, 14], atol=1e-4)


def test_it_is_yunet_s():
    """54,608 weights in training (libfacedetection.train), 1,504 of normalisations folded since."""
    weights = list(yunet_weights())
    assert face_detector((32, 32), weights).count_params() == 54_608 - 1_504
    with pytest.raises(ValueError, match="fewer convolutions"):
        face_detector((32, 32), weights[:1])
    with pytest.raises(ValueError, match="1 convolutions more than"):
        face_detector((32, 32), [*weights, weights[0]])
