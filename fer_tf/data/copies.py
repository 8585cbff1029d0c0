"""Training faces that should not be learnt from: blank pictures, and copies of other faces."""

from __future__ import annotations

import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.data.mapped import pieces

SIDE = 16
"""Pixels of the small pictures that are compared."""

BLOCK = 4096
"""Small pictures that a piece's are compared with at a time: more than FER2013's PublicTest has."""

NEAR = 4.0
"""Root-mean-square difference, in grey levels of the small pictures, up to which two are copies:
above what lossy compression does, below what tells two pictures of one person apart."""


def learnable(faces: Faces, others: Faces) -> np.ndarray:
    """Which faces are neither blank nor copies of `others`: bool [n].

    279 of FER2013's PublicTest pictures are in Training, too, and 11 pictures are blank.

    Args:
        faces: to be trained on.
        others: that the training is measured on, of the same size.
    """
    known = np.concatenate([_small(piece) for piece in pieces(others.images)])
    blocks = [known[start : start + BLOCK] for start in range(0, len(known), BLOCK)]
    squares = [(block**2).sum(axis=1) for block in blocks]
    kept = []
    for piece in pieces(faces.images):
        small = _small(piece)
        near = [
            (each - 2 * small @ block.T).min(axis=1)
            for each, block in zip(squares, blocks, strict=True)
        ]
        nearest = np.min(near, axis=0) + (small**2).sum(axis=1)
        kept.append((nearest > NEAR**2 * small.shape[1]) & (small.std(axis=1) > 1.0))
    return np.concatenate(kept)


def _small(images: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w] or [n, h, w, 3] as float32 [n, k], the means of `SIDE` x `SIDE` boxes.

    A picture with fewer pixels has a box for each.
    """
    rows, columns = (np.array_split(np.arange(side), min(SIDE, side)) for side in images.shape[1:3])
    x = np.stack([images[:, each].mean(axis=1, dtype=np.float32) for each in rows], axis=1)
    x = np.stack([x[:, :, each].mean(axis=2) for each in columns], axis=2)
    return x.reshape(len(x), -1)
