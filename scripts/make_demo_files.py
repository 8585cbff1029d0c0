"""The example pictures of the demo page, of what installed packages carry and of drawn faces."""

from __future__ import annotations

import cv2
import numpy as np
from _machine import ROOT
from _people import PEOPLE
from PIL import Image

from fer_tf.data.synthetic import draw

DRAWN = (3, 5, 4, 0, 6, 2)
"""FER2013's indices of what the drawn faces show."""
SIDE = 224
"""Pixels of a drawn face; it is drawn at 48."""
SEED = 23
QUALITY = 75


def drawn() -> np.ndarray:
    """Six drawn faces, two rows of three."""
    faces = [
        cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for face in draw(np.array(DRAWN), seed=SEED)
    ]
    rows = [np.concatenate(faces[start : start + 3], axis=1) for start in (0, 3)]
    return np.concatenate(rows)


def main() -> None:
    """Write them into fer_tf/demo_files, each below 60 kB."""
    astronaut, grace_hopper, _ = PEOPLE
    pictures = {photo.name: photo.read() for photo in (astronaut, grace_hopper)}
    for name, picture in {**pictures, "drawn": drawn()}.items():
        path = ROOT / "fer_tf" / "demo_files" / f"{name}.jpg"
        Image.fromarray(picture).save(path, quality=QUALITY, optimize=True)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
