"""Many pictures in constant memory: a few at a time, read while the ones before are worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tf.errors import FerError
from fer_tf.vision.images import read_image

CHUNK = 8
"""Pictures whose faces go through the network as one batch."""

CHUNK_PIXELS = 24_000_000
"""A chunk ends with the picture that reaches this: two chunks are held, at 3 bytes a pixel."""

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"))


@dataclass(frozen=True)
class Picture:
    """A file that was read.

    Attributes:
        path: as it was given or found.
        pixels: upright RGB, uint8 [h, w, 3]; empty where it could not be read.
        trouble: why it could not be read, in one sentence; "" where it could.
    """

    path: Path
    pixels: np.ndarray
    trouble: str = ""


def read_ahead(paths: Iterable[Path]) -> Generator[list[Picture], None, None]:
    """The pictures of `paths`, in their order, in chunks; the next chunk is read meanwhile.

    `paths` is taken from on another thread. Nothing is raised for a file that can't be read.
    """
    stop = threading.Event()
    waiting = iter(paths)
    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        try:
            ahead = pool.submit(_read_chunk, waiting, stop)
            while chunk := ahead.result():
                ahead = pool.submit(_read_chunk, waiting, stop)
                yield chunk
        finally:
            stop.set()


def _read_chunk(paths: Iterator[Path], stop: threading.Event) -> list[Picture]:
    chunk: list[Picture] = []
    pixels = 0
    while len(chunk) < CHUNK and pixels < CHUNK_PIXELS and not stop.is_set():
        path = next(paths, None)
        if path is None:
            break
        chunk.append(_read(path))
        pixels += chunk[-1].pixels.size // 3
    return chunk


def _read(path: Path) -> Picture:
    try:
        return Picture(path, read_image(path))
    except FerError as error:
        trouble = str(error)
    if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
        trouble = f"{path}: a video, expected a picture: videos are given as --video {path}"
    return Picture(path, np.empty((0, 0, 3), np.uint8), trouble)
