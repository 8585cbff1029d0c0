"""What a drawn face is made of: a person, smooth curves, and a sketch that projects and paints.

Geometry is in face units: x to the viewer's right, y down, (0, 0) between the eyes and the
nose, about 1 from there to the edge of a cheek. `Sketch` collects shapes in these units and
projects all of them at once, so that a face costs well under a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from math import cos, sin

import numpy as np

SIZE = 48
"""Height and width of a drawn face, pixels: FER2013's."""

OVERSAMPLING = 4
"""The canvas is this many times larger than the face; shrinking it is the antialiasing."""

SUBPIXEL_BITS = 4
"""OpenCV takes coordinates as integers in units of 2**-SUBPIXEL_BITS of a pixel."""

UNITS = 28
"""Length of a list of action unit intensities: item i is AU i, from 0 (absent) to 1 (maximal)."""

EYE_Y, NOSE_Y = -0.10, -0.02
"""Height of the eyes and of the root of the nose, face units."""

LEFT, RIGHT = -1, 1
"""Sides as the viewer sees them: the sign of x."""


def _between(low: float, high: float) -> float:
    """A dataclass field that `Person.sample` fills uniformly from [low, high]."""
    return field(metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Person:
    """Everything in the picture that is not the expression; drawn without knowing the label.

    Lengths are in face units, angles in radians, tones in grey levels or as a share of the
    skin's. A field called `..._chance` is in [0, 1] and compared with a threshold.
    """

    # Identity
    width: float = _between(0.90, 1.04)
    jaw: float = _between(0.72, 0.86)
    chin: float = _between(1.12, 1.28)
    eye_distance: float = _between(0.39, 0.45)
    eye_size: float = _between(0.92, 1.12)
    iris: float = _between(0.10, 0.75)
    brow_thickness: float = _between(0.040, 0.085)
    brow_height: float = _between(-0.03, 0.03)
    brow_slant: float = _between(-0.025, 0.025)
    nose_length: float = _between(0.30, 0.40)
    nose_width: float = _between(0.13, 0.19)
    mouth_width: float = _between(0.32, 0.40)
    mouth_curve: float = _between(-0.02, 0.02)
    lip_upper: float = _between(0.045, 0.085)
    lip_lower: float = _between(0.060, 0.110)
    lip_tone: float = _between(0.58, 0.86)
    age: float = _between(0.0, 1.0)
    skin: float = _between(95, 205)
    hair: float = _between(0.0, 1.0)
    hair_style: float = _between(0.0, 1.0)
    hairline: float = _between(-0.94, -0.72)
    parting: float = _between(-0.5, 0.5)
    beard_chance: float = _between(0.0, 1.0)
    moustache_chance: float = _between(0.0, 1.0)
    glasses_chance: float = _between(0.0, 1.0)
    glasses_size: float = _between(0.27, 0.33)
    glasses_tone: float = _between(15, 110)
    # Pose
    roll: float = _between(-0.32, 0.32)
    yaw: float = _between(-0.40, 0.40)
    pitch: float = _between(-0.16, 0.16)
    scale: float = _between(16.0, 21.0)
    shift_x: float = _between(-3.0, 3.0)
    shift_y: float = _between(-3.0, 3.0)
    gaze_x: float = _between(-0.05, 0.05)
    gaze_y: float = _between(-0.02, 0.02)
    # Occlusion
    occluder_chance: float = _between(0.0, 1.0)
    occluder_side: float = _between(-1.0, 1.0)
    occluder_edge: float = _between(0.0, 1.0)
    occluder_tone: float = _between(20, 230)
    glare_chance: float = _between(0.0, 1.0)
    # Light and camera
    background: float = _between(15, 235)
    backdrop_tone: float = _between(15, 235)
    backdrop_edge: float = _between(-1.2, 1.2)
    clothes: float = _between(15, 235)
    light_x: float = _between(-0.40, 0.40)
    light_y: float = _between(-0.30, 0.20)
    gain: float = _between(0.75, 1.15)
    contrast: float = _between(0.75, 1.20)
    blur: float = _between(0.0, 0.7)
    noise: float = _between(0.0, 6.0)

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Person:
        """Draw each field uniformly between its limits."""
        return cls(*(_LOW + _SPAN * rng.random(len(_LOW))).tolist())

    @property
    def hair_tone(self) -> float:
        """Grey level of the hair: dark more often than fair, and never the skin's own."""
        tone = 15 + 215 * self.hair**2
        return tone if abs(tone - self.skin) > 25 else 0.6 * self.skin

    @property
    def brow_tone(self) -> float:
        """Grey level of the brows: darker than the skin whatever the hair."""
        return min(self.hair_tone, 0.42 * self.skin)


_LOW = np.array([f.metadata["low"] for f in fields(Person)])
_SPAN = np.array([f.metadata["high"] for f in fields(Person)]) - _LOW


@cache
def _spline(knots: int, closed: bool = False) -> np.ndarray:
    """Matrix [samples, knots] that takes knots to points of the Catmull-Rom curve through them."""
    steps = 5  # samples of a segment
    segments = knots if closed else knots - 1
    basis = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    u = np.arange(steps) / steps
    weights = np.stack([u**0, u, u**2, u**3], axis=1) @ basis
    matrix = np.zeros((segments * steps + (not closed), knots))
    for segment in range(segments):
        for tap in range(4):
            knot = segment + tap - 1
            knot = knot % knots if closed else min(max(knot, 0), knots - 1)
            matrix[segment * steps : (segment + 1) * steps, knot] += weights[:, tap]
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def curve(*knots: tuple[float, float]) -> np.ndarray:
    """Points float64 [n, 2] of a smooth open curve through `knots`."""
    return _spline(len(knots)) @ np.array(knots)


def loop(*knots: tuple[float, float]) -> np.ndarray:
    """Points float64 [n, 2] of a smooth closed curve through `knots`."""
    return _spline(len(knots), closed=True) @ np.array(knots)


_ANGLES = np.arange(20) * (2 * np.pi / 20)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Points float64 [20, 2] of an ellipse around (x, y)."""
    return np.array([x, y]) + _CIRCLE * np.array([rx, ry])


class Sketch:
    """Shapes of one face in drawing order, and soft shadows and highlights over them."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._shapes: list[tuple[np.ndarray, float, int, float]] = []
        self._soft: list[tuple[float, float, float, float, float]] = []

    def fill(self, points: np.ndarray, tone: float, depth: float = 1.0) -> None:
        """Fill a polygon [n, 2]; `depth` 1 lies on the curved face, 0 in the head's mid-plane."""
        self._shapes.append((points, tone, 0, depth))

    def stroke(self, points: np.ndarray, tone: float, width: int = 2, depth: float = 1.0) -> None:
        """Draw an open line [n, 2], `width` canvas pixels wide."""
        self._shapes.append((points, tone, width, depth))

    def soft(self, x: float, y: float, rx: float, ry: float, amount: float) -> None:
        """Brighten (amount > 0) or darken a blurred spot by the share `amount`."""
        self._soft.append((x, y, rx, ry, amount))

    def _project(self, points: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Face units [n, 2] -> pixels of the 48x48 picture [n, 2], on a turned spheroid."""
        p = self.person
        x, y = points[:, 0], points[:, 1]
        z = depth * 0.75 * np.sqrt(np.maximum(0, 1 - 0.85 * x * x - 0.45 * y * y))
        turned = x * cos(p.yaw) + (z - 0.4) * sin(p.yaw)
        nodded = (y - 0.1) * cos(p.pitch) + (z - 0.4) * sin(p.pitch)
        across = turned * cos(p.roll) - nodded * sin(p.roll)
        down = turned * sin(p.roll) + nodded * cos(p.roll)
        centre = (SIZE - 1) / 2
        return np.stack(
            [
                centre + p.shift_x + p.scale * across,
                centre + p.shift_y + p.scale * down,
            ],
            axis=1,
        )

    def paint(self) -> np.ndarray:
        """The picture, float32 [48, 48], grey levels before the camera."""
        import cv2

        p = self.person
        side = SIZE * OVERSAMPLING
        canvas = np.full((side, side), round(p.background), np.uint8)
        sizes = [len(points) for points, _, _, _ in self._shapes]
        depth = np.repeat([depth for _, _, _, depth in self._shapes], sizes)
        pixels = self._project(np.concatenate([shape[0] for shape in self._shapes]), depth)
        pixels = (pixels + 0.5) * OVERSAMPLING - 0.5
        fixed = np.rint(pixels * 2**SUBPIXEL_BITS).astype(np.int32)
        start = 0
        for (_, tone, width, _), size in zip(self._shapes, sizes, strict=True):
            points = [fixed[start : start + size]]
            start += size
            if width:
                cv2.polylines(canvas, points, False, tone, width, cv2.LINE_8, SUBPIXEL_BITS)
            else:
                cv2.fillPoly(canvas, points, tone, cv2.LINE_8, SUBPIXEL_BITS)
        picture = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        return picture * self._shading()

    def _shading(self) -> np.ndarray:
        """The soft spots and the slope of the light, as a float32 [48, 48] factor."""
        p = self.person
        spots = np.array(self._soft)
        centre = self._project(spots[:, :2], np.ones(len(spots)))
        grid = np.arange(SIZE)
        radius = spots[:, 2:4] * p.scale
        bell = np.exp(-(((grid - centre[:, :, None]) / radius[:, :, None]) ** 2))
        slope = np.linspace(-1, 1, SIZE)
        light = 1 + p.light_x * slope + p.light_y * slope[:, None]
        soft = 1 + (bell[:, 1].T * spots[:, 4]) @ bell[:, 0]
        return (light * np.maximum(soft, 0.2)).astype(np.float32)
