"""Occlusion: how much a class or a value loses when a window of the face is blurred away."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import keras
import numpy as np
from keras import ops

from fer_tf.explanations.gradients import batches, compiled, network_input

WINDOW = 1 / 12
"""Standard deviation of the soft window over the face's side: 4 of 48 pixels, about an eye."""

STEP = 1 / 12
"""Its step over the face's side: 4 of 48 pixels, 144 places in all."""

BLUR = 1 / 8
"""Standard deviation of the blur over the face's side: 6 of 48 pixels leave no expression."""


def blurred(faces: np.ndarray) -> np.ndarray:
    """Faces without their features, in their own light: what stands for "removed".

    Args:
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.

    Returns:
        uint8, shaped like the faces, each under a Gaussian whose standard deviation is `BLUR` of
        its height.
    """
    sigma = BLUR * faces.shape[1]
    blur = [cv2.GaussianBlur(f, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) for f in faces]
    return np.stack(blur) if blur else faces.copy()


def occlusion(
    model: keras.Model, faces: np.ndarray, target: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """What the answer loses by each pixel's absence (Zeiler and Fergus, 2014, 4.2).

    A soft window of `WINDOW` slides over the face in steps of `STEP` and blends the blurred face
    in: no grey square, which would itself be a strange new feature. A pixel's value is the mean
    loss over the places of the window, weighted by how much of the pixel each one hides.

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits and values, [n,
            classes + values], as `fer_tf.models.heads.joined` gives them.
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        target: int [n], indices of the answers.
        size: (height, width) to resize to.

    Returns:
        float32 [n, h, w]; negative where the answer gains.
    """
    windows = _windows(*faces.shape[1:3])
    masks = windows.reshape(*windows.shape, *[1] * (faces.ndim - 3))
    answer = answering(model, size)
    before = answer(faces)[np.arange(len(faces)), target]
    maps = []
    for face, blur, wanted, whole in zip(faces, blurred(faces), target, before, strict=True):
        hidden = face + masks * (blur.astype(np.float32) - face)
        loss = whole - answer(hidden)[:, wanted]
        maps.append(np.tensordot(loss, windows, 1) / windows.sum(axis=0))
    return np.array(maps, np.float32)


def answering(model: keras.Model, size: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function from faces to answers, float32 [n, answers], that TensorFlow need not compile.

    For few faces, uint8 or float32 [n, h, w], grey, or [n, h, w, 3], RGB:
    `fer_tf.trained.inference.predict_logits` is faster for thousands.
    """
    forward = compiled(lambda x: model(network_input(x, size), training=False))

    def answer(faces: np.ndarray) -> np.ndarray:
        parts = [ops.convert_to_numpy(forward(faces[rows])) for rows in batches(len(faces))]
        return np.concatenate(parts).astype(np.float32)

    return answer


def _windows(height: int, width: int) -> np.ndarray:
    """float32 [places, h, w]: how much the window hides of each pixel, at each of its places."""
    down, across = _places(height), _places(width)
    windows = down[:, None, :, None] * across[None, :, None, :]
    return windows.reshape(-1, height, width)


def _places(length: int) -> np.ndarray:
    """float32 [places, length]: Gaussians along one side, evenly from end to end."""
    count = max(round(1 / STEP), 1)
    centres = (np.arange(count)[:, None] + 0.5) * length / count
    away = (np.arange(length) + 0.5 - centres) / (WINDOW * length)
    return np.exp(-0.5 * away**2).astype(np.float32)
