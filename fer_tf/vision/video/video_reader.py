"""Frames with their times, from a file, a URL or a camera; a stream that breaks is opened again."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from urllib.parse import urlsplit

import cv2
import numpy as np

from fer_tf.errors import FerError, shown_path
from fer_tf.vision.video.moments import SHORTEST_GAP_S, Clock, Stretch

USUAL_FPS = 30.0
"""Where a container or a camera tells no rate that can be true."""

MAX_PIXELS = 2**25
"""Of a frame: 8K (7680x4320) fits. A dozen frames are held at a time, at 3 bytes a pixel."""

WIDEST_PIXEL = 4.0
"""Width of a pixel over its height, or the reverse; more is a container's fault."""

RECONNECT_S = 60.0
"""Seconds for which a live stream that broke is tried again, before what was seen is all."""

OPEN_TIMEOUT_S, READ_TIMEOUT_S = 15.0, 10.0
"""Seconds after which an address does not answer, and after which a stream has broken."""

_LONGEST_WAIT_S = 10.0  # from one try to the next, which begins with 1 s and doubles
_BEFORE_S = 10.0  # from where a seek goes to the first frame that is wanted: seeks are not exact

_CAMERA = re.compile(r"camera|\d{1,9}")  # OpenCV takes an int of C
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

    A stream (rtsp, rtmp, udp, ...) that breaks, or is silent for `READ_TIMEOUT_S`, is opened again
    for `RECONNECT_S`; its times go on by the clock.

    Args:
        source: a file, a URL, a camera's number, or "camera" for camera 0.
        wanted: the frames that are given.
        say: told, on the thread that reads, what `notes` are, as soon as it is known.

    Attributes:
        name: for files made from it.
        path: of a file; None for a URL or a camera.
        live: it goes on whether it is read or not: a camera or a stream.
        fps: frames a second as the container tells them, or `USUAL_FPS`.
        expected: how many of the wanted frames the container promises; 0 where it doesn't.
        notes: what became of it, a sentence each: a stream that broke, a file that is cut off.

    Raises:
        FerError: it can't be opened, or holds no frame.
    """

    def __init__(
        self,
        source: str,
        wanted: Stretch | None = None,
        say: Callable[[str], None] = lambda text: None,
    ):
        self.source = source
        self.wanted = wanted or Stretch()
        self._say = say
        self._stopped = Event()
        self._shown = shown_path(source)
        self.path: Path | None = None
        self.notes: list[str] = []
        scheme = _scheme(source)
        self.live = is_live(source)
        if self.live and self.wanted.start:
            raise FerError(f"--from {self.wanted.start:g}: {self._shown} is live, expected a file")
        self._place: int | str = source
        if _CAMERA.fullmatch(source):
            self._place = 0 if source == "camera" else int(source)
            self.name = f"camera-{self._place}"
            self._shown = f"camera {self._place}"
        elif scheme:
            self.name = _file_name(Path(urlsplit(source).path).stem)
        else:
            self.path = _checked(source)
            self.name = self.path.stem
            # Absolute, or FFmpeg takes what stands before a colon for a protocol.
            self._place = str(self.path)
        self._capture = self._opened()
        self._stretch = 1.0, 1.0
        self._check_size(
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        self._first = self._read_first()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 1 <= fps <= 240 else USUAL_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._promised = int(count) if math.isfinite(count) and 0 < count < 1e9 else 0
        self.expected = self.wanted.count(self._promised, self.fps)

    def frames(self) -> Iterator[Frame]:
        """The wanted frames, once; the video is closed when they end or the generator is closed.

        Raises:
            FerError: it ends before the first wanted one.
        """
        pixels: np.ndarray | None = self._first
        clock = Clock(1 / self.fps)
        wanted, started = self.wanted, time.monotonic()
        now = clock.at(self._stamp(started))
        index, given, due = 0, 0, wanted.start
        try:
            if due > _BEFORE_S:
                index, now = self._seek(clock, due - _BEFORE_S)
                pixels = self._first if index == 0 else None
            while now <= wanted.end:
                if now >= due - SHORTEST_GAP_S:
                    if pixels is None:
                        pixels = self._retrieve()
                    if pixels is None:
                        break
                    yield Frame(index, now, pixels)
                    given, due = given + 1, wanted.due(now)
                pixels = None
                if not (self._grab() or self._reconnected()):
                    break
                index += 1
                now = clock.at(self._stamp(started))
            if not given and now > wanted.end:
                raise FerError(
                    f"--to {wanted.end:g}: {self._shown} has no frame between --from "
                    f"{wanted.start:g} and then, expected a later one"
                )
            if not given:
                raise FerError(
                    f"--from {wanted.start:g}: {self._shown} ends after {now:.1f} seconds, "
                    "expected an earlier one"
                )
            if now <= wanted.end and self._is_cut(index + 1, now):
                self._tell(
                    f"ends after {index + 1} of {self._promised} frames, so it was cut off or is "
                    "damaged: what could be read is kept"
                )
        finally:
            self._capture.release()

    def stop(self) -> None:
        """Try a stream that broke no longer; called from any thread."""
        self._stopped.set()

    def _opened(self) -> cv2.VideoCapture:
        with nullcontext() if self.path is None else _files_alone():
            return _open(self._place)

    def _stamp(self, started: float) -> float:
        if self.live:
            return time.monotonic() - started
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    def _seek(self, clock: Clock, target: float) -> tuple[int, float]:
        """Go near to a second: index and time of the frame there, or 0 and 0 if it can't be."""
        origin = self._stamp(0.0)
        self._capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * (origin + target))
        stamp = self._stamp(0.0) if self._grab() else math.nan
        index = round(self._capture.get(cv2.CAP_PROP_POS_FRAMES)) - 1
        if index > 0 and 0 <= stamp - origin <= target + _BEFORE_S:
            return index, clock.jump(stamp, stamp - origin)
        self._capture.release()
        self._capture = self._opened()
        self._first = self._read_first()
        return 0, 0.0

    def _reconnected(self) -> bool:
        """Whether a stream that broke gives frames again; a camera or a file has ended."""
        if not (self.live and _scheme(self.source)) or self._stopped.is_set():
            return False
        self._tell(f"the stream broke off, and is tried again for {RECONNECT_S:.0f} s")
        lost, wait = time.monotonic(), 1.0
        while time.monotonic() - lost < RECONNECT_S and not self._stopped.wait(wait):
            self._capture.release()
            self._capture = self._opened()
            if self._capture.isOpened() and self._grab():
                self._tell(f"the stream goes on after {time.monotonic() - lost:.0f} s")
                return True
            wait = min(2 * wait, _LONGEST_WAIT_S)
        self._tell("the stream did not come back: what was seen is kept")
        return False

    def _tell(self, sentence: str) -> None:
        self.notes.append(f"{self._shown}: {sentence}")
        self._say(self.notes[-1])

    def _is_cut(self, count: int, end: float) -> bool:
        # Where a container stores no count, it is estimated from the duration and the rate,
        # which is too many where the rate varies: then the times come to the end.
        missing = count < 0.95 * self._promised - 2
        return missing and end < 0.95 * self._promised / self.fps - 2 / self.fps

    def _read_first(self) -> np.ndarray:
        if not self._capture.isOpened():
            raise FerError(self._refusal())
        pixels = self._retrieve() if self._grab() else None
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
        camera = _CAMERA.fullmatch(self.source)
        what = "a camera that is connected and free" if camera else "the address of a video"
        return f"{self._shown} can't be opened, expected {what}"

    def _grab(self) -> bool:
        """Decode the next frame; False where there is none."""
        return self._capture.grab()

    def _retrieve(self) -> np.ndarray | None:
        _, pixels = self._capture.retrieve()
        if pixels is None or pixels.size == 0:
            return None
        self._check_size(pixels.shape[1], pixels.shape[0])
        from_grey = pixels.ndim == 2 or pixels.shape[2] == 1
        rgb = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if from_grey else cv2.COLOR_BGR2RGB)
        return _stretched(rgb, self._stretch)


