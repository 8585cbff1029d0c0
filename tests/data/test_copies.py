"""Blank faces and copies are found, through lossy files too; other faces are kept."""

from __future__ import annotations

import cv2
import numpy as np

from fer_tf.data.copies import learnable
from fer_tf.data.faces import Faces
from fer_tf.data.synthetic import draw_dataset


def faces_of(images: np.ndarray) -> Faces:
    zeros = np.zeros(len(images), np.uint8)
    return Faces(images=images, labels=zeros, split=zeros)


def test_copies_and_blanks_are_left_out():
    images = draw_dataset(24).images
    training, validation = images[:12].copy(), images[12:].copy()
    training[3] = validation[5]
    lossy = cv2.imencode(".webp", validation[7], [cv2.IMWRITE_WEBP_QUALITY, 90])[1]
    training[8] = cv2.imdecode(lossy, cv2.IMREAD_GRAYSCALE)
    training[10] = 200
    kept = learnable(faces_of(training), faces_of(validation))
    assert kept.dtype == bool
    assert np.flatnonzero(~kept).tolist() == [3, 8, 10]
