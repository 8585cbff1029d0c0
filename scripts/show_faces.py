"""Draws docs/faces/: what is found in the free set, annotated as `fer_tf.predict` does.

    python scripts/show_faces.py [--to docs/faces] [--set FOLDER]

The pictures are those of scripts/_people.py, all in the public domain or CC0. --set writes the
free set itself into a folder, as PNG with boxes.txt in WIDER FACE's format and SOURCES.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from _changes import COVERS, LIGHTS, TURNS, covered, lit, turned
from _machine import ROOT
from _people import NOBODY, PEOPLE, Picture, crowd, crowds, nobody, photos
from _wider import Labelled, boxes_text
from PIL import Image

from fer_tf.vision import FaceAnalyzer
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.results import Box

HEADS = ((60, 0, 320), (0, 20, 512))
"""Of the first two photos: left, top and side of the square that shows the head."""
TILE = 320
"""Pixels of that square as it is shown."""
EMPTY = (
    "chelsea",
    "clock_motion",
    "coffee",
    "coins",
    "hubble_deep_field",
    "retina",
    "rocket",
    "text",
)
"""Photos of nobody that are shown, all in the public domain or CC0."""
QUALITY = 74


def heads() -> list[Picture]:
    """Two photos' heads, uint8 [320, 320, 3]."""
    squares = []
    for photo, (left, top, side) in zip(photos(), HEADS, strict=False):
        square = photo.image[top : top + side, left : left + side]
        how = cv2.INTER_AREA if side > TILE else cv2.INTER_CUBIC
        scale = TILE / side
        face = photo.faces[0].box
        box = [(face.left - left) * scale, (face.top - top) * scale]
        box += [face.width * scale, face.height * scale]
        faces = (Labelled(Box(*box)),)
        squares.append(
            Picture(photo.name, cv2.resize(square, (TILE, TILE), interpolation=how), faces)
        )
    return squares


def grid(tiles: Iterable[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size in rows, thin white lines between them."""
    framed = [
        cv2.copyMakeBorder(each, 0, 4, 0, 4, cv2.BORDER_CONSTANT, value=(255,) * 3)
        for each in tiles
    ]
    rows = [np.hstack(framed[at : at + columns]) for at in range(0, len(framed), columns)]
    return np.vstack(rows)[:-4, :-4]


def fitted(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The middle of a picture, filling a size."""
    scale = max(width / image.shape[1], height / image.shape[0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]


def within(picture: Picture) -> np.ndarray:
    """The middle of a turned head, as large as the head's own square."""
    return fitted(picture.image[66:-66, 66:-66], TILE, TILE)


def write_set(folder: Path) -> None:
    """The free set: pictures, boxes and where they are from."""
    folder.mkdir(parents=True, exist_ok=True)
    boxes = {}
    for picture in chain(photos(), crowds(), nobody()):
        name = f"{picture.name}.png"
        Image.fromarray(picture.image).save(folder / name)
        boxes[name] = picture.faces
    (folder / "boxes.txt").write_text(boxes_text(boxes), "utf-8")
    rows = [
        f"| {each.name} | {each.what} | {each.package} | {each.licence} |"
        for each in (*PEOPLE, *NOBODY)
    ]
    rows.append("| crowd_N | heads of the first three, pasted | scripts/_people.py | as theirs |")
    head = ["| picture | what | package | licence |", "|---|---|---|---|"]
    (folder / "SOURCES.md").write_text("\n".join([*head, *rows]) + "\n", "utf-8")


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "faces")
    parser.add_argument("--set", type=Path, help="folder for the free set itself")
    args = parser.parse_args()
    if args.set:
        return write_set(args.set)
    args.to.mkdir(parents=True, exist_ok=True)
    analyzer = FaceAnalyzer()
    large = FaceAnalyzer(detect_size=1280)

    def shown(image: np.ndarray, by: FaceAnalyzer = analyzer) -> np.ndarray:
        return draw_faces(image, by.analyze(image))

    astronaut, hopper = heads()
    empty = [each.read() for each in NOBODY if each.name in EMPTY]
    pages = {
        "portraits": grid((shown(fitted(p.image, 400, 440)) for p in photos()), 3),
        "turned": grid((shown(within(turned(astronaut, degrees))) for degrees in TURNS), 4),
        "light": grid((shown(lit(astronaut, times).image) for times in LIGHTS), 3),
        "covered": grid(
            (
                shown(covered(head, what).image)
                for head in (astronaut, hopper)
                for what in list(COVERS)[:4]
            ),
            4,
        ),
        "crowd": shown(crowd(0).image, large),
        "nobody": grid((shown(fitted(image, 300, 220)) for image in empty), 4),
    }
    for name, page in pages.items():
        path = args.to / f"{name}.jpg"
        Image.fromarray(page).save(path, quality=QUALITY, optimize=True)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
