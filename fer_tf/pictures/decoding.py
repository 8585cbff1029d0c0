"""The one door for pictures that strangers send: they are decoded in a process of their own."""

from __future__ import annotations

import io

import numpy as np

from fer_tf.pictures.images import MAX_PIXELS, read_image
from fer_tf.pictures.reducing import reduced
from fer_tf.worker_pool import WorkerPool

WORKERS = 2
"""Pictures that are decoded at the same time."""
SECONDS = 20.0
"""That decoding one may take; 67 megapixels take 2 to 5 on a free core."""
MEMORY = 3 * 2**29
"""Bytes that a worker may hold: 1.6 GB. 67 megapixels need 1.0 as a JPEG, 1.2 as a PNG with alpha,
and 1.5 and more as a lossless WebP or an AVIF with alpha, which are refused."""
PATIENCE = 60.0
"""Seconds that a picture waits for a free worker."""


def decode(
    name: str, data: bytes, longest: int | None = None, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """A picture's upright pixels, uint8 RGB [h, w, 3].

    Args:
        name: what the sentence of an error calls it.
        data: of a picture file.
        longest: pixels of the side to which a larger picture is reduced; None for none.
        max_pixels: of the largest picture that is read.

    Raises:
        FerError: of `fer_tf.pictures.images.read_image`.
    """
    stream = io.BytesIO(data)
    stream.name = name
    pixels = read_image(stream, max_pixels=max_pixels)
    return pixels if longest is None else reduced(pixels, longest)


def decoding(workers: int = WORKERS, seconds: float = SECONDS) -> WorkerPool[np.ndarray]:
    """Processes that `decode`; leaving the context ends them.

    Args:
        workers: pictures that are decoded at the same time.
        seconds: that decoding one may take.
    """
    return WorkerPool(decode, workers=workers, seconds=seconds, memory=MEMORY, patience=PATIENCE)
