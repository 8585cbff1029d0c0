"""Answers as dictionaries and as a table of pandas: a row for each face.

The columns, whose names and order stay as they are:

- source: the picture's path or name, the video's as it was given; "" for pixels
- frame, seconds, track: in a video the frame's number from 0, its time, and the person's number
  from 1; None for a picture
- face: index of the face in its picture or frame, from 0, best detector score first
- left, top, width, height: its box, in pixels of the upright picture
- score: the detector's, in [0, 1]
- label: the most probable class, or "unsure" with a certainty below `min_certainty`
- certainty: the largest probability, in [0, 1]
- probability_NAME: of each class, its name in lower case: probability_happy
- value_NAME: of each continuous value, in [-1, 1], for a network that gives any: value_valence

A picture without a face has no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fer_tf.errors import FerError
from fer_tf.vision.results import Analysis, VideoFrame

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "source",
    "frame",
    "seconds",
    "track",
    "face",
    "left",
    "top",
    "width",
    "height",
    "score",
    "label",
    "certainty",
)
"""Of every table; the columns of the classes and of the values follow."""


def face_dicts(analysis: Analysis) -> list[dict[str, Any]]:
    """A dictionary for each face, its keys as the module says."""
    video = analysis if isinstance(analysis, VideoFrame) else None
    rows = []
    for index, face in enumerate(analysis.faces):
        place = face.box
        own = (
            analysis.source,
            None if video is None else video.frame,
            None if video is None else video.seconds,
            None if video is None else video.tracks[index],
            index,
            *(place.left, place.top, place.width, place.height),
            *(face.score, face.label, face.certainty),
        )
        rows.append(
            dict(zip(COLUMNS, own, strict=True))
            | {f"probability_{name.lower()}": share for name, share in face.by_emotion.items()}
            | {f"value_{name.lower()}": value for name, value in face.by_value.items()}
        )
    return rows


def to_pandas(analyses: Analysis | Iterable[Analysis]) -> pandas.DataFrame:
    """One table of several answers, such as `analyze_batch` or `analyze_video` gives.

    Args:
        analyses: one of them or any number; an iterator is read to its end, and its pictures are
            not kept.

    Returns:
        A row for each face, its columns as the module says. `frame` and `track` are Int64, where
        a picture's are <NA>.

    Raises:
        FerError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise FerError(
            "a table needs pandas, which is not installed: expected pip install pandas"
        ) from None
    several = [analyses] if isinstance(analyses, Analysis) else analyses
    rows = [row for analysis in several for row in face_dicts(analysis)]
    table = pandas.DataFrame(rows, columns=None if rows else list(COLUMNS))
    whole = {name: "Int64" for name in ("frame", "track", "face")}
    numbers = ("seconds", "left", "top", "width", "height", "score", "certainty")
    return table.astype({**whole, **dict.fromkeys(numbers, "float64")})
