"""Faces as an exported network takes them: resized to its input as in training, in bytes."""

from __future__ import annotations

import numpy as np

from fer_tf.data.mapped import Images


def to_input(faces: Images, size: tuple[int, int], channels: int = 3) -> np.ndarray:
    """Grey faces at another size, by the same bilinear interpolation as evaluation, rounded.

    Args:
        faces: uint8 [n, h, w].
        size: (height, width) in pixels.
        channels: 3 for equal red, green and blue, 1 for grey.

    Returns:
        uint8 [n, height, width, channels].
    """
    import cv2

    height, width = size
    result = np.empty((len(faces), height, width, channels), np.uint8)
    for row, face in zip(result, faces, strict=True):
        row[:] = cv2.resize(face, (width, height), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return result
