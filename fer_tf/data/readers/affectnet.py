"""AffectNet (Mollahosseini et al., IEEE Trans. Affective Computing 2017, arXiv:1708.03985).

It is distributed in two layouts. The later one, of faces that are cropped already:

    train_set/images/ID.jpg     train_set/annotations/ID_exp.npy, ID_val.npy, ID_aro.npy
    val_set/ the same

and the first one, of whole pictures with the faces' boxes:

    training.csv, validation.csv        or in Manually_Annotated_file_lists/
    Manually_Annotated_Images/          or in Manually_Annotated/
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from fer_tf.archives import open_csv
from fer_tf.data.faces import Faces
from fer_tf.data.pictures import Picture, read_pictures
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.data.rows import place, read_rows
from fer_tf.errors import FerError
from fer_tf.tasks import AFFECTNET, TASKS

COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
"""Of the lists, in their order: validation.csv has been given out without a header."""

WITHOUT_EMOTION = ("None", "Uncertain", "Non-face")
"""What the expressions 8 to 10 stand for."""

UNKNOWN = -2.0
"""Valence and arousal where there is none."""

_NUMBER_LIMIT = 4096  # bytes of a number in a .npy file

_FOLDERS = {"train_set": 0, "val_set": 1, "": 0}
_LISTS = {"training.csv": 0, "validation.csv": 1}


@dataclass(frozen=True)
class _Row:
    where: str
    split: int
    picture: Picture
    expression: float
    values: tuple[float, float]


def matches(path: str) -> bool:
    """Whether it is a folder of one of the two layouts."""
    return bool(_annotated(Path(path)) or _lists(Path(path)))


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read AffectNet.

    Args:
        path: the folder of either layout; one with images/ and annotations/ alone is Training.
        options: `face_size` is 112 if not given.

    Returns:
        Faces with images as of `read_pictures`, of eight classes (--task affectnet7 leaves out
        contempt), with valence and arousal, NaN where the annotations lack a file for them.
        Left out and counted: expressions without emotion, and values of `UNKNOWN`.

    Raises:
        FerError: a malformed annotation or row, a picture that is missing or damaged, or nothing
            that is labelled.
    """
    root = Path(path)
    pictures: list[Picture] = []
    labels, splits, affect = array("B"), array("B"), array("f")
    left_out = dict.fromkeys((*WITHOUT_EMOTION, "valence or arousal of -2"), 0)
    for row in _from_annotations(root) if _annotated(root) else _from_lists(root):
        if row.expression not in range(len(AFFECTNET) + 3):
            raise FerError(f"{row.where}: expression is {row.expression:g}, expected 0..10")
        expression = int(row.expression)
        if expression >= len(AFFECTNET):
            left_out[WITHOUT_EMOTION[expression - len(AFFECTNET)]] += 1
        elif UNKNOWN in row.values:
            left_out["valence or arousal of -2"] += 1
        elif any(abs(value) > 1 for value in row.values):
            raise FerError(f"{row.where}: valence, arousal are {row.values}, expected -1 to 1")
        else:
            pictures.append(row.picture)
            labels.append(expression)
            splits.append(row.split)
            affect.extend(row.values)
    for name, count in left_out.items():
        options.say(f"{path}: left out {count:,} of {name!r}")
    if not pictures:
        raise FerError(f"{path}: no face with an emotion, expected AffectNet's pictures and labels")
    task = TASKS["affectnet8"]
    images = read_pictures(pictures, options.face_size or task.face[0])
    return Faces(
        images=images,
        labels=np.array(labels, np.uint8),
        split=np.array(splits, np.uint8),
        task=task.with_face(*images.shape[1:]),
        values=np.array(affect, np.float32).reshape(-1, len(task.values)),
    )


def _annotated(root: Path) -> dict[Path, int]:
    """The folders with annotations/*_exp.npy and images/, and their splits."""
    return {
        root / name: split
        for name, split in _FOLDERS.items()
        if _has_expressions(root / name / "annotations") and os.path.isdir(root / name / "images")
    }


