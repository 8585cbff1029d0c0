"""RAF-DB's basic emotions (Li, Deng, Du: CVPR 2017), as distributed: aligned pictures and a list.

    basic/EmoLabel/list_patition_label.txt      train_00001.jpg 5
    basic/Image/aligned/train_00001_aligned.jpg

The authors spell the list's name so. Labels count from 1, in the order of `fer_tf.tasks.RAFDB`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.pictures import Picture, read_pictures
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.errors import FerError
from fer_tf.tasks import RAFDB, TASKS

LIST = "list_patition_label.txt"
_LISTS = (f"basic/EmoLabel/{LIST}", f"EmoLabel/{LIST}", LIST)
_SPLITS = {"train": 0, "test": SPLITS.index("PrivateTest")}
_LABELS = {str(index + 1): index for index in range(len(RAFDB))}
_LIMIT = 1 << 26  # bytes; the real list has 0.3 million


def matches(path: str) -> bool:
    """Whether it is a folder with the list in it, or in basic/EmoLabel/."""
    return _list(path) is not None


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read RAF-DB from its folder, or from its folder "basic".

    Rows named `train_*` are Training and `test_*` PrivateTest: RAF-DB has no validation rows
    (--split 80:20 takes some of the training rows).

    Returns:
        Faces with images as of `read_pictures`, 100x100 RGB where they are the authors', in the
        order of split and list.

    Raises:
        FerError: a malformed row, a row twice there, or a picture that is missing or damaged.
    """
    file = _list(path)
    if file is None:
        raise FerError(f"{path}: no {LIST} in it, expected RAF-DB's folder")
    pictures = _pictures(file)
    rows: list[tuple[int, int, Picture]] = []
    seen: set[str] = set()
    for number, (name, label) in enumerate(_rows(file), 1):
        split = _SPLITS.get(name.partition("_")[0])
        if split is None or label not in _LABELS or name in seen or Path(name).name != name:
            raise FerError(
                f"{file}: line {number} is '{name} {label}', expected a train_ or test_ picture, "
                f"each once, and a label in 1..{len(RAFDB)}"
            )
        seen.add(name)
        aligned = f"{Path(name).stem}_aligned{Path(name).suffix}"
        rows.append((split, _LABELS[label], Picture(str(pictures / aligned))))
    if not rows:
        raise FerError(f"{file}: empty, expected lines like 'train_00001.jpg 5'")
    rows.sort(key=lambda row: row[0])
    images = read_pictures([picture for *_, picture in rows], options.face_size)
    return Faces(
        images=images,
        labels=np.array([label for _, label, _ in rows], np.uint8),
        split=np.array([split for split, *_ in rows], np.uint8),
        task=TASKS["rafdb"].with_face(*images.shape[1:]),
    )


def _list(path: str) -> Path | None:
    return next((Path(path, each) for each in _LISTS if os.path.isfile(Path(path, each))), None)


def _pictures(file: Path) -> Path:
    """The folder of aligned pictures that belongs to a list."""
    for folder in (file.parent.parent / "Image" / "aligned", file.parent / "aligned"):
        if folder.is_dir():
            return folder
    raise FerError(f"{file}: no folder Image/aligned beside EmoLabel, expected the pictures there")


def _rows(file: Path) -> list[tuple[str, str]]:
    """Name and label of each line."""
    try:
        if file.stat().st_size > _LIMIT:
            raise FerError(f"{file}: {file.stat().st_size:,} bytes, expected at most {_LIMIT:,}")
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FerError(f"{file}: can't be read ({error}), expected a list") from error
    rows = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if len(fields) != 2:
            raise FerError(
                f"{file}: line {number} has {len(fields)} fields, expected 2: name label"
            )
        rows.append((fields[0], fields[1]))
    return rows


READER = Reader("rafdb", f"folder with {LIST}", matches, read)
