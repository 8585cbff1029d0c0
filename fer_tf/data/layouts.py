"""Faces written as the data sets are distributed that `fer_tf.data.readers` reads.

So that each reader can be tried, and tested, on real files without anybody's pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.mapped import Images
from fer_tf.data.reader import say_nothing
from fer_tf.data.readers.affectnet import COLUMNS
from fer_tf.data.readers.rafdb import LIST
from fer_tf.data.relabel import relabel
from fer_tf.data.synthetic import write_csv
from fer_tf.errors import FerError
from fer_tf.tasks import FERPLUS

TINT = np.array([1.0, 0.85, 0.72])
"""RGB of a grey level, for layouts whose pictures have colour."""


def write_ferplus(root: Path, faces: Faces) -> None:
    """FERPlus: fer2013.csv, and fer2013new.csv, in which seven of ten name the label."""
    root.mkdir(parents=True, exist_ok=True)
    write_csv(root / "fer2013.csv", faces)
    lines = [",".join(("Usage", "Image name", *FERPLUS))]
    order = relabel(faces, "ferplus", str(root), say_nothing).labels
    for row, (label, split) in enumerate(zip(order.tolist(), faces.split.tolist(), strict=True)):
        votes = np.zeros(len(FERPLUS), int)
        votes[label] += 7
        votes[(label + 1) % 8] += 2
        votes[FERPLUS.index("unknown")] += 1
        lines.append(",".join((SPLITS[split], f"fer{row:07}.png", *map(str, votes.tolist()))))
    _write(root / "fer2013new.csv", lines)


def write_folder(root: Path, faces: Faces) -> None:
    """ROOT/SPLIT/CLASS/ROW.jpg, with the splits train, validation and test."""
    names = ("train", "validation", "test")
    for row, image in enumerate(faces.images):
        label = faces.task.labels[faces.labels[row]].lower()
        _save(root / names[faces.split[row]] / label / f"{row:06}.jpg", image)


def write_affectnet(root: Path, faces: Faces) -> None:
    """AffectNet's later layout: a .jpg and three .npy files a face; test rows are left out."""
    labels = relabel(faces, "affectnet8", str(root), say_nothing).labels
    for row, image in _tinted(faces):
        folder = root / ("train_set", "val_set")[faces.split[row]]
        _save(folder / "images" / f"{row}.jpg", image)
        numbers = {
            "exp": labels[row],
            **dict(zip(("val", "aro"), _values(faces, row), strict=True)),
        }
        for name, number in numbers.items():
            file = folder / "annotations" / f"{row}_{name}.npy"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, np.array(str(number)))


def write_affectnet_csv(root: Path, faces: Faces) -> None:
    """AffectNet's first layout: each face within a larger picture; test rows are left out."""
    labels = relabel(faces, "affectnet8", str(root), say_nothing).labels
    lists: list[list[str]] = [[",".join(COLUMNS)], []]
    for row, image in _tinted(faces):
        height, width = image.shape[:2]
        picture = np.full((2 * height, 3 * width, 3), 127, np.uint8)
        top, left = row % height, row % width
        picture[top : top + height, left : left + width] = image
        name = f"{row % 10}/{row}.jpg"
        _save(root / "Manually_Annotated_Images" / name, picture)
        box = (left, top, width, height)
        fields = (name, *box, "0;0", labels[row], *_values(faces, row))
        lists[faces.split[row]].append(",".join(map(str, fields)))
    for list_name, lines in zip(("training.csv", "validation.csv"), lists, strict=True):
        _write(root / list_name, lines)


def write_rafdb(root: Path, faces: Faces) -> None:
    """RAF-DB: a list, and aligned pictures; validation rows are test rows there."""
    labels = relabel(faces, "rafdb", str(root), say_nothing).labels
    lines = []
    for row, image in enumerate(in_colour(faces.images)):
        name = f"{'train' if faces.split[row] == 0 else 'test'}_{row:05}"
        lines.append(f"{name}.jpg {labels[row] + 1}")
        _save(root / "basic" / "Image" / "aligned" / f"{name}_aligned.jpg", image)
    _write(root / "basic" / "EmoLabel" / LIST, lines)


LAYOUTS: Mapping[str, Callable[[Path, Faces], None]] = MappingProxyType(
    {
        "fer2013": write_csv,
        "ferplus": write_ferplus,
        "folder": write_folder,
        "affectnet": write_affectnet,
        "affectnet-csv": write_affectnet_csv,
        "rafdb": write_rafdb,
    }
)
"""What writes faces in each layout: (file or folder, faces with grey images) -> None."""

AFFECTNETS = ("affectnet", "affectnet-csv")
"""The layouts whose faces have contempt, valence and arousal, too."""


def _tinted(faces: Faces) -> list[tuple[int, np.ndarray]]:
    """Row and RGB picture of the faces that are no test rows."""
    rows = np.flatnonzero(faces.split < 2)
    return list(zip(rows.tolist(), in_colour(faces.images[rows]), strict=True))


def in_colour(images: Images) -> np.ndarray:
    """Grey faces, uint8 [n, h, w], tinted like skin: uint8 [n, h, w, 3], RGB."""
    return np.rint(np.asarray(images)[..., None] * TINT).astype(np.uint8)


def _values(faces: Faces, row: int) -> list[float]:
    if faces.values is None:
        raise FerError("AffectNet's layout has valence and arousal: expected faces with values")
    return faces.values[row].round(4).tolist()


def _write(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="ascii")


def _save(file: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, quality=95)
