"""From a video or a camera to each person's expression over time: `run_video`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.errors import FerError, shown_path
from fer_tf.files import free, mark_for
from fer_tf.installed import absent
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.picture_folder import short_stem
from fer_tf.vision.results import VideoFrame
from fer_tf.vision.video.moments import Stretch
from fer_tf.vision.video.smoothing import TIME_CONSTANT_S
from fer_tf.vision.video.stages import analyzed
from fer_tf.vision.video.timeline import Timeline
from fer_tf.vision.video.video_reader import VideoReader
from fer_tf.vision.video.writer import VideoWriter

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer


@dataclass(frozen=True)
class VideoOptions:
    """What to do with which video.

    Attributes:
        source: a file, a URL that FFmpeg opens (http, https, rtsp, ...), a camera's number ("0")
            or "camera", which is camera 0.
        out: folder for the annotated video and the timeline; made if absent. None writes neither.
        show: open a window with the annotated frames; q or Esc in it ends the run.
        detect_every: frames from one search for faces to the next; in between they are tracked.
        recognize_every: frames from one recognition of a tracked face to the next.
        smoothing_s: time constant of the probabilities' exponential average, in seconds;
            0 does not smooth.
        wanted: the seconds and the frames of the video that are analysed; all of them by default.
    """

    source: str
    out: Path | None = None
    show: bool = False
    detect_every: int = 10
    recognize_every: int = 1
    smoothing_s: float = TIME_CONSTANT_S
    wanted: Stretch = field(default_factory=Stretch)


@dataclass(frozen=True)
class VideoSummary:
    """What became of a video.

    Attributes:
        frames: that were analysed.
        seconds: of the video that they cover.
        elapsed: seconds that it took.
        tracks: people that were followed.
        video: the annotated video; None where none was asked for.
        timeline: the picture of probabilities over time; None where none was asked for or nobody
            was seen.
        audio: "kept", or why there is none in `video`, in a few words; "" without `video`.
        interrupted: by Ctrl-C; what was done until then is kept.
    """

    frames: int
    seconds: float
    elapsed: float
    tracks: int
    video: Path | None
    timeline: Path | None
    audio: str
    interrupted: bool

    @property
    def fps(self) -> float:
        """Frames a second of `elapsed`."""
        return self.frames / self.elapsed if self.elapsed > 0 else 0.0


def _nothing(*_: object) -> None:
    pass


def run_video(
    options: VideoOptions,
    analyzer: FaceAnalyzer,
    *,
    on_frame: Callable[[VideoFrame], None] = _nothing,
    say: Callable[[str], None] = _nothing,
    step: Callable[[int, int], None] = _nothing,
) -> VideoSummary:
    """Follow the faces of a video, recognise each over time, and hand over frame by frame.

    With `options.out` it writes OUT/NAME.mp4, annotated, and OUT/NAME-timeline.png: under a
    temporary name first, so that a file of that name is whole, and with a number in the name
    where a file lies that was not made from the same source (`fer_tf.files`). Decoding,
    following, recognition and drawing overlap, each on a thread of its own, and encoding, in
    ffmpeg's process. `on_frame` and `step` are called on the calling thread, in the frames' order,
    and what they raise ends the run.

    Ctrl-C ends it early and is told in the summary (`interrupted`): the caller chooses the exit
    code. What is done by then is finished and kept under its name.

    Args:
        options: see `VideoOptions`.
        analyzer: finds faces on one other thread and recognises on a second.
        on_frame: called with each frame, before it is drawn.
        say: called with a sentence for the user as soon as there is something to know; of what
            becomes of the source on the thread that reads it.
        step: called after each frame with 1 and how many frames are expected, 0 where that is
            unknown.

    Raises:
        FerError: the source can't be opened or holds no frame; the folder can't be written;
            there is no display to show a window on.
    """
    check_options(options)
    reader = VideoReader(options.source, options.wanted, say)
    with ExitStack() as stack:
        sinks = _Sinks(options, reader, stack)
        started = time.perf_counter()
        interrupted = False
        done, last, people = 0, 0.0, 0
        try:
            with closing(analyzed(reader, analyzer, options)) as frames:
                for frame in frames:
                    on_frame(frame)
                    done, last, people = done + 1, frame.seconds, max((people, *frame.tracks))
                    wanted = sinks.take(frame)
                    step(1, max(done, reader.expected) if reader.expected else 0)
                    if not wanted:
                        break
        except KeyboardInterrupt:
            interrupted = True
        for sentence in sinks.notes():
            say(sentence)
        video, timeline, audio = sinks.finish()
        return VideoSummary(
            frames=done,
            seconds=last + 1 / reader.fps - options.wanted.start if done else 0.0,
            elapsed=time.perf_counter() - started,
            tracks=people,
            video=video,
            timeline=timeline,
            audio=audio,
            interrupted=interrupted,
        )


class _Sinks:
    """Where annotated frames go: a file, a window, a timeline, or nowhere."""

    def __init__(self, options: VideoOptions, reader: VideoReader, stack: ExitStack):
        self._window = self._writer = None
        self._timeline: Timeline | None = None
        self._folder = options.out
        self._paced = not reader.live
        self._start = options.wanted.start
        self._started = time.monotonic()
        if options.show:
            from fer_tf.vision.video.window import Window

            self._window = Window(f"fer_tf: {reader.name}")
            stack.callback(self._window.close)
        if options.out is not None:
            self._mark = mark_for([options.source], live=reader.live)
            path = options.out / f"{short_stem(reader.name)}.mp4"
            self._writer = VideoWriter(
                path, reader.fps, reader.path, mark=self._mark, start=self._start
            )
            stack.callback(self._writer.abort)

    def take(self, frame: VideoFrame) -> bool:
        """Draw and pass on a frame; False once the window was shut."""
        if self._writer is None and self._window is None:
            return True
        assert frame.pixels is not None
        drawn = draw_faces(frame.pixels, frame.faces, tracks=frame.tracks)
        seconds = frame.seconds - self._start
        if self._writer is not None:
            self._collect(frame)
            self._writer.write(drawn, seconds)
        if self._window is None:
            return True
        if self._paced:
            ahead = seconds - (time.monotonic() - self._started)
            if ahead < 0:
                self._started -= ahead
            elif not self._window.wait(ahead):
                return False
        return self._window.show(drawn)

    def notes(self) -> list[str]:
        """What is to be told when all frames are through."""
        notes = []
        if self._writer is not None and self._writer.resized:
            name = shown_path(self._writer.path)
            notes.append(f"{name}: the picture's size changed, its first one was kept")
        if self._timeline is not None and find_spec("matplotlib") is None:
            notes.append(f"the timeline is left out: it {absent('matplotlib')}")
        return notes

    def finish(self) -> tuple[Path | None, Path | None, str]:
        """Finish the files: (video, timeline, what became of the sound)."""
        if self._writer is None or self._folder is None or self._writer.empty:
            return None, None, ""
        audio = self._writer.finish()
        if self._timeline is None or find_spec("matplotlib") is None:
            return self._writer.path, None, audio
        path = free(self._folder / f"{self._writer.path.stem}-timeline.png", self._mark)
        self._timeline.save(path, mark=self._mark)
        return self._writer.path, path, audio

    def _collect(self, frame: VideoFrame) -> None:
        if self._timeline is not None:
            self._timeline.extend(frame.seconds)
        for face, track in zip(frame.faces, frame.tracks, strict=True):
            if self._timeline is None:
                self._timeline = Timeline(face.labels, face.value_names, start=self._start)
            answers = np.array((*face.probabilities, *face.values))
            self._timeline.add(track, frame.seconds, answers)


def check_options(options: VideoOptions) -> None:
    """Refuse numbers that can't be meant.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    for flag, value in (
        ("--detect-every", options.detect_every),
        ("--recognize-every", options.recognize_every),
    ):
        if value < 1:
            raise FerError(f"{flag}: found {value}, expected a number of frames, at least 1")
    if not 0 <= options.smoothing_s < math.inf:
        raise FerError(f"--smoothing-s: found {options.smoothing_s}, expected seconds, at least 0")
    wanted = options.wanted
    for flag, seconds in (("--every", wanted.every), ("--from", wanted.start)):
        if not 0 <= seconds < math.inf:
            raise FerError(f"{flag}: found {seconds}, expected seconds, at least 0")
    if not wanted.end > wanted.start:
        raise FerError(f"--to: found {wanted.end}, expected seconds above --from {wanted.start:g}")