def _scheme(source: str) -> str:
    """What an address begins with, lower case; "" for the name of a file."""
    try:
        scheme = urlsplit(source).scheme if "://" in source else ""
    except ValueError as error:
        raise FerError(
            f"{shown_path(source)}: is no address ({error}), expected that of a video"
        ) from None
    if scheme and scheme not in _SCHEMES:
        raise FerError(
            f"{shown_path(source)} can't be opened: expected a file, or an address that begins "
            f"with {', '.join(_SCHEMES)}"
        )
    return scheme


def _checked(source: str) -> Path:
    path, name = Path(source).absolute(), shown_path(source)
    if path.is_dir():
        raise FerError(f"{name}: is a folder, expected a video")
    if not path.exists():
        raise FerError(f"{name}: is not there, expected a video, a URL or a camera's number")
    if not path.is_file():
        raise FerError(f"{name}: is not a regular file, expected a video")
    if path.stat().st_size == 0:
        raise FerError(f"{name}: is empty, expected a video")
    if not os.access(path, os.R_OK):
        raise FerError(f"{name}: can't be read, expected a file that this user may read")
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


def opencv_name(name: str) -> str:
    """`name` of a file or an address, for OpenCV, which dies of one that is not UTF-8.

    Raises:
        FerError: it is not.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise FerError(f"{name!r}: is not UTF-8, expected another name") from None
    return name


def _open(source: int | str) -> cv2.VideoCapture:
    with _quiet():
        if isinstance(source, str):
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(1000 * OPEN_TIMEOUT_S)]
            limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1000 * READ_TIMEOUT_S)]
            return cv2.VideoCapture(opencv_name(source), cv2.CAP_FFMPEG, limits)
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
