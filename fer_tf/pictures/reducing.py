"""Pictures at a smaller size."""

from __future__ import annotations

import cv2
import numpy as np


def reduced(image: np.ndarray, side: int) -> np.ndarray:
    """The picture with its longer side at most `side` pixels, averaged over areas.

    Args:
        image: uint8 [h, w] or [h, w, 3].
        side: 1 or more.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    smaller = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
