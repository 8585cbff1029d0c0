"""A video's frames with their faces, as an iterator: what `FaceAnalyzer.analyze_video` gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from fer_tf.vision.results import VideoFrame
from fer_tf.vision.video.session import VideoOptions, check_options
from fer_tf.vision.video.stages import analyzed
from fer_tf.vision.video.video_reader import VideoReader

if TYPE_CHECKING:
    import pandas

    from fer_tf.vision.analyzer import FaceAnalyzer


class VideoAnalysis(Iterator[VideoFrame]):
    """The frames of a video, once, as they are analysed; a context manager that closes it, too.

    Attributes:
        fps: frames a second of the video.
        expected: how many frames the container promises; 0 where it doesn't.
        notes: what else there is to know by now, a sentence each: a file that is cut off.

    Args:
        options: which video and which of its frames; `out` and `show` do not count.
        analyzer: finds and recognises.

    Raises:
        FerError: the video can't be opened, or an option is out of its range.
    """

    def __init__(self, options: VideoOptions, analyzer: FaceAnalyzer):
        check_options(options)
        reader = VideoReader(options.source, options.wanted)
        self.fps, self.expected, self.notes = reader.fps, reader.expected, reader.notes
        self._frames = analyzed(reader, analyzer, options)

    def __next__(self) -> VideoFrame:
        return next(self._frames)

    def __enter__(self) -> VideoAnalysis:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End it: there are no more frames."""
        self._frames.close()

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dictionary for each face in each frame that is still to come, as of `Analysis`."""
        with closing(self):
            return [row for frame in self for row in frame.to_dicts()]

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each face in each frame that is still to come, as of `Analysis`.

        Raises:
            FerError: pandas is not installed, or the video fails.
        """
        from fer_tf.vision.face_table import to_pandas

        with closing(self):
            return to_pandas(self)
