"""Answers as dictionaries and as a table of pandas: a row for each face.

The columns, which `predict --json` and `--csv` write, too; their names and order stay as they are:

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
from fer_tf.tasks import Task
from fer_tf.vision.results import Analysis, Face, VideoFrame

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


_DIGITS = {"seconds": 3} | dict.fromkeys(("left", "top", "width", "height"), 1)


def columns(task: Task) -> tuple[str, ...]:
    """All columns of a table of answers to `task`."""
    return (
        *COLUMNS,
        *(f"probability_{label.lower()}" for label in task.labels),
        *(f"value_{value.lower()}" for value in task.values),
    )


def face_dict(
    face: Face,
    index: int,
    *,
    source: str = "",
    frame: int | None = None,
    seconds: float | None = None,
    track: int | None = None,
) -> dict[str, Any]:
    """The row of one face, its keys and the arguments as the module says."""
    box = face.box
    places = [float(side) for side in (box.left, box.top, box.width, box.height)]
    own = (
        *(source, frame, seconds, track, index),
        *places,
        *(float(face.score), face.label, float(face.certainty)),
    )
    return (
        dict(zip(COLUMNS, own, strict=True))
        | {f"probability_{name.lower()}": float(share) for name, share in face.by_emotion.items()}
        | {f"value_{name.lower()}": float(value) for name, value in face.by_value.items()}
    )


def face_dicts(analysis: Analysis) -> list[dict[str, Any]]:
    """A dictionary for each face, its keys as the module says."""
    if not isinstance(analysis, VideoFrame):
        return [face_dict(face, i, source=analysis.source) for i, face in enumerate(analysis.faces)]
    place: dict[str, Any] = {"source": analysis.source, "frame": analysis.frame}
    return [
        face_dict(face, index, **place, seconds=analysis.seconds, track=track)
        for index, (face, track) in enumerate(zip(analysis.faces, analysis.tracks, strict=True))
    ]


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """A row for a text file: pixels to a tenth, seconds to three digits, shares to six."""
    return {
        name: round(value, _DIGITS.get(name, 6)) if isinstance(value, float) else value
        for name, value in row.items()
    }


def to_pandas(analyses: Analysis | Iterable[Analysis]) -> pandas.DataFrame:
    """One table of several answers, such as `analyze_batch` or `analyze_video` gives.

    Args:
        analyses: one of them or any number; an iterator is read to its end, and its pictures are
            not kept.

    Returns:
        A row for each face, its columns as the module says. `frame` and `track` are Int64, where
        a picture's are <NA>.

    Raises:
        FerError: pandas is not installed, or something else is among them.
    """
    try:
        import pandas
    except ImportError:
        raise FerError(
            "a table needs pandas, which is not installed: expected pip install pandas"
        ) from None
    rows: list[dict[str, Any]] = []
    task: Task | None = None
    for analysis in [analyses] if isinstance(analyses, Analysis) else analyses:
        if not isinstance(analysis, Analysis):
            raise FerError(
                f"a table: found a {type(analysis).__name__}, expected what analyze, analyze_batch "
                "or analyze_video gives"
            )
        rows += face_dicts(analysis)
        task = task or analysis.task
    without_rows = COLUMNS if task is None else columns(task)
    table = pandas.DataFrame(rows, columns=None if rows else list(without_rows))
    numbers = table.columns.drop(["source", "label"])
    whole = dict.fromkeys(("frame", "track", "face"), "Int64")
    return table.astype(dict.fromkeys(numbers, "float64") | whole)
