"""Drawn faces, which need no file (`fer_tf.data.synthetic`)."""

from __future__ import annotations

from fer_tf.data.faces import Faces
from fer_tf.data.reader import Options, Reader


def read(path: str, options: Options) -> Faces:
    """Draw 4,800 faces: uint8 [n, 48, 48], grey, of FER2013's task and in its splits."""
    from fer_tf.data.synthetic import draw_dataset

    return draw_dataset()


READER = Reader("synthetic", 'the word "synthetic"', lambda path: path == "synthetic", read)
