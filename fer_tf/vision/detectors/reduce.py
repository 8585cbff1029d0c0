"""Large pictures are searched at a reduced size and scaled back; of finds one a face is kept."""

from __future__ import annotations

import numpy as np

from fer_tf.vision.results import Box, Detection, Point

WITHIN = 0.8
"""Share of the smaller of two boxes that lies in the other from which they are the same face: of a
mouth that is taken for a face all of it does, of people cheek to cheek a third at most."""


def one_each(detections: list[Detection]) -> list[Detection]:
    """One detection a face, the surest; best score first."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda found: -found.score):
        if not any(found.box.overlap(other.box) >= WITHIN for other in kept):
            kept.append(found)
    return kept


def scaled(detection: Detection, x: float, y: float) -> Detection:
    """A detection in a picture that is `x` times as wide and `y` times as high."""
    box = detection.box

    def moved(point: Point) -> Point:
        return point[0] * x, point[1] * y

    return Detection(
        Box(box.left * x, box.top * y, box.width * x, box.height * y),
        detection.score,
        (moved(detection.eyes[0]), moved(detection.eyes[1])) if detection.eyes else (),
    )


def best_first(
    detections: list[Detection], searched: np.ndarray, image: np.ndarray
) -> list[Detection]:
    """Detections in `searched`, scaled to `image`, of which it is a reduction; best score first."""
    x = image.shape[1] / searched.shape[1]
    y = image.shape[0] / searched.shape[0]
    return sorted((scaled(found, x, y) for found in detections), key=lambda found: -found.score)
