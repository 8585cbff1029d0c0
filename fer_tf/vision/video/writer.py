"""Writes annotated frames as an MP4 file: by ffmpeg with libx264, or by OpenCV; sound by ffmpeg.

Each ffmpeg runs in a session of its own: Ctrl-C reaches every process of the terminal's, but the
file is still to be finished.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Protocol

import cv2
import numpy as np

from fer_tf.errors import FerError, shown_path
from fer_tf.files import free, writing
from fer_tf.vision.video.video_reader import opencv_name

COPIED_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "opus")
"""What an MP4 file holds and players play; other sound becomes AAC."""


class VideoWriter:
    """Writes PATH: first under a name beside it, which `finish` renames.

    The file has a constant frame rate. A frame is repeated, or left out, such that each is seen
    at its own time, so that sound and picture stay together in videos whose rate varies.

    Args:
        path: ends in ".mp4"; gets a number where another file is in the way (`fer_tf.files`).
        fps: of the file.
        audio: the video file whose sound is taken; None for none.
        mark: tells what the video is made from, as `fer_tf.files.mark_for` gives it.
        start: second from which its sound is taken.

    Raises:
        FerError: the folder can't be written.
    """

    def __init__(
        self, path: Path, fps: float, audio: Path | None = None, *, mark: str, start: float = 0.0
    ):
        self.path = path
        self.fps = fps
        self._audio, self._start = audio, start
        self._mark = mark
        self._beside = path.with_name(f".{path.stem}.{os.getpid()}.part.mp4")
        self._sounding = path.with_name(f".{path.stem}.{os.getpid()}.sound.mp4")
        self._encoder: _Encoder | None = None
        self._size = (0, 0)
        self._written = 0
        self._waiting: np.ndarray | None = None
        self.resized = False
        """Whether a frame had another size than the first; it was fitted in."""
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._beside.touch()

    @property
    def empty(self) -> bool:
        """Whether no frame was written."""
        return self._encoder is None

    def write(self, pixels: np.ndarray, time: float) -> None:
        """Add a frame.

        Args:
            pixels: uint8 RGB [h, w, 3]; fitted into the first frame's size, with black bars.
            time: in seconds, from the first frame.

        Raises:
            FerError: the encoder failed, as on a full disk.
        """
        if self._encoder is None:
            # yuv420p has half as many colours a side: an odd side gains a pixel.
            self._size = (pixels.shape[1] + 1) // 2 * 2, (pixels.shape[0] + 1) // 2 * 2
            self._encoder = _encoder(self._beside, self._size, self.fps)
            self._first_shape = pixels.shape
        if pixels.shape != self._first_shape:
            self.resized = True
            pixels = _fitted(pixels, self._size)
        self._flush(round(time * self.fps))
        self._waiting = pixels

    def finish(self) -> str:
        """Close the file and give it its name.

        Returns:
            "kept", or why it has no sound, in a few words.

        Raises:
            FerError: the encoder failed.
        """
        self._flush(self._written + 1)
        if self._encoder is None:
            raise FerError(f"{self.path}: no frame came, expected at least one")
        with writing(self.path):
            self._encoder.close()
        seconds = self._written / self.fps
        audio = self._add_sound(seconds)
        whole = self._sounding if audio == "kept" else self._beside
        with writing(self.path):
            _add_mark(whole, self._mark)
            self.path = free(self.path, self._mark)
            os.replace(whole, self.path)
        self.abort()
        return audio

    def abort(self) -> None:
        """Leave nothing behind but a file that is finished."""
        if self._encoder is not None:
            self._encoder.kill()
        self._beside.unlink(missing_ok=True)
        self._sounding.unlink(missing_ok=True)

    def _flush(self, until: int) -> None:
        """Write the frame that waits as often as it takes to come to frame `until`."""
        while self._waiting is not None and self._encoder is not None and self._written < until:
            try:
                self._encoder.write(self._waiting)
            except OSError as error:
                reason = self._encoder.complaint() or error.strerror
                raise FerError(f"{shown_path(self.path)}: can't be written: {reason}") from None
            self._written += 1

    def _add_sound(self, seconds: float) -> str:
        if self._audio is None:
            return "a camera's or a stream's sound is not taken"
        if not shutil.which("ffmpeg"):
            return "ffmpeg is not on PATH"
        codec = _audio_codec(self._audio)
        if codec is None:
            return "ffprobe is not on PATH"
        if not codec:
            return "the video has no sound"
        chosen = ["copy"] if codec in COPIED_AUDIO else ["aac", "-b:a", "160k"]
        command = [
            *("ffmpeg", "-nostdin", "-y", "-v", "error", "-i", _url(self._beside)),
            *("-ss", f"{self._start:.3f}", "-i", _url(self._audio)),
            *("-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", *chosen),
            *("-t", f"{seconds:.3f}", "-movflags", "+faststart"),
            _url(self._sounding),
        ]
        done = _run(command)
        if done.returncode == 0:
            return "kept"
        return f"ffmpeg can't copy it ({_last_line(done.stderr)})"


def _add_mark(path: Path, mark: str) -> None:
    """Append a box "free" to an MP4 file (ISO/IEC 14496-12, 8.1.2), which readers pass over."""
    content = mark.encode()
    with open(path, "ab") as file:
        file.write(struct.pack(">I4s", 8 + len(content), b"free") + content)


class _Encoder(Protocol):
    def write(self, pixels: np.ndarray) -> None: ...
    def close(self) -> None: ...
    def kill(self) -> None: ...
    def complaint(self) -> str: ...


class _Ffmpeg:
    """H.264 by libx264, in a process of its own that reads frames from a pipe."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float):
        self._size = size
        # Presets that are faster save a millisecond a frame and take three times the bytes
        # (scripts/bench_video.py --details); one thread leaves a core to the network.
        command = [
            *("ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p"),
            *("-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.6f}", "-i", "pipe:0"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "1"),
            # What OpenCV's conversion is: ITU-R BT.601, which players don't assume of HD.
            *("-colorspace", "smpte170m", "-color_range", "tv", "-movflags", "+faststart"),
            _url(path),
        ]
        # Ctrl-C interrupts the main thread alone, and of a frame it must not leave a part in the
        # pipe, by which all that follows would be shifted.
        self._thread = ThreadPoolExecutor(1, "fer_tf-encode")
        self._errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,
        )

    def write(self, pixels: np.ndarray) -> None:
        planes = cv2.cvtColor(_even(pixels, self._size), cv2.COLOR_RGB2YUV_I420)
        self._thread.submit(self._send, planes.tobytes()).result()

    def _send(self, planes: bytes) -> None:
        rest = memoryview(planes)
        assert self._process.stdin is not None
        while rest:
            rest = rest[self._process.stdin.write(rest) :]

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        finally:
            status = self._process.wait()
        if status:
            raise OSError(status, self.complaint())

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.shutdown()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._errors.close()

    def complaint(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return _last_line(self._errors.read())


class _OpenCv:
    """MPEG-4 part 2 by OpenCV's own FFmpeg, which has no H.264 encoder."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float):
        self._size = size
        name, fourcc = opencv_name(str(path)), cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(name, fourcc, fps, size)
        if not self._writer.isOpened():
            raise FerError(f"{path}: can't be written by OpenCV, expected its FFmpeg to do it")

    def write(self, pixels: np.ndarray) -> None:
        self._writer.write(cv2.cvtColor(_even(pixels, self._size), cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self._writer.release()

    def kill(self) -> None:
        self._writer.release()

    def complaint(self) -> str:
        return ""


def _encoder(path: Path, size: tuple[int, int], fps: float) -> _Encoder:
    # Fedora's ffmpeg, for one, is built without libx264.
    encoders = ["ffmpeg", "-v", "error", "-encoders"]
    if shutil.which("ffmpeg") and " libx264 " in _run(encoders).stdout:
        return _Ffmpeg(path, size, fps)
    return _OpenCv(path, size, fps)


def _audio_codec(path: Path) -> str | None:
    """Name of the first sound track's codec; "" where there is none, None without ffprobe."""
    if not shutil.which("ffprobe"):
        return None
    command = ["ffprobe", "-v", "error", "-select_streams", "a:0"]
    command += ["-show_entries", "stream=codec_name", "-of", "csv=p=0", _url(path)]
    return _run(command).stdout.strip().split("\n")[0].strip(",")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # What it says holds names of files, in any encoding.
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _url(path: Path) -> str:
    """For ffmpeg, which takes what stands before a colon for a protocol, "-" for a flag."""
    return f"file:{path}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "without a word"


def _even(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    right, below = size[0] - pixels.shape[1], size[1] - pixels.shape[0]
    if not right and not below:
        return pixels
    return cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)


def _fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The whole picture in `size`, (width, height), with black bars where its shape differs."""
    height, width = pixels.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * factor)), max(1, round(height * factor))
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    small = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas
