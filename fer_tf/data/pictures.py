"""Pictures decoded into faces of one size, several at the same time, and once for all times."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tf.cores import cores
from fer_tf.data.decoded import BLOCK, decoded
from fer_tf.data.mapped import Images
from fer_tf.data.reader import LARGEST_FACE
from fer_tf.errors import FerError
from fer_tf.progress_bar import progress_bar

LOOKED_AT = 64
"""Pictures, evenly spread, that tell whether a data set is grey."""

MEMBER_LIMIT = 1 << 24
"""Bytes that a picture in a zip may unpack to: 16 MiB, a large photo's."""

Place = Path | zipfile.Path


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a face, not read yet.

    Attributes:
        file: a path, as text, which takes the least memory; or one within a zip.
        box: (x, y, width, height) of the face in its pixels, cut off at the picture's edges; None
            for the whole picture.
    """

    file: str | zipfile.Path
    box: tuple[int, int, int, int] | None = None


def read_pictures(pictures: Sequence[Picture], face_size: int | None) -> Images:
    """Decode pictures by `fer_tf.pictures.images.read_image`: upright, 8 bits, on white.

    What is decoded is kept (`fer_tf.data.decoded`), under the content of all files.

    Args:
        pictures: one or more.
        face_size: side in pixels that the square in each picture's middle is resized to; None
            where all have one size, which stays.

    Returns:
        uint8 [n, h, w] where `LOOKED_AT` of them have no colour, else uint8 [n, h, w, 3], RGB;
        a large data set stays in a file.

    Raises:
        FerError: a picture is damaged, its box lies outside it, or it has another size, or one
            above `LARGEST_FACE`.
    """
    places = np.linspace(0, len(pictures) - 1, min(LOOKED_AT, len(pictures))).astype(int)
    size = (
        own_size(_cropped(pictures[0]), str(pictures[0].file))
        if face_size is None
        else (face_size, face_size)
    )
    # One after the other: several photos would take gigabytes.
    looked_at = (_cropped(pictures[place]) for place in places.tolist())
    grey = all((each == each[..., :1]).all() for each in looked_at)
    shape = (len(pictures), *size, *(() if grey else (3,)))
    exact = face_size is None
    bar = progress_bar(2 * len(pictures), "pictures read, then decoded")
    with ThreadPoolExecutor(cores()) as pool, bar as (_, advance):

        def decode(images: np.ndarray, rows: range) -> None:
            def one(row: int) -> None:
                images[row] = _face(pictures[row], shape[1:], exact=exact)

            for _ in pool.map(one, rows):
                advance(1)

        key = hashlib.sha256(f"{shape} {exact}".encode())
        for start in range(0, len(pictures), BLOCK):
            for digest in pool.map(_digest, pictures[start : start + BLOCK]):
                key.update(digest)
                advance(1)
        return decoded(key.hexdigest(), shape, decode)


def _digest(picture: Picture) -> bytes:
    """SHA-256 of a picture's file and of its box; of the box alone where decoding will complain."""
    digest = hashlib.sha256(str(picture.box).encode())
    file = picture.file
    with suppress(Exception):
        if not isinstance(file, str):
            digest.update(_Member(file).read())
        elif os.path.isfile(file):
            digest.update(Path(file).read_bytes())
    return digest.digest()


def _face(picture: Picture, shape: tuple[int, ...], *, exact: bool) -> np.ndarray:
    """A picture's face, uint8 of that shape."""
    return fitted(_cropped(picture), str(picture.file), shape, exact=exact)


def own_size(pixels: np.ndarray, name: str) -> tuple[int, int]:
    """The (height, width) of a data set's first picture, which all faces have.

    Raises:
        FerError: larger than `LARGEST_FACE`, so that a few thousand would fill a disk.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > LARGEST_FACE:
        raise FerError(
            f"{name}: {width}x{height} pixels, expected a face of at most {LARGEST_FACE}; "
            "--face-size N reduces all to N"
        )
    return height, width


def fitted(pixels: np.ndarray, name: str, shape: tuple[int, ...], *, exact: bool) -> np.ndarray:
    """Pixels as a face of a data set.

    Args:
        pixels: uint8 [height, width, 3], RGB, or [height, width, 1], grey.
        name: what messages call them.
        shape: of the face, (h, w) for grey or (h, w, 3).
        exact: they have its size already; else the square in their middle is resized to it.

    Raises:
        FerError: they have another size, and should not.
    """
    import cv2

    height, width = pixels.shape[:2]
    if (height, width) != shape[:2]:
        if exact:
            raise FerError(
                f"{name}: {width}x{height} pixels, expected {shape[1]}x{shape[0]} as the "
                "first picture; --face-size N reduces all to N"
            )
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = pixels[top : top + side, left : left + side]
        how = cv2.INTER_AREA if side > shape[0] else cv2.INTER_LINEAR
        pixels = cv2.resize(square, (shape[1], shape[0]), interpolation=how)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return pixels.reshape(shape)
    return pixels if len(shape) == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def _cropped(picture: Picture) -> np.ndarray:
    """What the box of a picture holds, uint8 [h, w, 3]."""
    from fer_tf.pictures.images import read_image

    file = picture.file
    pixels = read_image(Path(file)) if isinstance(file, str) else read_image(_Member(file))
    if picture.box is None:
        return pixels
    x, y, width, height = picture.box
    face = pixels[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    if face.size == 0:
        raise FerError(
            f"{file}: the face's box {picture.box} lies outside its "
            f"{pixels.shape[1]}x{pixels.shape[0]} pixels, expected (x, y, width, height) within"
        )
    return face


class _Member:
    """A file in a zip as `read_image` takes it."""

    def __init__(self, file: zipfile.Path):
        self.name, self._file = str(file), file

    def read(self) -> bytes:
        size = self._file.root.getinfo(self._file.at).file_size
        if size > MEMBER_LIMIT:
            raise ValueError(f"unpacks to {size:,} bytes, above {MEMBER_LIMIT:,}")
        return self._file.read_bytes()
