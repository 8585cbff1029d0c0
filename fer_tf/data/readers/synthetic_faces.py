"""Drawn faces, which need no file (`fer_tf.data.synthetic`)."""

from __future__ import annotations

from fer_tf.data.faces import Faces
from fer_tf.data.reader import Options, Reader
from fer_tf.errors import FerError

NAMES = ("synthetic", "synthetic-affect")


def read(path: str, options: Options) -> Faces:
    """Draw 4,800 faces: uint8 [n, 48, 48], grey, with FER2013's classes and in its splits.

    Those of "synthetic-affect" have AffectNet's eight classes, valence and arousal.

    Raises:
        FerError: another path than the two.
    """
    from fer_tf.data.synthetic import draw_dataset

    if path not in NAMES:
        raise FerError(f"{path}: nothing to draw, expected {' or '.join(NAMES)}")
    return draw_dataset(affect=path == NAMES[1])


READER = Reader("synthetic", "such word as synthetic", lambda path: path in NAMES, read)
