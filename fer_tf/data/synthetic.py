"""Drawn faces whose expression can be learnt: data for a first run, for tests and for demos.

    python -m fer_tf.data.synthetic out.csv --count 2000                      as a fer2013.csv
    python -m fer_tf.data.synthetic folder --layout affectnet                 as another data set
    python -m fer_tf.data.synthetic --grid docs/drawn_faces.png --seed 1      as a picture

Only the muscles know the label. Each emotion is a set of facial action units, those of the
prototypes of EMFACS (Ekman, Friesen, "EMFACS-7: Emotional Facial Action Coding System", 1983,
unpublished; Ekman, Friesen, Hager, "FACS Investigator's Guide", 2002). Person, pose,
occlusion, light and noise are drawn before the label is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from fer_tf import cli
from fer_tf.data.drawing.affect import valence_and_arousal
from fer_tf.data.drawing.face import draw_face
from fer_tf.data.drawing.sketch import SIZE, UNITS, Person
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.errors import FerError
from fer_tf.files import write_beside, written_beside
from fer_tf.tasks import AFFECT, FER2013, TASKS, canonical

PROTOTYPES: dict[str, tuple[dict[int, float], ...]] = {
    "Angry": (
        {4: 1.0, 5: 0.6, 7: 0.6, 23: 1.0},
        {4: 1.0, 5: 0.5, 7: 0.7, 17: 0.4, 24: 1.0},
        {4: 1.0, 5: 0.6, 7: 0.5, 10: 0.4, 16: 0.5, 22: 0.5, 23: 0.5, 25: 0.9},
    ),
    "Disgust": (
        {4: 0.3, 6: 0.4, 7: 0.6, 9: 1.0, 10: 0.8, 15: 0.4, 17: 0.6},
        {4: 0.3, 7: 0.6, 9: 1.0, 10: 1.0, 16: 0.4, 25: 0.6},
        {7: 0.6, 9: 0.9, 10: 0.9, 17: 1.0},
    ),
    "Fear": (
        {1: 1.0, 2: 0.7, 4: 0.9, 5: 1.0, 20: 1.0, 25: 0.8},
        {1: 1.0, 2: 0.6, 4: 1.0, 5: 1.0, 7: 0.3, 20: 1.0, 25: 0.7, 26: 0.6},
        {1: 1.0, 2: 0.7, 4: 1.0, 5: 1.0, 15: 0.2, 20: 1.0, 25: 0.5},
    ),
    "Happy": (
        {6: 0.7, 12: 0.9},
        {6: 0.9, 12: 1.0, 25: 0.8},
        {6: 1.0, 12: 1.0, 25: 1.0, 26: 0.7},
    ),
    "Sad": (
        {1: 1.0, 4: 0.8, 15: 1.0},
        {1: 1.0, 4: 0.8, 15: 0.9, 17: 0.8},
        {1: 1.0, 4: 0.9, 7: 0.3, 15: 1.0, 25: 0.2},
    ),
    "Surprise": (
        {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.5, 26: 1.0},
        {1: 1.0, 2: 1.0, 5: 1.0, 25: 0.5, 27: 1.0},
    ),
    "Neutral": (
        {},
        {25: 0.25},
    ),
    "Contempt": ({12: 0.9}, {12: 0.8, 25: 0.2}),
}
"""Ways to show each emotion: intensity, 0 to 1, of each action unit at full strength."""

ONE_SIDED = "Contempt"
"""The emotion whose action units are pulled in one half of the face alone."""

GRID_COLUMNS = 12
GRID_ZOOM = 2


def draw(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draw one face for each label: uint8 [n, 48, 48] as of `draw_with_affect`."""
    return draw_with_affect(labels, seed)[0]


