"""Who was seen in a video, in words, and each one's surest moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from fer_tf.vision.results import VideoFrame

MOST = 8
"""People whose surest moment is kept, with its frame: the first ones of a video."""


class People:
    """Collects what is told of a video at its end.

    Args:
        moments: keep each person's surest moment, up to `MOST` of them.
    """

    def __init__(self, *, moments: bool = False):
        self._emotions: dict[int, Counter[str]] = {}
        self._surest: dict[int, VideoFrame] = {}
        self._kept = MOST if moments else 0

    def add(self, frame: VideoFrame) -> None:
        """Take note of the faces in a frame."""
        for face, track in zip(frame.faces, frame.tracks, strict=True):
            self._emotions.setdefault(track, Counter())[face.label] += 1
            best = self._surest.get(track)
            room = best is None and len(self._surest) < self._kept
            if room or (best is not None and face.certainty > best[0].certainty):
                self._surest[track] = replace(frame, faces=(face,), tracks=(track,))

    def lines(self) -> Iterator[str]:
        """A line a person: in how many frames, and the three most frequent expressions."""
        for number, emotions in self._emotions.items():
            seen = emotions.total()
            shares = ", ".join(f"{name} {n / seen:.0%}" for name, n in emotions.most_common(3))
            yield f"person {number} in {seen:,} frame{'s' * (seen > 1)}: {shares}"

    def moments(self) -> list[VideoFrame]:
        """The frame of each person's surest moment, with that face alone, in the order in which
        they came.
        """
        return list(self._surest.values())
