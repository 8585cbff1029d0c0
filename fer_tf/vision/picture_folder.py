"""A folder of annotated pictures that never overwrites what somebody else put there."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from fer_tf.errors import FerError
from fer_tf.files import free, write_beside

JPEG_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"))


class PictureFolder:
    """Writes pictures under names that tell what they come from, by the rule of `fer_tf.files`.

    Args:
        root: the folder; made, if absent, with the first picture.
    """

    def __init__(self, root: Path):
        self.root = root

    def save(self, image: np.ndarray, source: Path, ending: str, *, mark: str) -> Path:
        """Write an RGB picture, uint8 [h, w, 3], as `source`'s name with `ending`.

        `source` is relative to the folder; its own folders are made. JPEG stays JPEG, everything
        else becomes PNG, as does what is wider or higher than JPEG's 65,500 pixels. `mark`
        (`fer_tf.files.mark_for`) tells what it is made from: a file with the same is replaced.

        Returns:
            The file.

        Raises:
            FerError: it can't be written.
        """
        jpeg = source.suffix.lower() in JPEG_SUFFIXES and max(image.shape) <= 65_500
        folder = self.root / source.parent
        _make(folder)
        path = free(folder / f"{source.stem}{ending}{'.jpg' if jpeg else '.png'}", mark)
        data = io.BytesIO()
        picture = Image.fromarray(image)
        if jpeg:
            # 4:4:4, or the thin coloured lines would be blurred.
            picture.save(data, "JPEG", quality=92, subsampling=0, comment=mark)
        else:
            info = PngImagePlugin.PngInfo()
            info.add_text("Comment", mark)
            picture.save(data, "PNG", compress_level=3, pnginfo=info)
        try:
            write_beside(path, data.getvalue())
        except OSError as error:
            raise FerError(f"{path}: can't be written: {error.strerror or error}") from None
        return path


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FerError(f"{folder}: a file, expected a folder for the results") from None
    except OSError as error:
        raise FerError(f"{folder}: can't be made: {error.strerror or error}") from None
