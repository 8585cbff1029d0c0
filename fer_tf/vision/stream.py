"""Many pictures in constant memory, on all cores: worked on ahead of whoever takes the answers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from fer_tf.cores import cores
from fer_tf.errors import FerError, shown_path
from fer_tf.pictures.images import read_image
from fer_tf.vision.results import Detection

T = TypeVar("T")
R = TypeVar("R")
Detect = Callable[[np.ndarray], list[Detection]]

CHUNK = 8
"""Pictures whose faces go through the network as one batch."""

CHUNK_PIXELS = 24_000_000
"""A chunk ends with the picture that reaches this many pixels, and no other picture is read while
so many wait. So these, and one picture more for each thread, are in memory, at 3 bytes a pixel."""

VIDEO_SUFFIXES = frozenset((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"))


@dataclass(frozen=True)
class Picture:
    """A file that was read, and its faces.

    Attributes:
        path: as it was given or found.
        pixels: upright RGB, uint8 [h, w, 3]; empty where it could not be read.
        faces: that were found.
        trouble: why it could not be read, in one sentence; "" where it could.
    """

    path: Path
    pixels: np.ndarray
    faces: tuple[Detection, ...] = ()
    trouble: str = ""


def read_ahead(paths: Iterable[Path], detect: Detect) -> Generator[list[Picture], None, None]:
    """The pictures of `paths`, in their order, in chunks; the next ones are read meanwhile.

    Nothing is raised for a file that can't be read.

    Args:
        paths: taken from on the calling thread.
        detect: finds the faces of an RGB picture; called by several threads.
    """
    chunk: list[Picture] = []
    pixels = 0
    work = partial(_read, detect=detect)
    for picture in worked_ahead(paths, work, lambda done: done.pixels.size // 3):
        chunk.append(picture)
        pixels += picture.pixels.size // 3
        del picture
        if len(chunk) == CHUNK or pixels >= CHUNK_PIXELS:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def worked_ahead(
    items: Iterable[T],
    work: Callable[[T], R],
    weight: Callable[[R], int] = lambda result: 0,
    *,
    threads: int | None = None,
) -> Generator[R, None, None]:
    """`map(work, items)` on several threads, a little ahead of whoever reads it.

    Args:
        items: taken from on the calling thread.
        work: what it raises comes out here, where its result is read.
        weight: of a result that waits to be read, in pixels: while `CHUNK_PIXELS` wait, nothing
            is begun but what is to be read next.
        threads: None for one a core.
    """
    threads = threads or cores()
    waiting, gate = iter(items), _Gate()
    pending: deque[Future[R | None]] = deque()

    def job(number: int, item: T) -> R | None:
        if not gate.enter(number):
            return None
        result = work(item)
        gate.hold(weight(result))
        return result

    with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
        try:
            for number, item in enumerate(waiting):
                pending.append(pool.submit(job, number, item))
                if len(pending) > CHUNK + threads:
                    yield _taken(pending.popleft(), gate, weight)
            while pending:
                yield _taken(pending.popleft(), gate, weight)
        finally:
            gate.shut()
            for future in pending:
                future.cancel()


def _taken(future: Future[R | None], gate: _Gate, weight: Callable[[R], int]) -> R:
    result = future.result()
    assert result is not None  # only what is cancelled is
    gate.release(weight(result))
    return result


class _Gate:
    """Lets a job begin while little waits to be read, or if it is the one to be read next."""

    def __init__(self) -> None:
        self._held = self._next = 0
        self._shut = False
        self._changed = threading.Condition()

    def enter(self, number: int) -> bool:
        """Wait until the job of that number may begin; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._held < CHUNK_PIXELS or number == self._next or self._shut
            )
            return not self._shut

    def hold(self, pixels: int) -> None:
        """A result waits."""
        with self._changed:
            self._held += pixels

    def release(self, pixels: int) -> None:
        """The next result was read."""
        with self._changed:
            self._held -= pixels
            self._next += 1
            self._changed.notify_all()

    def shut(self) -> None:
        """Nothing is to begin any more."""
        with self._changed:
            self._shut = True
            self._changed.notify_all()


def _read(path: Path, detect: Detect) -> Picture:
    try:
        pixels = read_image(path)
    except FerError as error:
        trouble = str(error)
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
            name = shown_path(path)
            trouble = f"{name}: a video, expected a picture: videos are given as --video {name}"
        return Picture(path, np.empty((0, 0, 3), np.uint8), trouble=trouble)
    try:
        return Picture(path, pixels, tuple(detect(pixels)))
    except FerError as error:
        return Picture(path, np.empty((0, 0, 3), np.uint8), trouble=f"{shown_path(path)}: {error}")