def _has_expressions(folder: Path) -> bool:
    # Others, such as COCO, have folders of this name too.
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith("_exp.npy") for entry in entries)
    except (OSError, ValueError):
        return False


def _from_annotations(root: Path) -> Iterator[_Row]:
    for folder, split in _annotated(root).items():
        files = list((folder / "annotations").glob("*_exp.npy"))
        for file in sorted(files, key=lambda file: (len(file.name), file.name)):
            name = file.name.removesuffix("_exp.npy")
            valence, arousal = (
                _number(other) if os.path.isfile(other) else float("nan")
                for other in (file.with_name(f"{name}_{kind}.npy") for kind in ("val", "aro"))
            )
            picture = Picture(str(folder / "images" / f"{name}.jpg"))
            yield _Row(str(file), split, picture, _number(file), (valence, arousal))


def _number(file: Path) -> float:
    """The number in a .npy file, which holds it as text or as it is, without dimensions."""
    try:
        with open(file, "rb") as stream:
            np.lib.format.read_magic(stream)
            # What the header says would else be allocated.
            shape, _, kind = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
            if shape or kind.hasobject or kind.itemsize > _NUMBER_LIMIT:
                raise ValueError(f"an array {list(shape)} of {kind}")
            return float(np.frombuffer(stream.read(_NUMBER_LIMIT), kind, count=1).item())
    except Exception as error:  # a damaged header makes NumPy raise what its tokenizer does
        raise FerError(f"{file}: holds no number ({error}), expected one in a .npy file") from error


def _lists(root: Path) -> dict[Path, int]:
    """The lists that are there, and their splits."""
    for folder in (root, root / "Manually_Annotated_file_lists"):
        found = {folder / name: split for name, split in _LISTS.items()}
        found = {file: split for file, split in found.items() if os.path.isfile(file)}
        if found and _pictures(root) is not None:
            return found
    return {}


def _pictures(root: Path) -> Path | None:
    folders = ("Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
    return next((root / name for name in folders if os.path.isdir(root / name)), None)


def _from_lists(root: Path) -> Iterator[_Row]:
    folder = _pictures(root)
    if folder is None:
        raise FerError(
            f"{root}: no AffectNet in it, expected annotations/*_exp.npy or training.csv"
        )
    for file, split in _lists(root).items():
        path = str(file)
        wanted = [name for name in COLUMNS if name != "facial_landmarks"]
        with open_csv(path, prefer=(file.name,)) as stream:
            lines = cast(BinaryIO, _WithHeader(stream))
            for row, (name, *fields) in read_rows(lines, path, wanted):
                where = place(path, row)
                picture = Path(name.decode("utf-8", "replace"))
                if picture.is_absolute() or ".." in picture.parts:
                    raise FerError(f"{where}: {str(picture)!r} leads out of {folder}")
                try:
                    *box, expression, valence, arousal = (float(field) for field in fields)
                    x, y, width, height = (int(side) for side in box)
                except (ValueError, OverflowError):
                    found = b",".join(fields).decode("utf-8", "replace")[:100]
                    raise FerError(
                        f"{where}: {found!r} are not all numbers, expected {', '.join(wanted[1:])}"
                    ) from None
                face = Picture(str(folder / picture), (x, y, width, height))
                yield _Row(where, split, face, expression, (valence, arousal))


class _WithHeader:
    """The lines of a list, with the header first where it has none."""

    def __init__(self, stream: BinaryIO):
        first = stream.readline(1 << 20)
        named = COLUMNS[0].lower().encode() in first.lower()
        header = ",".join(COLUMNS).encode() + b"\n"
        self._stream = stream
        self._lines = [first] if named or not first else [first, header]

    def readline(self, limit: int) -> bytes:
        return self._lines.pop() if self._lines else self._stream.readline(limit)


READER = Reader(
    "affectnet",
    "folder with annotations/*_exp.npy beside images/, or with training.csv beside "
    "Manually_Annotated_Images/",
    matches,
    read,
)
