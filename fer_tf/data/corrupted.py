"""Faces as bad light, lenses, files and hands leave them: what `evaluate --corruptions` measures.

After Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", ICLR 2019: kinds of corruption, each at several strengths, of the test faces alone.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from fer_tf.data.corruptions import blur, jpeg, spoil_light

Corruption = Callable[[np.ndarray], np.ndarray]
"""From uint8 [n, h, w], grey, or [n, h, w, 3], RGB, to the same; always the same for the same."""


def _light(gain: float, haze: float = 0.0) -> Corruption:
    def corrupt(images: np.ndarray) -> np.ndarray:
        strengths = {"gain": gain, "gamma": 1.0, "haze": haze}
        columns = {name: _column(images, value) for name, value in strengths.items()}
        return _levels(spoil_light(_floats(images), **columns))

    return corrupt


def _blur(width: float) -> Corruption:
    return lambda images: _levels(blur(_floats(images), width=_column(images, width)))


def _jpeg(quality: float) -> Corruption:
    return lambda images: _levels(jpeg(_floats(images), quality=_column(images, quality)))


def _over_bright(gain: float) -> Corruption:
    return lambda images: _levels(gain * _floats(images))


def _low_contrast(share: float) -> Corruption:
    """About each face's mean."""

    def corrupt(images: np.ndarray) -> np.ndarray:
        pixels = _floats(images)
        mean = pixels.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
        return _levels(mean + share * (pixels - mean))

    return corrupt


def _noise(deviation: float) -> Corruption:
    def corrupt(images: np.ndarray) -> np.ndarray:
        pixels = _floats(images)
        return _levels(pixels + np.random.default_rng(0).normal(0, deviation, pixels.shape))

    return corrupt


def _low_resolution(share: float) -> Corruption:
    """Averaged to a share of their sides, and enlarged again."""

    def corrupt(images: np.ndarray) -> np.ndarray:
        height, width = images.shape[1:3]
        small = max(1, round(share * width)), max(1, round(share * height))
        return np.stack(
            [
                cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height))
                for image in images
            ]
        )

    return corrupt


def _occlusion(share: float) -> Corruption:
    """A grey square, somewhere in each face, of a share of its sides."""

    def corrupt(images: np.ndarray) -> np.ndarray:
        sides = np.array(images.shape[1:3])
        size = np.round(share * sides).astype(int)
        places = np.random.default_rng(0).integers(0, sides - size + 1, (len(images), 2))
        covered = images.copy()
        for image, (top, left) in zip(covered, places, strict=True):
            image[top : top + size[0], left : left + size[1]] = 128
        return covered

    return corrupt


CORRUPTIONS: dict[str, Corruption] = {
    "brightness x 1/2": _light(1 / 2),
    "brightness x 1/4": _light(1 / 4),
    "brightness x 1/8": _light(1 / 8),
    "brightness x 1/16": _light(1 / 16),
    "haze, 40 %": _light(1.0, 0.4),
    "haze, 60 %": _light(1.0, 0.6),
    "haze, 80 %": _light(1.0, 0.8),
    "contrast x 1/2": _low_contrast(1 / 2),
    "contrast x 1/4": _low_contrast(1 / 4),
    "contrast x 1/8": _low_contrast(1 / 8),
    "over-bright, x 1.5": _over_bright(1.5),
    "over-bright, x 2": _over_bright(2.0),
    "over-bright, x 3": _over_bright(3.0),
    "blur, 0.5 pixels": _blur(0.5),
    "blur, 1 pixel": _blur(1.0),
    "blur, 2 pixels": _blur(2.0),
    "noise, 10 levels": _noise(10),
    "noise, 25 levels": _noise(25),
    "noise, 50 levels": _noise(50),
    "JPEG, quality 30": _jpeg(30),
    "JPEG, quality 20": _jpeg(20),
    "JPEG, quality 10": _jpeg(10),
    "resolution x 2/3": _low_resolution(2 / 3),
    "resolution x 1/2": _low_resolution(1 / 2),
    "resolution x 1/3": _low_resolution(1 / 3),
    "occlusion, 1/16 of the face": _occlusion(1 / 4),
    "occlusion, 1/8 of the face": _occlusion(8**-0.5),
    "occlusion, 1/4 of the face": _occlusion(1 / 2),
}
"""By name and strength. Pixels and levels are those of the faces: 48x48, 0 to 255."""


def _floats(images: np.ndarray) -> np.ndarray:
    """Float32 [n, h, w, 1 or 3]."""
    return (images[..., None] if images.ndim == 3 else images).astype(np.float32)


def _column(images: np.ndarray, value: float) -> np.ndarray:
    """The same number for each face, float32 [n]."""
    return np.full(len(images), value, np.float32)


def _levels(pixels) -> np.ndarray:
    """Float [n, h, w, 1 or 3] to uint8 [n, h, w] or [n, h, w, 3]."""
    levels = np.round(np.clip(np.asarray(pixels), 0, 255)).astype(np.uint8)
    return levels[..., 0] if levels.shape[-1] == 1 else levels
