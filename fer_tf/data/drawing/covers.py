"""What grows on a face or hides a part of it: beard, hair, glasses, a cap, a scarf, a hand."""

from __future__ import annotations

import numpy as np

from fer_tf.data.drawing.mouth import Mouth
from fer_tf.data.drawing.sketch import EYE_Y, LEFT, NOSE_Y, RIGHT, Sketch, curve, ellipse


def draw_beard(sketch: Sketch, mouth: Mouth) -> None:
    """Beard and moustache, under the lips so that they never hide the mouth."""
    p = sketch.person
    chin = p.chin + 0.85 * mouth.drop
    tone = 0.45 * p.skin + 0.3 * min(p.hair_tone, p.skin)
    if p.beard_chance > 0.84:
        low = float(mouth.lower.max()) + 0.05
        outer = [(-0.93, 0.30), (-p.jaw, 0.75), (-0.36, chin - 0.05), (0, chin)]
        outer += [(-x, y) for x, y in reversed(outer[:-1])]
        inner = [(0.62, 0.62), (0.40, low), (-0.40, low), (-0.62, 0.62)]
        sketch.fill(np.concatenate([curve(*outer), curve(*inner)]), tone, depth=0.35)
    if p.moustache_chance > 0.86:
        top = NOSE_Y + p.nose_length + 0.10
        lip = np.stack([mouth.x, mouth.upper], axis=1)[3:-3]
        crest = curve((lip[-1, 0], lip[-1, 1] - 0.03), (0, top), (lip[0, 0], lip[0, 1] - 0.03))
        sketch.fill(np.concatenate([lip, crest]), 0.8 * tone)


def draw_hair(sketch: Sketch) -> None:
    """Hair over the forehead, above the brows; some heads are bald."""
    p = sketch.person
    if p.hair_style < 0.10:
        return
    w, line, part = p.width, p.hairline, p.parting
    end = -0.45 + 0.4 * (p.hair_style % 0.5)
    crown = [(1.04 * w, end), (1.07 * w, -0.70), (0.80, -1.25), (0, -1.52)]
    crown += [(-x, y) for x, y in reversed(crown[:-1])]
    fringe = [(-0.94 * w, end), (-0.86 * w, -0.52), (-0.55, line + 0.06), (part, line - 0.08)]
    fringe += [(0.55, line + 0.06), (0.86 * w, -0.52), (0.94 * w, end)]
    sketch.fill(np.concatenate([curve(*crown), curve(*fringe)]), p.hair_tone, depth=0.2)
    for x in (-0.75, -0.45, -0.15, 0.15, 0.45, 0.75):
        strand = curve((part + 0.1 * x, -1.5), (part + 0.6 * (x - part), -1.3), (x, line - 0.06))
        sketch.stroke(strand, 0.82 * p.hair_tone, 2, depth=0.2)


def draw_glasses(sketch: Sketch) -> None:
    """Thin frames around both eyes, at times with glare on a lens."""
    p = sketch.person
    if p.glasses_chance < 0.84:
        return
    x, y, r = p.eye_distance, EYE_Y + 0.02, p.glasses_size
    for side in (LEFT, RIGHT):
        frame = ellipse(side * x, y, r, 0.8 * r)
        sketch.stroke(np.concatenate([frame, frame[:1]]), p.glasses_tone, 4)
        temple = np.array([(side * (x + r), y - 0.03), (side * 1.0, y - 0.06)])
        sketch.stroke(temple, p.glasses_tone, 4)
        if p.glare_chance > 0.5:
            sketch.soft(side * x + 0.08, y - 0.08, 0.10, 0.06, 0.35)
    bridge = curve((-(x - r), y - 0.02), (0, y - 0.06), (x - r, y - 0.02))
    sketch.stroke(bridge, p.glasses_tone, 4)


def draw_occluder(sketch: Sketch, mouth: Mouth) -> None:
    """A cap, a scarf below the mouth, or a hand on one cheek: half the evidence stays in sight."""
    p = sketch.person
    side = LEFT if p.occluder_side < 0 else RIGHT
    if p.occluder_chance > 0.93:
        brim = -0.80 - 0.12 * p.occluder_edge
        cap = curve(
            (-1.2, brim + 0.2), (-0.6, brim), (0, brim - 0.04), (0.6, brim), (1.2, brim + 0.2)
        )
        sketch.fill(np.concatenate([cap, [(1.3, -1.8), (-1.3, -1.8)]]), p.occluder_tone, depth=0.35)
        sketch.stroke(cap, 0.6 * p.occluder_tone, 4, depth=0.35)
    elif p.occluder_chance > 0.86:
        top = float(mouth.lower.max()) + 0.06 + 0.12 * p.occluder_edge
        hem = curve((-1.5, top - 0.25), (-0.5, top), (0.5, top), (1.5, top - 0.25))
        sketch.fill(np.concatenate([hem, [(2, 3), (-2, 3)]]), p.occluder_tone, depth=0.2)
        sketch.stroke(hem + np.array([0, 0.12]), 0.7 * p.occluder_tone, 3, depth=0.2)
    elif p.occluder_chance > 0.78:
        _draw_hand(sketch, side, 0.15 + 0.25 * p.occluder_edge)


def _draw_hand(sketch: Sketch, side: int, height: float) -> None:
    """Four fingers that reach over a cheek from outside the picture."""
    skin = sketch.person.skin
    for finger, reach in enumerate((0.54, 0.42, 0.44, 0.58)):
        y = height + 0.20 * finger
        tip = [(2.2, y - 0.09 + 0.3), (reach, y - 0.09), (reach - 0.07, y), (reach, y + 0.09)]
        finger_shape = curve(*((side * x, v) for x, v in [*tip, (2.2, y + 0.09 + 0.3)]))
        sketch.fill(finger_shape, 0.9 * skin, depth=0.5)
        sketch.stroke(finger_shape, 0.55 * skin, 3, depth=0.5)
