"""What an answer rests on, as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from fer_tf.explanations.methods import DEFAULT_METHOD, METHODS
from fer_tf.vision.drawing import PAPER
from fer_tf.vision.results import Face

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer

SIDE = 240
"""Pixels of the pictures; a map has those of the network's input."""
SCALE = 12
"""Pixels of the scale's width, beside the heat map."""
TOLD = (
    f"Brighter: {METHODS[DEFAULT_METHOD]}. The scale goes from 0 below to 1. Salient points "
    "are the pixels with the largest values, not places of the face's anatomy."
)
"""How the pictures are made."""


def reasons(analyzer: FaceAnalyzer, pixels: np.ndarray, face: Face) -> dict[str, np.ndarray]:
    """Pictures of a face, RGB, uint8 [h, w, 3], by what they show.

    Args:
        analyzer: that answered.
        pixels: the picture, uint8 RGB [h, w, 3].
        face: of it; what is explained is its `emotion`.

    Raises:
        FerError: the analyzer's model is no Keras network, or Keras is not installed.
    """
    from fer_tf.vision.panels import heat_overlay, heat_scale, salient_points

    (why,) = analyzer.explain_found(pixels, [face])
    large = cv2.resize(why.crop.pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    # Both are as wide, so that they stand side by side as high.
    gap = np.full((SIDE, SCALE // 2, 3), PAPER, np.uint8)
    nothing = np.full((SIDE, SCALE, 3), PAPER, np.uint8)
    heat = heat_overlay(large, why.explanation.map)
    return {
        "Heat map": np.hstack([heat, gap, heat_scale(SIDE, SCALE)]),
        "Salient points": np.hstack([salient_points(large, why.explanation.map), gap, nothing]),
    }
