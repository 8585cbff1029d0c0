"""FER2013 as a folder of pictures, or a zip of one: `train/angry/*.jpg`, `test/happy/*.png`, ..."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from fer_tf.archives import open_file, open_zip
from fer_tf.data.faces import SPLITS, Faces
from fer_tf.errors import FerError
from fer_tf.tasks import FER2013

_SPLIT_NAMES = {
    "train": 0,
    "training": 0,
    "test": 1,
    "val": 1,
    "valid": 1,
    "validation": 1,
    "publictest": 1,
    "privatetest": 2,
}

_CLASS_NAMES = {
    "angry": 0,
    "anger": 0,
    "disgust": 1,
    "disgusted": 1,
    "fear": 2,
    "fearful": 2,
    "scared": 2,
    "happy": 3,
    "happiness": 3,
    "sad": 4,
    "sadness": 4,
    "surprise": 5,
    "surprised": 5,
    "neutral": 6,
}

_STRAY = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"))
"""What Windows and macOS leave in folders, in lower case, beside their hidden files."""

_MEMBER_LIMIT = 1 << 24
"""Bytes that a picture in a zip may unpack to: five times what 48x48 pixels can need."""

Place = Path | zipfile.Path


def zipped_folder(path: str) -> zipfile.Path | None:
    """The root of a zip that holds folders of pictures and no CSV; None for any other file."""
    try:
        root = zipfile.Path(open_zip(open_file(path)))
        names = [name.lower() for name in root.root.namelist() if "__macosx" not in name.lower()]
    except Exception:  # what is the matter with it, the reader of CSVs tells
        return None
    if any(name.endswith(".csv") for name in names) or not any("/" in name for name in names):
        return None
    return root


def read_folder(root: Place) -> Faces:
    """Read pictures from `root`/SPLIT/CLASS/FILE, in the order of split, class and file name.

    `root` is a folder, or that of a zip, which is not unpacked to disk; where all lies in one
    folder within it, that one is read.

    Splits, whatever their case: `train` and `training` are Training; `val`, `valid`,
    `validation` and `PublicTest` are PublicTest; `PrivateTest` is PrivateTest. `test` is
    PublicTest, except beside a validation folder, where it is PrivateTest; and in the usual
    copy, whose `test` mixes both, files named `PrivateTest_*` are PrivateTest and those named
    `PublicTest_*` PublicTest.

    Classes are `fer_tf.tasks.FER2013`'s names or their usual variants (anger, fearful,
    happiness, ...), mapped to FER2013's order and not to the alphabetical order of the folders.
    Hidden files are passed over, and what Windows and macOS leave (`desktop.ini`, `__MACOSX`).

    Returns:
        Faces with images uint8 [n, 48, 48]: read as `predict` does, by
        `fer_tf.pictures.images.read_image` (upright, 16 bits made 8, white where transparent), and
        turned to grey.

    Raises:
        FerError: an unknown split or class folder, a file that is not a whole 48x48 picture (a
            FIFO or a PostScript file, say), no pictures, or two folders for one split or class.
    """
    root = _innermost(root)
    splits = _named(root, _SPLIT_NAMES, "split", "train, validation, test")
    names = {name.lower(): name for name in splits}
    indices = {name: _SPLIT_NAMES[_plain(name)] for name in splits}
    if "test" in names and len(splits) > len({*indices.values()}):
        indices[names["test"]] = SPLITS.index("PrivateTest")
    _refuse_twins(root, indices, SPLITS)

    found: list[tuple[int, int, str, Place]] = []
    for name, split in indices.items():
        classes = _named(root / name, _CLASS_NAMES, "class", ", ".join(FER2013))
        labels = {folder: _CLASS_NAMES[_plain(folder)] for folder in classes}
        _refuse_twins(root / name, labels, FER2013)
        for folder, label in labels.items():
            for file in _files(root / name / folder):
                own = file.name.partition("_")[0]
                known = name.lower() == "test" and own in SPLITS[1:]
                split_of = SPLITS.index(own) if known else split
                found.append((split_of, label, str(file), file))
    if not found:
        raise FerError(f"{root}: no pictures, expected train/angry/*.jpg and the like")
    found.sort(key=lambda each: each[:3])
    return Faces(
        images=np.stack([_picture(file) for *_, file in found]),
        labels=np.array([label for _, label, *_ in found], np.uint8),
        split=np.array([split for split, *_ in found], np.uint8),
    )


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _innermost(root: Place) -> Place:
    """The folder with the splits: archives often hold all in one more."""
    folders = [path for path in _entries(root) if path.is_dir()]
    if len(folders) == 1 and _plain(folders[0].name) not in _SPLIT_NAMES:
        inner = folders[0]
        if any(_plain(path.name) in _SPLIT_NAMES for path in _entries(inner)):
            return inner
    return root


def _entries(folder: Place) -> list[Place]:
    try:
        entries: list[Place] = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise FerError(f"{folder}: can't be listed ({error.strerror})") from error
    return [
        path
        for path in entries
        if not path.name.startswith(".") and path.name.lower() not in _STRAY
    ]


def _named(folder: Place, known: dict[str, int], kind: str, expected: str) -> list[str]:
    """The names of the folders in `folder`, each of which has to be known."""
    names = [path.name for path in _entries(folder) if path.is_dir()]
    for name in names:
        if _plain(name) not in known:
            raise FerError(f"{folder}: {name!r} is not a {kind}, expected folders {expected}")
    if not names:
        raise FerError(f"{folder}: no {kind} folders in it, expected {expected}")
    return names


def _refuse_twins(folder: Place, indices: dict[str, int], meanings: tuple[str, ...]) -> None:
    for index in set(indices.values()):
        twins = [name for name in indices if indices[name] == index]
        if len(twins) > 1:
            both = " and ".join(twins)
            raise FerError(f"{folder}: {both} both mean {meanings[index]}, expected one of them")


def _files(folder: Place) -> list[Place]:
    from fer_tf.pictures.finding import SUFFIXES

    files = _entries(folder)
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            raise FerError(f"{file}: not a picture, expected .png, .jpg or the like")
    return files


def _picture(file: Place) -> np.ndarray:
    """Uint8 [48, 48], grey."""
    import cv2

    from fer_tf.pictures.images import read_image

    pixels = read_image(file) if isinstance(file, Path) else read_image(_Member(file))
    if pixels.shape[:2] != (48, 48):
        raise FerError(f"{file}: {pixels.shape[1]}x{pixels.shape[0]} pixels, expected 48x48")
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


class _Member:
    """A file in a zip as `read_image` takes it."""

    def __init__(self, file: zipfile.Path):
        self.name, self._file = str(file), file

    def read(self) -> bytes:
        size = self._file.root.getinfo(self._file.at).file_size
        if size > _MEMBER_LIMIT:
            raise ValueError(f"unpacks to {size:,} bytes, above {_MEMBER_LIMIT:,}")
        return self._file.read_bytes()
