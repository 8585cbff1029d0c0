"""The mouth: where the muscles pull the corners, the lips and the jaw, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer_tf.data.drawing.sketch import LEFT, Person, Sketch

MOUTH_Y = 0.66

_ACROSS = np.linspace(-1, 1, 25)


@dataclass(frozen=True)
class Mouth:
    """Where the lips are: arrays over 25 positions from the left corner to the right one.

    Attributes:
        x, upper_rim, lower_rim: float64 [25], the edges of the opening.
        upper, lower: float64 [25], the outer edges of the lips.
        gap: the opening at the middle, face units; 0 when closed.
        drop: how far the jaw, and the chin with it, has dropped, face units.
        teeth: height of the visible upper teeth, and `lower_teeth` of the lower, face units.
        press: 0 to 1, lips pressed into a line (AU23, AU24).
        chin: 0 to 1, chin boss pushed up (AU17).
    """

    x: np.ndarray
    upper_rim: np.ndarray
    lower_rim: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    gap: float
    drop: float
    teeth: float
    lower_teeth: float
    press: float
    chin: float

    @classmethod
    def pulled(cls, person: Person, left: Sequence[float], right: Sequence[float]) -> Mouth:
        """The mouth of `person` under these intensities."""
        au = [(a + b) / 2 for a, b in zip(left, right, strict=True)]
        drop = 0.16 * au[26] + 0.34 * au[27]
        reach, corner = zip(*(_mouth_corner(person, side) for side in (left, right)), strict=True)
        t = _ACROSS
        x = t * np.where(t < 0, reach[0], reach[1])
        corner_y = np.where(t < 0, corner[0], corner[1]) + 0.25 * drop
        # A stretched or bared mouth opens as a rectangle, a dropped jaw as an oval.
        square = min(1.0, au[20] + au[10] + au[16])
        middle = 1 - np.abs(t) ** (2 + 2 * square)
        lift = 0.13 * au[10] + 0.05 * au[25] - 0.02 * au[12] + 0.06 * au[17] + 0.03 * au[27]
        lower = 0.09 * au[25] + 0.11 * au[16] * au[25] + 1.35 * drop - 0.07 * au[17]
        lower += 0.05 * au[12] + 0.10 * au[12] * au[25]
        # With the lips together the raised upper one takes the lower one along.
        lower -= 0.11 * au[10] * max(0.0, 1 - 2 * au[25])
        upper_rim = corner_y * (1 - middle) - lift * middle
        lower_rim = np.maximum(corner_y * (1 - middle) + lower * middle, upper_rim)
        gap = float((lower_rim - upper_rim).max())
        press = min(1.0, max(au[23], au[24]))
        thin = (1 - 0.65 * press) * (1 - 0.3 * au[20]) * (1 - 0.25 * au[12])
        fleshy = (1 - t**2) ** 0.7
        bow = 1 - 0.25 * np.exp(-((t / 0.12) ** 2))
        upper_lip = person.lip_upper * (thin + 0.5 * au[22]) * bow * fleshy
        lower_lip = person.lip_lower * (thin + 0.5 * au[22] + 0.3 * au[17]) * fleshy
        bared = au[25] * max(au[12], au[20], au[10], au[16])
        return cls(
            x=x,
            upper_rim=MOUTH_Y + upper_rim,
            lower_rim=MOUTH_Y + lower_rim,
            upper=MOUTH_Y + upper_rim - upper_lip,
            lower=MOUTH_Y + lower_rim + lower_lip,
            gap=gap,
            drop=drop,
            teeth=0.13 * min(1.0, 1.4 * bared),
            lower_teeth=0.08 * au[25] * max(au[16], au[20], au[22]),
            press=press,
            chin=au[17],
        )

    def x_at(self, side: int) -> float:
        """x of the corner on that side."""
        return float(self.x[0 if side == LEFT else -1])

    def y_at(self, side: int) -> float:
        """y of the corner on that side."""
        return float(self.upper_rim[0 if side == LEFT else -1])


def _mouth_corner(person: Person, au: Sequence[float]) -> tuple[float, float]:
    """Half width and height (y down, 0 at rest) of one corner of the mouth."""
    reach = person.mouth_width * (
        1 + 0.30 * au[12] + 0.36 * au[20] - 0.10 * au[23] - 0.12 * au[26] - 0.28 * au[27]
    )
    reach -= person.mouth_width * (0.20 * au[22] + 0.08 * au[17] + 0.04 * au[15])
    height = person.mouth_curve - 0.17 * au[12] + 0.16 * au[15] + 0.06 * au[20] + 0.05 * au[17]
    return reach, height + 0.03 * au[10]


def draw_mouth(sketch: Sketch, mouth: Mouth) -> None:
    """Lips, and in an open mouth the dark inside, the tongue and the teeth."""
    p = sketch.person
    lips = p.lip_tone * p.skin
    x, upper, lower = mouth.x, mouth.upper_rim, mouth.lower_rim
    sketch.fill(_band(x, mouth.upper, mouth.lower), lips)
    sketch.soft(0, float(mouth.lower.max()) + 0.06, 0.22, 0.07, -0.12 - 0.10 * mouth.chin)
    if mouth.gap < 0.03:
        line = np.stack([x, (upper + lower) / 2], axis=1)
        sketch.stroke(line, 0.26 * p.skin, 3 + round(2 * mouth.press))
        return
    sketch.fill(_band(x, upper, lower), 0.14 * p.skin)
    if mouth.drop > 0.12:
        y = float(lower.max())
        floor = np.minimum(lower, np.maximum(upper, y - 0.10 * (1 - _ACROSS**2)))
        sketch.fill(_band(x, floor, lower)[6:-6], 0.42 * p.skin)
    inside = slice(2, -2)
    tooth = 0.35 * p.skin + 150
    if mouth.teeth > 0.02:
        edge = np.minimum(lower, upper + mouth.teeth)
        sketch.fill(_band(x[inside], upper[inside], edge[inside]), min(tooth, 240))
    if mouth.lower_teeth > 0.02:
        edge = np.maximum(upper, lower - mouth.lower_teeth)
        sketch.fill(_band(x[inside], edge[inside], lower[inside]), min(0.9 * tooth, 220))
        bite = np.minimum(lower, (upper + mouth.teeth + lower - mouth.lower_teeth) / 2)
        sketch.stroke(np.stack([x, bite], axis=1)[3:-3], 0.3 * p.skin, 2)


def _band(x: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Polygon [2n, 2] between two lines over the same x [n]."""
    return np.concatenate([np.stack([x, top], axis=1), np.stack([x[::-1], bottom[::-1]], axis=1)])
