"""From a video or a camera to each person's expression over time: `run_video`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.vision.results import Face

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
    """

    source: str
    out: Path | None = None
    show: bool = False
    detect_every: int = 5
    recognize_every: int = 1
    smoothing_s: float = 0.5


@dataclass(frozen=True)
class FaceRow:
    """One face in one frame.

    Attributes:
        frame: its number, from 0; a camera's frames that were skipped are counted.
        time: of the frame, in seconds from the first one, by the container's timestamps (a
            camera's by the clock).
        track: the person's number, from 1; never given twice in a video.
        face: its box followed and its probabilities smoothed over time.
    """

    frame: int
    time: float
    track: int
    face: Face


@dataclass(frozen=True)
class VideoSummary:
    """What became of a video.

    Attributes:
        frames: that were analysed.
        seconds: of the video that they cover.
        elapsed: seconds that it took.
        tracks: people that were followed.
        rows: faces in frames.
        video: the annotated video; None where none was asked for.
        timeline: the picture of probabilities over time; None where none was asked for or nobody
            was seen.
        audio: "kept", or why there is none in `video`, in a few words; "" without `video`.
        interrupted: by Ctrl-C; what was done until then is kept.
        notes: what else there is to know, a sentence each: a file that is cut off, sizes that
            change.
    """

    frames: int
    seconds: float
    elapsed: float
    tracks: int
    rows: int
    video: Path | None
    timeline: Path | None
    audio: str
    interrupted: bool
    notes: tuple[str, ...]

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
    rows: Callable[[FaceRow], None] = _nothing,
    say: Callable[[str], None] = _nothing,
    progress: Callable[[int, int], None] = _nothing,
) -> VideoSummary:
    """Follow the faces of a video, recognise each over time, and hand over a row a face a frame.

    With `options.out` it writes OUT/NAME.mp4, annotated, and OUT/NAME-timeline.png: under a
    temporary name first, so that a file of that name is whole. Decoding, analysis and encoding
    overlap. `rows`, `say` and `progress` are called on the calling thread, in the frames' order,
    and what they raise ends the run.

    Ctrl-C ends it early and is told in the summary (`interrupted`): the caller chooses the exit
    code. What is done by then is finished and kept under its name.

    Args:
        options: see `VideoOptions`.
        analyzer: finds and recognises; used on one other thread.
        rows: called with each `FaceRow`.
        say: called with a sentence for the user as soon as there is something to know.
        progress: called after each frame with the frames done and the frames that are expected,
            0 where that is unknown.

    Raises:
        FerError: the source can't be opened, holds no frame, or would be overwritten; the folder
            can't be written; there is no display to show a window on.
    """
    raise NotImplementedError