def draw_with_affect(
    labels: np.ndarray, seed: int = 0, names: Sequence[str] = FER2013
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one face for each label, and say how pleasant and how excited it looks.

    Face i depends on (seed, i, labels[i]) alone, and all of it but the expression on (seed, i):
    the same i with another label is the same person in the same light with another expression.

    Args:
        labels: integers [n], index into `names`.
        seed: 0 or more.
        names: emotions, keys of `PROTOTYPES` or variants of them.

    Returns:
        uint8 [n, 48, 48], grey, 0 is black; and float32 [n, 2], valence and arousal in [-1, 1],
        from the drawn action units alone (`drawing.affect`).

    Raises:
        FerError: a label is no integer that names an emotion, or the seed is negative.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise FerError(f"labels are {labels.dtype} {list(labels.shape)}: expected integers [n]")
    wrong = labels[(labels < 0) | (labels >= len(names))]
    if wrong.size:
        raise FerError(f"label {wrong[0]} is no emotion: expected 0 to {len(names) - 1}")
    if seed < 0:
        raise FerError(f"seed is {seed}: expected 0 or more")
    images = np.empty((len(labels), SIZE, SIZE), np.uint8)
    values = np.empty((len(labels), len(AFFECT)), np.float32)
    known = {canonical(name): name for name in PROTOTYPES}
    emotions = [known[canonical(name)] for name in names]
    for i, label in enumerate(labels.tolist()):
        rng = np.random.Generator(np.random.PCG64([seed, i]))
        person = Person.sample(rng)
        noise = rng.standard_normal((SIZE, SIZE), np.float32)
        left, right = _express(emotions[label], rng)
        images[i] = _photograph(draw_face(person, left, right), person, noise)
        values[i] = valence_and_arousal(left, right)
    return images, values


def _express(emotion: str, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """Action unit intensities of the two halves of the face, for one way to show `emotion`."""
    ways = PROTOTYPES[emotion]
    way = ways[int(rng.random() * len(ways))]
    strength = 0.65 + 0.35 * rng.random()
    # Faces at rest are never quite at rest, and no two halves pull alike.
    twitch = 0.10 * rng.random(UNITS)
    uneven = 1 + 0.12 * (2 * rng.random((2, UNITS)) - 1)
    pull = np.zeros(UNITS)
    pull[list(way)] = list(way.values())
    pulls = np.stack([pull, pull])
    if emotion == ONE_SIDED:
        pulls[int(rng.random() * 2)] = 0
    both = np.clip((twitch * (pulls == 0) + strength * pulls) * uneven, 0, 1)
    return both[0].tolist(), both[1].tolist()


def _photograph(picture: np.ndarray, person: Person, noise: np.ndarray) -> np.ndarray:
    """What a camera makes of `picture`: exposure, contrast, blur and noise; uint8 [48, 48]."""
    import cv2

    exposed: np.ndarray = (picture * person.gain - 128) * person.contrast + 128
    if person.blur > 0.25:
        exposed = cv2.GaussianBlur(exposed, (5, 5), person.blur)
    return np.clip(np.rint(exposed + person.noise * noise), 0, 255).astype(np.uint8)


def draw_dataset(count: int = 4800, seed: int = 0, *, affect: bool = False) -> Faces:
    """Draw a data set with as many faces of each emotion as of any other, in random order.

    Five sixths of the rows are Training, one eighth PublicTest and the rest PrivateTest, in
    this order and each balanced, as in fer2013.csv. With `affect` they have AffectNet's eight
    classes, valence and arousal.

    Raises:
        FerError: `count` is below 24, which is too few for three splits, or the seed negative.
    """
    if count < 24:
        raise FerError(f"count is {count}: expected at least 24 faces, enough for three splits")
    if seed < 0:
        raise FerError(f"seed is {seed}: expected 0 or more")
    task = TASKS["affectnet8"].with_face(SIZE, SIZE, 1) if affect else TASKS["fer2013"]
    classes = len(task.labels)
    rounds = np.tile(np.arange(classes, dtype=np.uint8), (-(-count // classes), 1))
    order = np.random.Generator(np.random.PCG64([seed]))
    labels = order.permuted(rounds, axis=1).ravel()[:count]
    training, private = count * 5 // 6, count // 24
    sizes = (training, count - training - private, private)
    split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), sizes)
    images, values = draw_with_affect(labels, seed, task.labels)
    return Faces(images, labels, split, task=task, values=values if affect else None)


def write_csv(path: str | os.PathLike[str], faces: Faces) -> None:
    """Write `faces` as Kaggle's fer2013.csv: `emotion,pixels,Usage`. Votes are not written.

    The file appears complete or not at all.

    Raises:
        FerError: a face is not 48x48, or the file cannot be written.
    """
    if faces.images.shape[1:] != (SIZE, SIZE):
        found = "x".join(map(str, faces.images.shape[1:]))
        raise FerError(f"{path}: faces are {found} pixels, but fer2013.csv holds {SIZE}x{SIZE}")
    target = Path(path)
    text = [str(grey) for grey in range(256)]
    rows = zip(faces.images, faces.labels.tolist(), faces.split.tolist(), strict=True)
    try:
        with (
            written_beside(target) as beside,
            open(beside, "w", encoding="ascii", newline="\n") as file,
        ):
            file.write("emotion,pixels,Usage\n")
            for image, label, split in rows:
                pixels = " ".join([text[grey] for grey in image.ravel().tolist()])
                file.write(f"{label},{pixels},{SPLITS[split]}\n")
    except OSError as error:
        raise FerError(f"{path}: cannot be written ({error.strerror or error})") from error


def draw_grid(seed: int) -> np.ndarray:
    """A labelled picture: a row for each emotion, a column for each person; uint8 [h, w]."""
    import cv2

    margin, side = 130, SIZE * GRID_ZOOM
    picture = np.full((len(FER2013) * side, margin + GRID_COLUMNS * side), 255, np.uint8)
    for row, name in enumerate(FER2013):
        strip = np.hstack(list(draw(np.full(GRID_COLUMNS, row), seed)))
        strip = cv2.resize(strip, None, fx=GRID_ZOOM, fy=GRID_ZOOM, interpolation=cv2.INTER_CUBIC)
        picture[row * side : (row + 1) * side, margin:] = strip
        at = (10, row * side + side // 2 + 8)
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_DUPLEX, 0.75, 0, 1, cv2.LINE_AA)
    return picture


@dataclass(frozen=True)
class Args:
    """Draw faces, and write them as a fer2013.csv, as another data set, or as a picture."""

    out: Annotated[Path | None, tyro.conf.Positional] = None
    """CSV file to write, in the layout of Kaggle's fer2013.csv; of the other layouts, a folder."""
    layout: Literal["fer2013", "ferplus", "folder", "affectnet", "affectnet-csv", "rafdb"] = (
        "fer2013"
    )
    """Data set whose layout the faces are written in, for trying out what reads it."""
    count: int = 4800
    """Number of faces in it."""
    seed: int = 0
    """The same seed draws the same faces."""
    grid: Path | None = None
    """PNG file to write: each emotion on the faces of twelve people."""


def main(argv: list[str] | None = None) -> None:
    """`python -m fer_tf.data.synthetic`."""
    args = cli.parse(Args, argv, prog="python -m fer_tf.data.synthetic")
    if args.out is None and args.grid is None:
        raise FerError("nothing to write: expected a CSV file to write, or --grid with a PNG file")
    if args.out is not None:
        from fer_tf.data.layouts import AFFECTNETS, LAYOUTS
        from fer_tf.files import refuse_taken

        if args.layout != "fer2013":
            refuse_taken(args.out)
        faces = draw_dataset(args.count, args.seed, affect=args.layout in AFFECTNETS)
        try:
            LAYOUTS[args.layout](args.out, faces)
        except OSError as error:
            place = error.filename or args.out
            raise FerError(f"{place}: cannot be written ({error.strerror or error})") from error
        print(f"{args.out}: {args.count} drawn faces")
    if args.grid is not None:
        _write_png(args.grid, draw_grid(args.seed))
        print(f"{args.grid}: {len(FER2013)} emotions of {GRID_COLUMNS} people")


def _write_png(path: Path, picture: np.ndarray) -> None:
    import cv2

    try:
        write_beside(path, cv2.imencode(".png", picture)[1].tobytes())
    except OSError as error:
        raise FerError(f"{path}: cannot be written ({error.strerror or error})") from error


if __name__ == "__main__":
    cli.run(main)
