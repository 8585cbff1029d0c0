"""Faces as an exported network takes them: resized to its input as in training, in bytes."""

from __future__ import annotations

import numpy as np

from fer_tf.data.mapped import Images


def to_input(faces: Images, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Faces at another size, by the same bilinear interpolation as evaluation, rounded.

    Args:
        faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB.
        size: (height, width) in pixels.
        channels: 3 for RGB, which of a grey face are equal; 1 for grey, of a colour its luma.

    Returns:
        uint8 [n, height, width, channels].
    """
    import cv2

    height, width = size
    result = np.empty((len(faces), height, width, channels), np.uint8)
    for row, face in zip(result, faces, strict=True):
        if face.ndim == 3 and channels == 1:
            face = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)  # ITU-R BT.601's weights
        resized = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)
        row[:] = resized.reshape(height, width, -1)
    return result
