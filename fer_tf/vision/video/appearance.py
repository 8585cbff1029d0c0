"""What a head looks like, for it to be known again after it was covered or away, or a cut."""

from __future__ import annotations

import cv2
import numpy as np

from fer_tf.vision.results import Box

_WIDER = 1.2  # than the face's box: hair belongs to it
_SIDE, _CELLS = 48, 4  # pixels to which a head is reduced, and cells along a side
_BINS = (6, 8, 8)  # of lightness and of the two colour axes, whose middle halves are counted
_RANGES = (0, 256, 64, 192, 64, 192)


def appearance(image: np.ndarray, box: Box) -> np.ndarray:
    """The colours of a head, cell by cell: a vector of length 1.

    The dot product of two is the Bhattacharyya coefficient of their histograms: 0.95 for the same
    head at another place and size in a little more or less light (0.85 for the worst in twenty), at
    most 0.4 for heads of other colours, and 0.6 for two people in black and white (0.83 for the
    likest in a hundred).

    Args:
        image: uint8 RGB [h, w, 3].
        box: of a face in it, which may reach beyond.

    Returns:
        float32 [6144].
    """
    (x, y), height, width = box.center, *image.shape[:2]
    half_width, half_height = _WIDER * box.width / 2, _WIDER * box.height / 2
    left, top = (int(max(edge, 0)) for edge in (x - half_width, y - half_height))
    left, top = min(left, width - 1), min(top, height - 1)
    right, bottom = int(max(left + 1, x + half_width)), int(max(top + 1, y + half_height))
    head = cv2.resize(image[top:bottom, left:right], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(head, cv2.COLOR_RGB2LAB)
    step = _SIDE // _CELLS
    counts = [
        cv2.calcHist(
            [lab[row : row + step, column : column + step]], [0, 1, 2], None, _BINS, _RANGES
        )
        for row in range(0, _SIDE, step)
        for column in range(0, _SIDE, step)
    ]
    vector = np.sqrt(np.concatenate(counts).ravel())
    return vector / max(float(np.linalg.norm(vector)), 1e-6)
