"""A folder of annotated pictures that never overwrites what somebody else put there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from fer_tf.errors import FerError

MARK = "fer_tf.predict"
"""Begins the comment inside of each file that this package writes."""

JPEG_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"))


class PictureFolder:
    """Writes pictures under names that tell what they come from.

    A file of an earlier run is replaced, as its comment tells; any other that is in the way, an
    input's too, stays, and the new one gets a number.

    Args:
        root: the folder; made, if absent, with the first picture.
    """

    def __init__(self, root: Path):
        self.root = root
        self._mark = f"{MARK} {secrets.token_hex(8)}"

    def save(self, image: np.ndarray, source: Path, ending: str) -> Path:
        """Write an RGB picture, uint8 [h, w, 3], as `source`'s name with `ending`.

        `source` is relative to the folder; its own folders are made. JPEG stays JPEG, everything
        else becomes PNG, as does what is wider or higher than JPEG's 65,500 pixels.

        Returns:
            The file.

        Raises:
            FerError: it can't be written.
        """
        jpeg = source.suffix.lower() in JPEG_SUFFIXES and max(image.shape) <= 65_500
        folder = self.root / source.parent
        _make(folder)
        path = self._free(folder / f"{source.stem}{ending}{'.jpg' if jpeg else '.png'}")
        beside = path.with_name(f".{path.name}.tmp")
        try:
            with open(beside, "wb") as file:
                picture = Image.fromarray(image)
                if jpeg:
                    # 4:4:4, or the thin coloured lines would be blurred.
                    picture.save(file, "JPEG", quality=92, subsampling=0, comment=self._mark)
                else:
                    info = PngImagePlugin.PngInfo()
                    info.add_text("Comment", self._mark)
                    picture.save(file, "PNG", compress_level=3, pnginfo=info)
            os.replace(beside, path)
        except OSError as error:
            raise FerError(f"{path}: can't be written: {error.strerror or error}") from None
        finally:
            beside.unlink(missing_ok=True)
        return path

    def _free(self, path: Path) -> Path:
        """`path`, or with a number where something is there that must stay."""
        tried, number = path, 1
        while os.path.lexists(tried) and not self._replaceable(tried):
            number += 1
            tried = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return tried

    def _replaceable(self, path: Path) -> bool:
        mark = mark_of(path)
        return mark.startswith(MARK) and mark != self._mark


def mark_of(path: Path) -> str:
    """The comment in a picture file; "" where there is none or the file is no picture."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            comment = picture.info.get("comment", picture.info.get("Comment", ""))
    except Exception:
        return ""
    return comment.decode("latin-1") if isinstance(comment, bytes) else str(comment)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FerError(f"{folder}: a file, expected a folder for the results") from None
    except OSError as error:
        raise FerError(f"{folder}: can't be made: {error.strerror or error}") from None
