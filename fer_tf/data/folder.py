"""FER2013 as a folder of pictures: `train/angry/*.jpg`, `test/happy/*.png`, ..."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.emotions import FER2013
from fer_tf.errors import FerError

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

_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def read_folder(root: str) -> Faces:
    """Read pictures from `root`/SPLIT/CLASS/FILE, in the order of split, class and file name.

    Splits, whatever their case: `train` and `training` are Training; `val`, `valid`,
    `validation` and `PublicTest` are PublicTest; `PrivateTest` is PrivateTest. `test` is
    PublicTest, except beside a validation folder, where it is PrivateTest; and in the usual
    copy, whose `test` mixes both, files named `PrivateTest_*` are PrivateTest and those named
    `PublicTest_*` PublicTest.

    Classes are `fer_tf.emotions.FER2013`'s names or their usual variants (anger, fearful,
    happiness, ...), mapped to FER2013's order and not to the alphabetical order of the folders.
    Hidden files are passed over.

    Returns:
        Faces with images uint8 [n, 48, 48]; pictures in colour are turned to grey.

    Raises:
        FerError: an unknown split or class folder, a file that is not a whole 48x48 picture, no
            pictures, or two folders for one split or class.
    """
    splits = _named(Path(root), _SPLIT_NAMES, "split", "train, validation, test")
    names = {name.lower(): name for name in splits}
    indices = {name: _SPLIT_NAMES[_plain(name)] for name in splits}
    if "test" in names and len(splits) > len({*indices.values()}):
        indices[names["test"]] = SPLITS.index("PrivateTest")
    _refuse_twins(root, indices, SPLITS)

    found: list[tuple[int, int, Path]] = []
    for name, split in indices.items():
        classes = _named(Path(root, name), _CLASS_NAMES, "class", ", ".join(FER2013))
        labels = {folder: _CLASS_NAMES[_plain(folder)] for folder in classes}
        _refuse_twins(str(Path(root, name)), labels, FER2013)
        for folder, label in labels.items():
            for file in _files(Path(root, name, folder)):
                own = file.name.partition("_")[0]
                known = name.lower() == "test" and own in SPLITS[1:]
                found.append((SPLITS.index(own) if known else split, label, file))
    if not found:
        raise FerError(f"{root}: no pictures, expected train/angry/*.jpg and the like")
    found.sort()
    return Faces(
        images=np.stack([_picture(file) for _, _, file in found]),
        labels=np.array([label for _, label, _ in found], np.uint8),
        split=np.array([split for split, _, _ in found], np.uint8),
    )


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FerError(f"{folder}: can't be listed ({error.strerror})") from error


def _named(folder: Path, known: dict[str, int], kind: str, expected: str) -> list[str]:
    """The names of the folders in `folder`, each of which has to be known."""
    names = [path.name for path in _entries(folder) if path.is_dir()]
    for name in names:
        if _plain(name) not in known:
            raise FerError(f"{folder}: {name!r} is not a {kind}, expected folders {expected}")
    if not names:
        raise FerError(f"{folder}: no {kind} folders in it, expected {expected}")
    return names


def _refuse_twins(folder: str, indices: dict[str, int], meanings: tuple[str, ...]) -> None:
    for index in set(indices.values()):
        twins = [name for name in indices if indices[name] == index]
        if len(twins) > 1:
            both = " and ".join(twins)
            raise FerError(f"{folder}: {both} both mean {meanings[index]}, expected one of them")


def _files(folder: Path) -> list[Path]:
    files = [path for path in _entries(folder) if path.name.lower() != "thumbs.db"]
    for file in files:
        if file.suffix.lower() not in _PICTURES:
            raise FerError(f"{file}: not a picture, expected {', '.join(_PICTURES)}")
    return files


def _picture(file: Path) -> np.ndarray:
    """uint8 [48, 48], by Pillow, which refuses a truncated picture where OpenCV pads it."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            if picture.size != (48, 48):
                width, height = picture.size
                raise FerError(f"{file}: {width}x{height} pixels, expected 48x48")
            return np.asarray(picture.convert("L"))
    except FerError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FerError(f"{file}: not a whole picture ({error})") from error
