"""A video's work in stages, each on a thread of its own: decode, follow, recognise."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fer_tf.vision.results import VideoFrame
from fer_tf.vision.video.ahead import Ahead
from fer_tf.vision.video.analysis import follow, recognize
from fer_tf.vision.video.video_reader import VideoReader

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer
    from fer_tf.vision.video.session import VideoOptions

_PATIENCE_S = 5.0  # for a camera that hangs; its thread is then left to end with the process


def analyzed(
    reader: VideoReader, analyzer: FaceAnalyzer, options: VideoOptions
) -> Generator[VideoFrame, None, None]:
    """The frames of a video and who is in them; all threads have ended when it ends or is closed.

    Args:
        reader: of the video.
        analyzer: finds faces on one thread and recognises on a second.
        options: how often it is searched and recognised, and how it is smoothed.
    """
    waiting = 1 if reader.live else 4
    frames = Ahead(reader.frames(), size=waiting, newest=reader.live)
    followed = Ahead(follow(frames, analyzer, detect_every=options.detect_every), size=waiting)
    seen = Ahead(
        recognize(
            followed,
            analyzer,
            source=options.source,
            recognize_every=options.recognize_every,
            smoothing_s=options.smoothing_s,
        ),
        size=waiting,
    )
    with ExitStack() as stack:
        for stage in (frames, followed, seen):
            stack.callback(stage.join, _PATIENCE_S)
        for stage in (frames, followed, seen):
            stack.callback(stage.stop)
        stack.callback(reader.stop)
        yield from seen
