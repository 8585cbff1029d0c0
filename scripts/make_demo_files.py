"""The example pictures of the demo page, of what installed packages carry and of drawn faces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from _machine import ROOT
from PIL import Image

DRAWN = (3, 5, 4, 0, 6, 2)
"""FER2013's indices of what the drawn faces show."""
SIDE = 224
"""Pixels of a drawn face; it is drawn at 48."""
SEED = 23
QUALITY = 75


def astronaut() -> np.ndarray:
    """Eileen Collins, NASA, public domain."""
    import skimage.data

    return skimage.data.astronaut()


def grace_hopper() -> np.ndarray:
    """Rear Admiral Grace Hopper, US Navy, public domain."""
    from matplotlib import get_data_path

    path = Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return np.asarray(Image.open(path).convert("RGB"))


def drawn() -> np.ndarray:
    """Six drawn faces, two rows of three."""
    from fer_tf.data.synthetic import draw

    faces = [
        cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for face in draw(np.array(DRAWN), seed=SEED)
    ]
    rows = [np.concatenate(faces[start : start + 3], axis=1) for start in (0, 3)]
    return np.concatenate(rows)


def main() -> None:
    """Write them into fer_tf/demo_files, each below 60 kB."""
    for make in (astronaut, grace_hopper, drawn):
        path = ROOT / "fer_tf" / "demo_files" / f"{make.__name__}.jpg"
        Image.fromarray(make()).save(path, quality=QUALITY, optimize=True)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
