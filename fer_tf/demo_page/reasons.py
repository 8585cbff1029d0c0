"""What an answer rests on, by a Keras network that is loaded when first asked for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fer_tf.errors import FerError
from fer_tf.explanations.methods import DEFAULT_METHOD, METHODS
from fer_tf.vision.crops import crop_face
from fer_tf.vision.results import Detection, Face

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer

SIDE = 240
"""Pixels of the pictures; the map has 48."""


class Explainer:
    """The Keras networks of analyzers; used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: dict[tuple[Any, tuple[int, int]], Any] = {}

    def explain(
        self, analyzer: FaceAnalyzer, pixels: np.ndarray, face: Face
    ) -> dict[str, np.ndarray]:
        """Pictures of a face, RGB, uint8 [h, w, 3], by what they show.

        Args:
            analyzer: that answered.
            pixels: the picture, uint8 RGB [h, w, 3].
            face: of it; what is explained is its `emotion`.

        Raises:
            FerError: the analyzer's model is no Keras network, or TensorFlow is not installed.
        """
        crop = crop_face(
            pixels,
            Detection(face.box, face.score, face.eyes),
            margin=analyzer.detector.margin,
            align=True,
        )
        with self._lock:
            network = self._network(analyzer)
            from fer_tf.explanations import explain_faces
            from fer_tf.explanations.panels import heat_overlay, landmarks

            (explanation,) = explain_faces(
                network,
                crop.pixels[None],
                size=analyzer.recognizer.size,
                target=face.labels.index(face.emotion),
            )
        large = cv2.resize(crop.pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        return {
            "Heat map": heat_overlay(large, explanation.map),
            "Strongest pixels": landmarks(large, explanation.map),
        }

    def _network(self, analyzer: FaceAnalyzer) -> Any:
        key = analyzer.model, analyzer.recognizer.size
        if key not in self._networks:
            try:
                from fer_tf.explanations.network import open_network

                self._networks[key], _ = open_network(key[0], size=key[1])
            except ImportError as error:
                raise FerError(
                    f"the reason needs {error.name}, which is not installed: expected tensorflow"
                ) from error
        return self._networks[key]


def told() -> str:
    """How the pictures are made, in a sentence."""
    return f"Brighter: {METHODS[DEFAULT_METHOD]}."
