"""Folders of pictures, or a zip of them: `train/angry/*.jpg`, or `angry/*.jpg` without splits."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tf.archives import open_file, open_zip
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.naming import (
    SPLIT_NAMES,
    indices_in,
    refuse_twins,
    split_indices,
    task_of_names,
)
from fer_tf.data.pictures import Picture, Place, read_pictures
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.errors import FerError
from fer_tf.pictures.finding import SUFFIXES
from fer_tf.tasks import canonical, is_name, plain

_STRAY = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"))
"""What Windows and macOS leave in folders, in lower case, beside their hidden files."""


@dataclass(frozen=True, slots=True)
class _Found:
    split: int
    folder: str
    file: str | zipfile.Path


def zipped_folder(path: str) -> zipfile.Path | None:
    """The root of a zip with folders, and more pictures in them than CSVs; None for others."""
    try:
        root = zipfile.Path(open_zip(open_file(path)))
        names = [name.lower() for name in root.root.namelist() if "__macosx" not in name.lower()]
    except Exception:  # what is the matter with it, the reader of CSVs tells
        return None
    inside = [name for name in names if "/" in name]
    lists = sum(name.endswith(".csv") for name in names)
    pictures = sum(name.endswith(tuple(SUFFIXES)) for name in inside)
    return None if not inside or 0 < lists >= pictures else root


def matches(path: str) -> bool:
    """Whether it is a folder that holds folders, or a zip of such."""
    if os.path.isdir(path):
        return any(entry.is_dir() for entry in _entries(Path(path)))
    return zipped_folder(path) is not None


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read pictures from `path`/SPLIT/CLASS/FILE or `path`/CLASS/FILE, in this order.

    `path` is a folder or a zip, which is not unpacked to disk; where all lies in one folder
    within it, that one is read.

    Splits, whatever their case: `train` and `training` are Training; `val`, `valid`,
    `validation` and `PublicTest` are PublicTest; `PrivateTest` is PrivateTest. `test` is
    PublicTest, except beside a validation folder or where the rows will be divided anew, where it
    is PrivateTest; and in the usual copy of FER2013, whose `test` mixes both, files named
    `PrivateTest_*` are PrivateTest and those named `PublicTest_*` PublicTest. Without splits, all
    is Training.

    Classes are the folders' names. Where all are FER2013's or usual variants of them (anger,
    fearful, happiness, ...), they have FER2013's order; others have alphabetical order and are a
    task of their own, named as the folder, or "folder" where that is no name. Hidden files are
    passed over, and what Windows and macOS leave (`desktop.ini`, `__MACOSX`).

    Returns:
        Faces with images as of `read_pictures`.

    Raises:
        FerError: an unknown split beside a known one, a file that is no whole picture (a FIFO or a
            PostScript file, say), no pictures, two folders for one split or class, or pictures of
            different sizes without a `face_size`.
    """
    root: Place = Path(path) if os.path.isdir(path) else zipped_folder(path) or Path(path)
    root = _innermost(root)
    found: list[_Found] = []
    for name, split in _splits(root, divided=options.split).items():
        place = root / name if name else root
        folders = _folders(place, "class", "one for each class")
        refuse_twins(place, {folder: canonical(folder) for folder in folders})
        for folder in folders:
            for file in _files(place / folder):
                own = file.name.partition("_")[0]
                mixed = name.lower() == "test" and own in SPLITS[1:]
                kept = str(file) if isinstance(file, Path) else file
                found.append(_Found(SPLITS.index(own) if mixed else split, folder, kept))
    if not found:
        raise FerError(f"{root}: no pictures, expected train/angry/*.jpg and the like")
    names = {canonical(each.folder): each.folder for each in reversed(found)}
    labels = [names[each] for each in sorted(names)]
    name = Path(str(root)).stem
    task = task_of_names(labels, root, name if is_name(name) else "folder", options.say)
    order = dict(zip(sorted(names), indices_in(task, labels), strict=True))
    found.sort(key=lambda each: (each.split, order[canonical(each.folder)], str(each.file)))
    images = read_pictures([Picture(each.file) for each in found], options.face_size)
    return Faces(
        images=images,
        labels=np.array([order[canonical(each.folder)] for each in found], np.uint8),
        split=np.array([each.split for each in found], np.uint8),
        task=task.with_face(*images.shape[1:]),
    )


def _splits(root: Place, *, divided: bool) -> dict[str, int]:
    """The folders of splits and their indices; {"": Training} where the classes are at the top."""
    names = _folders(root, "split", "train, validation, test, or one for each class")
    indices = split_indices(names, root, divided=divided)
    if not indices:
        return {"": 0}
    for name in names:
        if name not in indices:
            raise FerError(
                f"{root}: {name!r} is not a split, expected folders train, validation, test"
            )
    return indices


def _innermost(root: Place) -> Place:
    """The folder with the splits or classes: archives often hold all in one more, or two."""
    folders = [path for path in _entries(root) if path.is_dir()]
    if len(folders) == 1 and plain(folders[0].name) not in SPLIT_NAMES:
        inner = folders[0]
        if any(path.is_dir() for path in _entries(inner)):
            return _innermost(inner)
    return root


def _entries(folder: Place) -> list[Place]:
    try:
        entries: list[Place] = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise FerError(
            f"{folder}: can't be listed ({error.strerror}), expected a folder or a .zip of one"
        ) from error
    return [
        path
        for path in entries
        if not path.name.startswith(".") and path.name.lower() not in _STRAY
    ]


def _folders(folder: Place, kind: str, expected: str) -> list[str]:
    """The names of the folders in `folder`."""
    names = [path.name for path in _entries(folder) if path.is_dir()]
    if not names:
        raise FerError(f"{folder}: no {kind} folders in it, expected {expected}")
    return names


def _files(folder: Place) -> list[Place]:
    files = _entries(folder)
    for file in files:
        if file.is_dir():
            raise FerError(f"{file}: a folder in a class's, expected pictures there and no folder")
        if file.suffix.lower() not in SUFFIXES:
            raise FerError(f"{file}: not a picture, expected .png, .jpg or the like")
    return files


READER = Reader("folder", "folders of pictures, one for each class", matches, read)
