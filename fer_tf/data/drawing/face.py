"""One drawn face: how facial action units move brows, lids, nose and mouth of a person.

An action unit (AU) is one muscle's visible pull, numbered in the Facial Action Coding System
(Ekman, Friesen, "Facial Action Coding System", 1978; 2nd edition with Hager, 2002). The left
and the right half of the face each have a list of intensities, indexed by AU number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_tf.data.drawing.covers import draw_beard, draw_glasses, draw_hair, draw_occluder
from fer_tf.data.drawing.mouth import Mouth, draw_mouth
from fer_tf.data.drawing.sketch import (
    EYE_Y,
    LEFT,
    NOSE_Y,
    RIGHT,
    Person,
    Sketch,
    curve,
    ellipse,
    loop,
)


def draw_face(person: Person, left: Sequence[float], right: Sequence[float]) -> np.ndarray:
    """Draw `person` with the two halves of the face pulled by `left` and `right`.

    Args:
        person: identity, pose, occlusion and light.
        left: intensities of the action units on the viewer's left, `UNITS` values in [0, 1].
        right: the same on the viewer's right.

    Returns:
        float32 [48, 48], grey levels, not clipped.
    """
    sketch = Sketch(person)
    mouth = Mouth.pulled(person, left, right)
    _draw_head(sketch, mouth)
    for side, au in ((LEFT, left), (RIGHT, right)):
        _draw_eye(sketch, side, au)
        _draw_brow(sketch, side, au)
        _draw_nose(sketch, side, au)
    draw_beard(sketch, mouth)
    draw_mouth(sketch, mouth)
    for side, au in ((LEFT, left), (RIGHT, right)):
        _draw_folds(sketch, side, au, mouth)
    draw_hair(sketch)
    draw_glasses(sketch)
    draw_occluder(sketch, mouth)
    return sketch.paint()


def _draw_head(sketch: Sketch, mouth: Mouth) -> None:
    """Backdrop, shoulders, back of the hair, ears, and the face with its soft relief."""
    p = sketch.person
    w, chin, skin = p.width, p.chin + 0.85 * mouth.drop, p.skin
    edge = p.backdrop_edge
    backdrop = [(edge, -3), (3, -3), (3, 3), (edge + 0.4, 3)]
    sketch.fill(np.array(backdrop), p.backdrop_tone, depth=0)
    if p.hair_style > 0.55:
        long = 1.6 if p.hair_style > 0.75 else 0.7
        outline = [(-1.15, 0.0), (-1.0, -1.05), (0, -1.52), (1.0, -1.05), (1.15, 0.0)]
        sketch.fill(loop(*outline, (1.2, long), (-1.2, long)), 0.85 * p.hair_tone, depth=0)
    sketch.fill(loop((-0.5, 0.6), (0.5, 0.6), (0.55, 1.7), (-0.55, 1.7)), 0.62 * skin, depth=0)
    shoulders = [(-0.5, 1.35), (0, 1.62), (0.5, 1.35), (2.2, 1.75), (2.2, 3), (-2.2, 3)]
    sketch.fill(np.array([*shoulders, (-2.2, 1.75)]), p.clothes, depth=0)
    for side in (LEFT, RIGHT):
        sketch.fill(ellipse(side * 1.0 * w, 0.05, 0.13, 0.24), 0.80 * skin, depth=0)
        sketch.fill(ellipse(side * 1.02 * w, 0.05, 0.06, 0.14), 0.60 * skin, depth=0)
    half = [(0.99 * w, -0.15), (0.94 * w, 0.35), (p.jaw, 0.55 + 0.4 * (chin - 0.8))]
    half += [(0.42, chin - 0.07)]
    skull = [(-0.92 * w, -0.7), (-0.5, -1.18), (0, -1.32), (0.5, -1.18), (0.92 * w, -0.7)]
    mirrored = [(-x, y) for x, y in reversed(half)]
    face = loop(*skull, *half, (0, chin), *mirrored)
    sketch.fill(face, skin, depth=0)
    sketch.stroke(np.concatenate([face, face[:1]]), 0.62 * skin, 2, depth=0)
    for side in (LEFT, RIGHT):
        sketch.soft(side * 1.02, 0.3, 0.28, 0.9, -0.30)
        sketch.soft(side * 0.55, 0.28, 0.26, 0.22, 0.10)
        sketch.soft(side * 0.75, chin - 0.25, 0.30, 0.30, -0.16)
    sketch.soft(0.0, -0.68, 0.50, 0.25, 0.12)
    sketch.soft(0.0, chin - 0.12, 0.22, 0.12, 0.10)


def _draw_eye(sketch: Sketch, side: int, au: Sequence[float]) -> None:
    """Lids and iris: AU5 raises the upper lid, AU7 tightens both, AU6 lifts the lower one."""
    p = sketch.person
    x, y, size = side * p.eye_distance, EYE_Y, p.eye_size
    upper = (0.105 + 0.085 * au[5] - 0.040 * au[7] - 0.025 * au[6] - 0.035 * au[9]) * size
    lower = (0.080 + 0.025 * au[5] - 0.045 * au[7] - 0.055 * au[6] - 0.030 * au[9]) * size
    upper -= 0.04 * au[15] * au[1]
    # In sadness the inner brow takes the inner end of the lid with it, and the outer end sinks.
    oblique = au[1] * au[4] * (1 - au[2])
    inner, outer = -side * 0.21 * size, side * 0.22 * size
    tip, tail = y + 0.03 - 0.03 * oblique, y + 0.05 * oblique - 0.01
    lid = curve(
        (x + inner, tip),
        (x + 0.5 * inner, y - 0.85 * upper - 0.03 * oblique),
        (x, y - upper),
        (x + 0.6 * outer, y - 0.75 * upper + 0.03 * oblique),
        (x + outer, tail),
    )
    rim = curve(
        (x + outer, tail), (x + 0.5 * outer, y + 0.85 * lower), (x, y + lower), (x + inner, tip)
    )
    skin = p.skin
    sketch.fill(np.concatenate([lid, rim]), min(245.0, 0.45 * skin + 130))
    gaze = x + p.gaze_x
    sketch.fill(ellipse(gaze, y + p.gaze_y, 0.105, 0.105), 20 + 100 * p.iris)
    sketch.fill(ellipse(gaze, y + p.gaze_y, 0.055, 0.055), 12)
    sketch.fill(ellipse(gaze - 0.04, y + p.gaze_y - 0.045, 0.028, 0.028), 250)
    # Skin over and under the opening hides what of the iris the lids cover.
    above, below = y - 0.27, y + 0.19
    brim = np.array([(x + 1.1 * outer, above), (x + 1.1 * inner, above)])
    sketch.fill(np.concatenate([lid, brim]), skin)
    sketch.fill(np.concatenate([rim, [(x + inner, below), (x + outer, below)]]), skin)
    crease = lid[4:-2] - np.array([0, 0.055 + 0.01 * p.age])
    sketch.stroke(crease, 0.72 * skin, 2)
    sketch.stroke(rim, 0.60 * skin, 2)
    sketch.stroke(lid, 0.22 * skin, 5)
    sketch.soft(x, y - 0.16, 0.26, 0.10, -0.10)
    sketch.soft(side * 0.17, y - 0.06, 0.10, 0.16, -0.14)
    bag = 0.3 * p.age + 0.8 * au[6] + 0.5 * au[7]
    pouch = curve((x + inner, y + 0.13), (x, y + 0.19), (x + 0.8 * outer, y + 0.13))
    sketch.stroke(pouch, (1 - 0.20 * min(bag, 1.2)) * skin, 2)


def _draw_brow(sketch: Sketch, side: int, au: Sequence[float]) -> None:
    """The brow: AU1 raises its inner end, AU2 its outer end, AU4 lowers and draws inwards."""
    p = sketch.person
    # Frontalis (AU1) wins over the corrugator's downward pull, which then only draws inwards.
    frown = au[4] * (1 - 0.9 * au[1])
    together = 0.07 * au[4]
    up = p.brow_height - 0.42 + 0.03 * au[6]
    slant = p.brow_slant
    # Fear: AU1+2+4 lifts the whole brow and flattens its arch.
    arch = au[2] * (1 - 0.6 * au[4])
    spine = [
        (0.16 - together, up - slant - 0.20 * au[1] + 0.19 * frown + 0.07 * au[9]),
        (0.33 - together, up - 0.05 - 0.12 * au[1] - 0.10 * arch + 0.14 * frown + 0.06 * au[9]),
        (0.53 - 0.4 * together, up - 0.07 - 0.02 * au[1] - 0.17 * arch + 0.03 * frown),
        (0.74, up + 0.03 + slant - 0.13 * arch + 0.02 * au[1] * (1 - au[2])),
    ]
    middle = curve(*((side * x, y) for x, y in spine))
    taper = np.linspace(1.0, 0.25, len(middle)) * p.brow_thickness
    half = np.stack([np.zeros_like(taper), taper], axis=1)
    sketch.fill(np.concatenate([middle - half, (middle + half)[::-1]]), p.brow_tone)


def _draw_nose(sketch: Sketch, side: int, au: Sequence[float]) -> None:
    """Bridge, wing and nostril of one side; AU9 wrinkles the root and lifts the wing."""
    p = sketch.person
    skin, wing = p.skin, p.nose_width * (1 + 0.2 * au[9] + 0.12 * au[10] + 0.1 * au[12])
    tip = NOSE_Y + p.nose_length - 0.04 * au[9] - 0.02 * au[10]
    bridge = curve((side * 0.11, -0.16), (side * 0.075, 0.02), (side * 0.09, tip - 0.10))
    sketch.stroke(bridge, 0.84 * skin, 2)
    alar = [(0.75, -0.13), (1.05, -0.04), (1.0, 0.05), (0.62, 0.07)]
    sketch.stroke(curve(*((side * wing * x, tip + y) for x, y in alar)), 0.58 * skin, 3)
    sketch.fill(ellipse(side * 0.52 * wing, tip + 0.065, 0.36 * wing, 0.032), 0.32 * skin)
    sketch.soft(0, tip - 0.06, 0.06, 0.16, 0.06)
    sketch.soft(side * 0.14, tip - 0.08, 0.07, 0.16, -0.07)
    if au[9] > 0.15:
        for y, length in ((-0.13, 0.11), (-0.04, 0.14), (0.05, 0.14)):
            wrinkle = curve((0, y - 0.02), (side * 0.5 * length, y), (side * length, y - 0.07))
            sketch.stroke(wrinkle, (1 - 0.5 * au[9]) * skin, 3)


def _draw_folds(sketch: Sketch, side: int, au: Sequence[float], mouth: Mouth) -> None:
    """What the pull leaves in the skin: furrows, crow's feet, the nasolabial fold, the chin."""
    p = sketch.person
    skin = p.skin

    def crease(depth: float, width: int, *knots: tuple[float, float]) -> None:
        if depth > 0.12:
            points = curve(*((side * x, y) for x, y in knots))
            sketch.stroke(points, (1 - 0.5 * min(depth, 1.0)) * skin, width)

    lifted = 0.9 * au[1] * (0.5 + 0.5 * max(au[2], au[4])) + 0.15 * p.age
    for y in (-0.70, -0.80):
        crease(0.6 * lifted, 2, (0, y), (0.3, y - 0.02), (0.55, y + 0.03))
    top = -0.50 - 0.12 * au[1]
    crease(0.9 * au[4], 3, (0.065, top), (0.05, top + 0.10), (0.07, top + 0.20))
    for dy in (-0.05, 0.02, 0.09):
        crease(0.8 * au[6], 2, (0.68, EYE_Y + 0.01 + 0.3 * dy), (0.83, EYE_Y + 1.6 * dy))
    corner = abs(mouth.x_at(side)), mouth.y_at(side)
    depth = 0.25 * p.age + 0.65 * au[12] + 0.8 * au[10] + 0.6 * au[9] + 0.3 * au[20]
    bulge = corner[0] + 0.10 + 0.03 * au[12]
    wing = p.nose_width + 0.06, NOSE_Y + p.nose_length - 0.06 * au[9]
    crease(depth, 3, wing, (0.62 * bulge + 0.08, 0.46), (bulge, corner[1] - 0.02))
    crease(0.9 * au[15], 3, (corner[0] + 0.02, corner[1]), (corner[0] + 0.07, corner[1] + 0.10))
    sketch.soft(side * 0.52, 0.22, 0.24, 0.16, 0.12 * max(au[6], 0.6 * au[12]))
    sketch.soft(side * (wing[0] + 0.16), 0.42, 0.12, 0.16, -0.12 * min(depth, 1.0))
    if mouth.chin > 0.15:
        y = float(mouth.lower.max()) + 0.10
        crease(mouth.chin, 3, (0, y - 0.03), (0.15, y), (0.22, y + 0.08))
