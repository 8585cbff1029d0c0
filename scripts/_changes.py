"""Pictures made harder: turned, in another light, with faces covered; boxes go along."""

from __future__ import annotations

import cv2
import numpy as np
from _people import Picture
from _wider import Labelled

from fer_tf.vision.crops import between_centres
from fer_tf.vision.results import Box

TURNS = (0, 15, 30, 45, 60, 90, 135, 180)
LIGHTS = (4.0, 2.0, 0.5, 0.25, 0.12, 0.06)


def turned(picture: Picture, degrees: float) -> Picture:
    """The whole picture turned clockwise, on a canvas that holds it, its edges repeated.

    A face's box keeps its middle; between an upright and a lying one its sides change places.
    """
    height, width = picture.image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += side / 2 - np.array([width, height]) / 2
    image = cv2.warpAffine(
        picture.image, between_centres(matrix), (side, side), borderMode=cv2.BORDER_REPLICATE
    )
    lying = float(np.sin(np.radians(degrees)) ** 2)
    faces = []
    for face in picture.faces:
        x, y = matrix @ (*face.box.center, 1)
        wide = (1 - lying) * face.box.width + lying * face.box.height
        high = (1 - lying) * face.box.height + lying * face.box.width
        faces.append(Labelled(Box(x - wide / 2, y - high / 2, wide, high), face.counts))
    return Picture(picture.name, image, tuple(faces))


def lit(picture: Picture, times: float) -> Picture:
    """With so many times the light: cut off at white, or with the noise that a camera then has."""
    noise = np.random.default_rng(0).normal(0, 2, picture.image.shape) if times < 1 else 0
    image = np.clip(picture.image * float(times) + noise, 0, 255).round().astype(np.uint8)
    return Picture(picture.name, image, picture.faces)


def covered(picture: Picture, what: str) -> Picture:
    """With a part of each face painted over: one of `COVERS`."""
    image = picture.image.copy()
    for face in picture.faces:
        for corners, rgb in COVERS[what]:
            box = face.box
            points = np.array(corners) * (box.width, box.height) + (box.left, box.top)
            cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], rgb, cv2.LINE_AA, 4)
    return Picture(picture.name, image, picture.faces)


def _rectangle(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _ellipse(x: float, y: float, wide: float, high: float) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return [(x + wide * np.cos(angle), y + high * np.sin(angle)) for angle in angles]


_BLACK, _BLUE, _GREY = (20, 20, 24), (150, 190, 215), (110, 110, 110)
COVERS: dict[str, list[tuple[list[tuple[float, float]], tuple[int, int, int]]]] = {
    "dark glasses": [
        (_ellipse(0.25, 0.36, 0.23, 0.13), _BLACK),
        (_ellipse(0.75, 0.36, 0.23, 0.13), _BLACK),
        (_rectangle(-0.05, 0.28, 1.05, 0.33), _BLACK),
    ],
    "mask": [
        (
            [
                (0, 0.52),
                (0.5, 0.47),
                (1, 0.52),
                (0.95, 0.85),
                (0.7, 1.04),
                (0.3, 1.04),
                (0.05, 0.85),
            ],
            _BLUE,
        )
    ],
    "hat to the brows": [(_rectangle(-0.2, -0.35, 1.2, 0.2), _BLACK)],
    "left half": [(_rectangle(-0.4, -0.3, 0.5, 1.1), _GREY)],
    "lower half": [(_rectangle(-0.4, 0.55, 1.4, 1.2), _GREY)],
}
"""Of a face's box: corners in shares of its sides, and their colour."""
