"""The free set: photos of people and of nobody in installed packages, and what is made of them.

Each picture's licence is named by the package that brings it. The boxes of the photos were drawn
by eye on a grid, from the hairline to the chin and without the ears; whoever drew them had seen
how wide YuNet's boxes are, though not where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from _wider import Labelled

from fer_tf.pictures.images import read_image
from fer_tf.vision.crops import sampled
from fer_tf.vision.results import Box


@dataclass(frozen=True)
class Source:
    """A picture of an installed package.

    Attributes:
        package: it lies in the folder `folder` of this one.
        folder: of the package.
        file: its name there.
        what: it shows.
        licence: as the package tells it.
        face: left, top, width, height of the face that it shows; () for none.
    """

    package: str
    folder: str
    file: str
    what: str
    licence: str
    face: tuple[int, int, int, int] | tuple[()] = ()

    @property
    def name(self) -> str:
        """Of the file, without its ending."""
        return Path(self.file).stem

    def read(self) -> np.ndarray:
        """RGB, uint8 [h, w, 3]."""
        return read_image((files(self.package) / self.folder / self.file).read_bytes())


CC0 = "CC0"
PUBLIC = "public domain"
FREE = "no known copyright restrictions"
UNNAMED = "none named beside BSD-3, the package's"
PEOPLE = (
    Source("skimage", "data", "astronaut.png", "Eileen Collins, NASA", PUBLIC, (181, 68, 87, 110)),
    Source(
        "matplotlib",
        "mpl-data/sample_data",
        "grace_hopper.jpg",
        "Grace Hopper, US Navy",
        PUBLIC,
        (168, 135, 192, 197),
    ),
    Source(
        "skimage",
        "data",
        "camera.png",
        "a man behind a camera, by Lav Varshney",
        CC0,
        (195, 122, 62, 68),
    ),
)
NOBODY = (
    Source("skimage", "data", "brick.png", "a wall, CC0Textures", CC0),
    Source("skimage", "data", "chelsea.png", "a cat, by Stefan van der Walt", CC0),
    Source("skimage", "data", "clock_motion.png", "a clock, by Stefan van der Walt", PUBLIC),
    Source("skimage", "data", "coffee.png", "a cup, by Rachel Michetti", CC0),
    Source("skimage", "data", "coins.png", "Greek coins, Brooklyn Museum", FREE),
    Source("skimage", "data", "grass.png", "grass, by linolafett", CC0),
    Source("skimage", "data", "gravel.png", "gravel, CC0Textures", CC0),
    Source("skimage", "data", "hubble_deep_field.jpg", "galaxies, NASA", PUBLIC),
    Source("skimage", "data", "ihc.png", "tissue, CMMI", FREE),
    Source("skimage", "data", "moon.png", "the moon", UNNAMED),
    Source("skimage", "data", "motorcycle_left.png", "a motorcycle", UNNAMED),
    Source("skimage", "data", "motorcycle_right.png", "a motorcycle", UNNAMED),
    Source("skimage", "data", "page.png", "a printed page", UNNAMED),
    Source("skimage", "data", "retina.jpg", "a retina, by Mikael Häggström", CC0),
    Source("skimage", "data", "rocket.jpg", "a rocket, SpaceX", PUBLIC),
    Source("skimage", "data", "text.png", "writing", PUBLIC),
    Source("sklearn", "datasets/images", "china.jpg", "a palace, by danielbuechele", "CC BY 2.0"),
    Source("sklearn", "datasets/images", "flower.jpg", "a flower, by vultilion", "CC BY 2.0"),
)


SIDES = (96, 48, 32)
"""Pixels to which faces are shrunk before they are changed, the mean side of their boxes."""
CROWDS = 4
CROWD = (720, 1280)
"""Height and width of a crowd, in pixels."""
ROWS = ((26, 70, 16), (38, 170, 12), (58, 305, 9), (90, 520, 7))
"""Of a crowd: height of the faces, middle of the row, number of heads."""
OVAL = (0.72, 0.95)
"""Half the width and half the height of a cut out head, in heights of its face."""


@dataclass(frozen=True)
class Picture:
    """A picture whose faces are known.

    Attributes:
        name: unique.
        image: uint8 RGB [h, w, 3].
        faces: all of it.
    """

    name: str
    image: np.ndarray
    faces: tuple[Labelled, ...]


@cache
def photos() -> tuple[Picture, ...]:
    """The photos of people, as they are."""
    return tuple(Picture(each.name, each.read(), (Labelled(Box(*each.face)),)) for each in PEOPLE)


def nobody() -> Iterator[Picture]:
    """The photos of nobody."""
    return (Picture(source.name, source.read(), ()) for source in NOBODY)


def people() -> Iterator[Picture]:
    """The photos of people in three sizes, as they are and mirrored."""
    for photo in photos():
        box = photo.faces[0].box
        for side in SIDES:
            picture = shrunk(photo, min(1.0, 2 * side / (box.width + box.height)))
            yield picture
            yield mirrored(picture)


def crowds() -> Iterator[Picture]:
    """Pictures with 44 heads each, pasted."""
    return (crowd(number) for number in range(CROWDS))


def shrunk(picture: Picture, scale: float) -> Picture:
    """The whole picture smaller, averaged over areas."""
    image = cv2.resize(picture.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    faces = []
    for face in picture.faces:
        box = face.box
        sides = (scale * side for side in (box.left, box.top, box.width, box.height))
        faces.append(Labelled(Box(*sides), face.counts))
    return Picture(picture.name, image, tuple(faces))


def mirrored(picture: Picture) -> Picture:
    """Left and right changed."""
    width = picture.image.shape[1]
    faces = [
        Labelled(Box(width - face.box.right, face.box.top, face.box.width, face.box.height))
        for face in picture.faces
    ]
    image = np.ascontiguousarray(picture.image[:, ::-1])
    return Picture(f"{picture.name}_mirrored", image, tuple(faces))


def crowd(number: int) -> Picture:
    """Rows of heads, cut out of the photos as ovals, the nearer ones larger: 1280x720 pixels.

    Each head is one of the photos', maybe mirrored, tilted by up to 15 degrees and lighter or
    darker than it was: a function of `number`.
    """
    draw = np.random.default_rng(number)
    height, width = CROWD
    shade = np.linspace(150, 60, height, dtype=np.float32)[:, None, None]
    canvas = np.broadcast_to(shade * np.float32((0.9, 1.0, 1.15)), (height, width, 3)).copy()
    faces = []
    for side, middle, count in ROWS:
        for column in range(count):
            photo = photos()[draw.integers(len(PEOPLE))]
            photo = mirrored(photo) if draw.random() < 0.5 else photo
            box = photo.faces[0].box
            scale = side * draw.uniform(0.85, 1.15) / box.height
            x = (column + 0.5 + draw.uniform(-0.15, 0.15)) * width / count
            y = middle + draw.uniform(-0.15, 0.15) * side
            matrix = cv2.getRotationMatrix2D(box.center, draw.uniform(-15, 15), scale)
            matrix[:, 2] += np.array([x, y]) - box.center
            light = draw.uniform(0.7, 1.15)
            _paste(canvas, photo, light, matrix)
            wide, high = box.width * scale, box.height * scale
            faces.append(Labelled(Box(x - wide / 2, y - high / 2, wide, high)))
    image = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    return Picture(f"crowd_{number}", image, tuple(faces))


def _oval(photo: Picture) -> np.ndarray:
    """What of a photo is its head: uint8 [h, w], 255 within, soft at the edge."""
    box = photo.faces[0].box
    y, x = np.ogrid[: photo.image.shape[0], : photo.image.shape[1]]
    across = (x + 0.5 - box.center[0]) / (OVAL[0] * box.height)
    down = (y + 0.5 - box.center[1] + 0.1 * box.height) / (OVAL[1] * box.height)
    return np.round(255 * np.clip((1 - np.hypot(across, down)) / 0.08, 0, 1)).astype(np.uint8)


def _paste(canvas: np.ndarray, photo: Picture, light: float, matrix: np.ndarray) -> None:
    """Lay a photo's head, with so many times its light, onto the canvas; writes to it."""
    box = photo.faces[0].box
    middle = matrix @ (*box.center, 1)
    reach = 1.2 * box.height * np.hypot(*matrix[0, :2])
    left, top = np.maximum(np.floor(middle - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(middle + reach), canvas.shape[1::-1]).astype(int)
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] - (left, top)])
    size = bottom - top, right - left
    paint = light * sampled(photo.image, moved, size).astype(np.float32)
    share = sampled(_oval(photo), moved, size)[..., None] / np.float32(255)
    place = canvas[top:bottom, left:right]
    place[...] = share * paint + (1 - share) * place
