"""Frames with their times, from a file, a URL or a camera."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import cv2
import numpy as np

from fer_tf.errors import FerError

USUAL_FPS = 30.0
"""Where a container or a camera tells no rate that can be true."""

MAX_PIXELS = 2**25
"""Of a frame: 8K (7680x4320) fits. A dozen frames are held at a time, at 3 bytes a pixel."""

LONGEST_GAP_S = 60.0
"""Between two frames; more is a container's fault (joined files, counters that wrap)."""

SHORTEST_GAP_S = 1e-4

WIDEST_PIXEL = 4.0
"""Width of a pixel over its height, or the reverse; more is a container's fault."""

_CAMERA = re.compile(r"camera|\d+")
_LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt")
_SCHEMES = ("http", "https", *_LIVE)

# Formats whose files hold all of the video. Playlists and image sequences (m3u8, ffconcat, mpd,
# sdp, img%d.png) name other files and addresses, and FFmpeg tells them by content, whatever the
# name: AVI's subtitles can be one.
_FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "obu", "ivf"),
    *("flv", "asf", "ogg", "gif", "apng", "mjpeg", "yuv4mpegpipe", "mxf", "nut", "dv", "rm", "wtv"),
)
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_OPENING = Lock()


def is_live(source: str) -> bool:
    """Whether a source goes on whether it is read or not: a camera or a stream."""
    return bool(_CAMERA.fullmatch(source)) or _scheme(source) in _LIVE


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        index: from 0, skipped ones included.
        time: seconds from the first frame; grows from each frame to the next.
        pixels: uint8 RGB [h, w, 3], upright, as the video is shown: of one with pixels that aren't
            square, the shorter side of a pixel is stretched.
    """

    index: int
    time: float
    pixels: np.ndarray


class VideoReader:
    """A video that is open, and whose first frame could be read.

    Args:
        source: a file, a URL, a camera's number, or "camera" for camera 0.

    Attributes:
        name: for files made from it.
        path: of a file; None for a URL or a camera.
        live: it goes on whether it is read or not: a camera or a stream.
        fps: frames a second as the container tells them, or `USUAL_FPS`.
        expected: how many frames the container promises; 0 where it doesn't.
        notes: what is to be told when the frames are through, a sentence each.

    Raises:
        FerError: it can't be opened, or holds no frame.
    """

    def __init__(self, source: str):
        self.source = source
        self.path: Path | None = None
        self.notes: list[str] = []
        scheme = _scheme(source)
        self.live = is_live(source)
        if _CAMERA.fullmatch(source):
            number = 0 if source == "camera" else int(source)
            self.name = f"camera-{number}"
            self._shown = f"camera {number}"
            self._capture = _open(number)
        elif scheme:
            self.name = _file_name(Path(urlsplit(source).path).stem)
            self._shown = source
            self._capture = _open(source)
        else:
            self.path = _checked(source)
            self.name = self.path.stem
            self._shown = source
            # Absolute, or FFmpeg takes what stands before a colon for a protocol.
            with _files_alone():
                self._capture = _open(str(self.path))
        self._stretch = 1.0, 1.0
        self._check_size(
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        self._first = self._read_first()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 1 <= fps <= 240 else USUAL_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.expected = int(count) if math.isfinite(count) and 0 < count < 1e9 else 0

    def frames(self) -> Iterator[Frame]:
        """The frames, once; the video is closed when they end or the generator is closed."""
        pixels: np.ndarray | None = self._first
        clock = _Clock(1 / self.fps)
        started = time.monotonic()
        index = 0
        try:
            while pixels is not None:
                if self.live:
                    stamp = time.monotonic() - started
                else:
                    stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                yield Frame(index, clock.at(stamp), pixels)
                index += 1
                pixels = self._read()
            if self._is_cut(index, clock.time):
                self.notes.append(
                    f"{self._shown}: ends after {index} of {self.expected} frames, so it was cut "
                    "off or is damaged: what could be read is kept"
                )
        finally:
            self._capture.release()

    def _is_cut(self, count: int, end: float) -> bool:
        # Where a container stores no count, it is estimated from the duration and the rate,
        # which is too many where the rate varies: then the times come to the end.
        missing = count < 0.95 * self.expected - 2
        return missing and end < 0.95 * self.expected / self.fps - 2 / self.fps

    def _read_first(self) -> np.ndarray:
        if not self._capture.isOpened():
            raise FerError(self._refusal())
        pixels = self._read()
        if pixels is None:
            self._capture.release()
            raise FerError(f"{self._shown}: gives no picture, expected a video with frames")
        # Of an MPEG stream it is known with the first frame only.
        self._stretch = _stretch(self._capture)
        return _stretched(pixels, self._stretch)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > MAX_PIXELS:
            raise FerError(
                f"{self._shown}: frames of {width}x{height} pixels, "
                f"{width * height / 1e6:.0f} megapixels, expected at most {MAX_PIXELS / 1e6:.0f}"
            )

    def _refusal(self) -> str:
        if self.path is not None:
            return (
                f"{self._shown}: can't be read as a video, expected a whole file that FFmpeg "
                "knows (MP4, WebM, MKV, AVI, ...), and no playlist of others"
            )
        what = "a camera that is connected and free" if self.live else "the address of a video"
        return f"{self._shown} can't be opened, expected {what}"

    def _read(self) -> np.ndarray | None:
        _, pixels = self._capture.read()
        if pixels is None or pixels.size == 0:
            return None
        self._check_size(pixels.shape[1], pixels.shape[0])
        from_grey = pixels.ndim == 2 or pixels.shape[2] == 1
        rgb = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if from_grey else cv2.COLOR_BGR2RGB)
        return _stretched(rgb, self._stretch)


class _Clock:
    """Makes of a container's timestamps times that start at 0 and grow.

    Args:
        step: seconds to the next frame where the timestamps don't tell.
    """

    def __init__(self, step: float):
        self._step = step
        self._stamp = math.nan
        self._begun = False
        self.time = 0.0
        """Of the frame before."""

    def at(self, stamp: float) -> float:
        """The time of a frame whose timestamp is `stamp`, in seconds."""
        if self._begun:
            gap = stamp - self._stamp
            self.time += gap if SHORTEST_GAP_S <= gap <= LONGEST_GAP_S else self._step
        self._begun = True
        self._stamp = stamp if math.isfinite(stamp) else self._stamp
        return self.time


def _scheme(source: str) -> str:
    """What an address begins with, lower case; "" for the name of a file."""
    try:
        scheme = urlsplit(source).scheme if "://" in source else ""
    except ValueError as error:
        raise FerError(f"{source}: is no address ({error}), expected that of a video") from None
    if scheme and scheme not in _SCHEMES:
        raise FerError(
            f"{source} can't be opened: expected a file, or an address that begins with "
            f"{', '.join(_SCHEMES)}"
        )
    return scheme


def _checked(source: str) -> Path:
    path = Path(source).absolute()
    if path.is_dir():
        raise FerError(f"{source}: is a folder, expected a video")
    if not path.exists():
        raise FerError(f"{source}: is not there, expected a video, a URL or a camera's number")
    if not path.is_file():
        raise FerError(f"{source}: is not a regular file, expected a video")
    if path.stat().st_size == 0:
        raise FerError(f"{source}: is empty, expected a video")
    if not os.access(path, os.R_OK):
        raise FerError(f"{source}: can't be read, expected a file that this user may read")
    return path


def _stretch(capture: cv2.VideoCapture) -> tuple[float, float]:
    """By how much a frame is to be made wider and higher, 1 or more each, for square pixels."""
    width, height = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if not (width > 0 and height > 0 and max(width / height, height / width) <= WIDEST_PIXEL):
        return 1.0, 1.0
    if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180 == 90:  # OpenCV turns the frames upright
        width, height = height, width
    return max(1.0, width / height), max(1.0, height / width)


def _stretched(pixels: np.ndarray, factors: tuple[float, float]) -> np.ndarray:
    if factors == (1.0, 1.0):
        return pixels
    size = round(pixels.shape[1] * factors[0]), round(pixels.shape[0] * factors[1])
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "stream"


def _open(source: int | str) -> cv2.VideoCapture:
    with _quiet():
        if isinstance(source, str):
            return cv2.VideoCapture(source, cv2.CAP_FFMPEG)
        capture = cv2.VideoCapture(source)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture


@contextmanager
def _files_alone() -> Iterator[None]:
    """A video opens its own file and no other one, and no address.

    OpenCV hands FFmpeg such options from the environment only, which it reads as it opens a file;
    what the user has set there counts as well.
    """
    own = f"protocol_whitelist;file|format_whitelist;{','.join(_FORMATS)}"
    with _OPENING:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = f"{before}|{own}" if before else own
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what OpenCV and its FFmpeg print on stderr: the error that is raised says it."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
