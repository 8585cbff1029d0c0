"""Annotated pictures in a folder, where nothing is overwritten that somebody else put there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from fer_tf.errors import FerError, shown_path
from fer_tf.files import free, write_beside, writing

_STEM = 200  # bytes of 255: the rest is for the ending, a number and the file beside
JPEG_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"))


def short_stem(stem: str) -> str:
    """The name of a picture or a video, cut so that what is made from it can be named after it."""
    while len(os.fsencode(stem)) > _STEM:
        stem = stem[:-1]
    return stem


def save_picture(folder: Path, image: np.ndarray, source: Path, ending: str, *, mark: str) -> Path:
    """Write an RGB picture, uint8 [h, w, 3], as `source`'s name with `ending`.

    JPEG stays JPEG, everything else becomes PNG, as does what is wider or higher than JPEG's 65,500
    pixels. A name that would be too long is shortened.

    Args:
        folder: where it is written; made if absent.
        image: the picture.
        source: a path relative to the folder, whose own folders are made, too.
        ending: what follows the source's name.
        mark: tells what it is made from (`fer_tf.files.mark_for`): a file with the same is
            replaced, and any other stays.

    Returns:
        The file.

    Raises:
        FerError: it can't be written.
    """
    place = folder / source.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FerError(f"{shown_path(place)}: a file, expected a folder for the results") from None
    except OSError as error:
        raise FerError(f"{shown_path(place)}: can't be made: {error.strerror or error}") from None
    jpeg = source.suffix.lower() in JPEG_SUFFIXES and max(image.shape) <= 65_500
    path = free(place / f"{short_stem(source.stem)}{ending}{'.jpg' if jpeg else '.png'}", mark)
    data = io.BytesIO()
    picture = Image.fromarray(image)
    if jpeg:
        # 4:4:4, or the thin coloured lines would be blurred.
        picture.save(data, "JPEG", quality=92, subsampling=0, comment=mark)
    else:
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", mark)
        picture.save(data, "PNG", compress_level=3, pnginfo=info)
    with writing(path):
        write_beside(path, data.getvalue())
    return path
