"""Clips for the tests: freely licensed faces that move over a drawn background."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from fer_tf.vision.results import Box

SIZE = (640, 480)
FPS = 25
FACE = Box(127, 69, 58, 58)
"""Where a detector sees `astronaut` in `still`'s frames of 320x240 pixels."""


def astronaut() -> np.ndarray:
    """Eileen Collins (NASA, public domain): uint8 BGR [220, 180, 3], head and collar."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[20:240, 130:310, ::-1])


def hopper() -> np.ndarray:
    """Grace Hopper (US Navy, public domain): uint8 BGR [220, 180, 3], head and collar."""
    import matplotlib

    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return cv2.resize(cv2.imread(str(path))[20:350, 120:390], (180, 220))


def background(size: tuple[int, int] = SIZE) -> np.ndarray:
    """Uint8 BGR [h, w, 3]: soft coloured noise in which no detector finds a face."""
    noise = np.random.default_rng(0).integers(60, 180, (12, 16, 3), np.uint8)
    return cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)


Place = tuple[float, float, float]
"""Of a face: (left, top) in pixels, and how much it is enlarged."""


def frames(
    count: int,
    *paths: tuple[np.ndarray, Callable[[int], Place | None]],
    size: tuple[int, int] = SIZE,
) -> Iterator[np.ndarray]:
    """BGR frames in which each face is where its path says; None is nowhere, later is in front."""
    back = background(size)
    for index in range(count):
        frame = back.copy()
        for face, path in paths:
            place = path(index)
            if place is not None:
                left, top, scale = place
                warp = np.array([[scale, 0, left], [0, scale, top]], np.float64)
                cv2.warpAffine(
                    face, warp, size, dst=frame, borderMode=cv2.BORDER_TRANSPARENT, flags=1
                )
        yield frame


def still(_: int) -> Place:
    """A face that stays at its place in a small frame."""
    return 100, 40, 0.6


def sway(index: int) -> Place:
    """A face that moves to and fro and comes nearer."""
    angle = index / 25 * 1.3
    return 220 + 110 * np.sin(angle), 110 + 30 * np.cos(1.7 * angle), 1.1 + 0.25 * np.sin(angle / 2)


def write(path: Path, pictures: Iterator[np.ndarray], fps: float = FPS) -> Path:
    """An MPEG-4 file, by OpenCV alone."""
    writer = None
    for picture in pictures:
        if writer is None:
            size = picture.shape[1], picture.shape[0]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        writer.write(picture)
    assert writer is not None
    writer.release()
    return path


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg quietly; it must succeed."""
    command = ["ffmpeg", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
