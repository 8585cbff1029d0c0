"""What faces are labelled with, as a value: class names in their order, and continuous values.

Orders differ between data sets, and image folders sort alphabetically: a class index means nothing
without its task. Plain Python without imports of any framework.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from fer_tf.errors import FerError

FER2013 = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")
"""Order of the `emotion` column of fer2013.csv (Goodfellow et al., 2013)."""

FERPLUS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""Order of the vote columns of fer2013new.csv (Barsoum et al., 2016); NF is "not a face"."""

AFFECTNET = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")
"""Order of AffectNet's eight classes (Mollahosseini et al., 2017)."""

RAFDB = ("Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral")
"""Order of RAF-DB's seven basic emotions, whose labels count from 1 (Li et al., CVPR 2017)."""

AFFECT = ("valence", "arousal")
"""The circumplex model of affect (Russell, 1980): how pleasant and how excited, each in [-1, 1]."""

_VARIANTS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "contemptuous": "contempt",
}
"""Usual variants of class names, and the one that stands for them."""

MAX_CLASSES = 1000
MAX_NAME = 100  # characters


def is_name(text: str) -> bool:
    """Whether a task, a class or a value may be called so."""
    return bool(text.strip()) and text.isprintable() and len(text) <= MAX_NAME


@dataclass(frozen=True)
class Task:
    """What a face is labelled with.

    Attributes:
        name: of the task, such as "fer2013".
        labels: names of the classes, in the order of their indices.
        values: names of continuous targets in [-1, 1], such as ("valence", "arousal"); often none.
        face: (height, width, channels) of the data's own faces; 1 channel is grey, 3 are RGB.

    Raises:
        FerError: fewer than two classes, names that are empty or the same, or no such face.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[str, ...] = ()
    face: tuple[int, int, int] = (48, 48, 1)

    def __post_init__(self) -> None:
        for name in ("labels", "values", "face"):
            # A list would be another value than the same names in a tuple.
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 2 <= len(self.labels) <= MAX_CLASSES:
            raise FerError(
                f"task {self.name!r} has {len(self.labels)} classes: expected 2 to {MAX_CLASSES}"
            )
        names = (self.name, *self.labels, *self.values)
        for name in names:
            if not is_name(name):
                raise FerError(
                    f"task {self.name!r} names something {name!r}: expected 1 to {MAX_NAME} "
                    "printable characters"
                )
        for group in (self.labels, self.values):
            if len(set(group)) < len(group):
                raise FerError(f"task {self.name!r} names two alike: expected different {group}")
        height, width, channels = self.face
        if min(height, width) < 1 or channels not in (1, 3):
            raise FerError(
                f"task {self.name!r} has faces of {self.face}: expected (height, width, 1 or 3)"
            )

    def index(self, name: str) -> int | None:
        """Index of the class of that name or of a variant of it, whatever its case; or None."""
        wanted = canonical(name)
        return next((i for i, label in enumerate(self.labels) if canonical(label) == wanted), None)

    def with_face(self, height: int, width: int, channels: int = 1) -> Task:
        """The same labels on faces of another size."""
        return replace(self, face=(height, width, channels))

    def same_answers(self, other: Task) -> bool:
        """Whether both have the same classes and values in the same order."""
        return (self.labels, self.values) == (other.labels, other.values)

    def to_json(self) -> str:
        """The task as one line of JSON; `from_json` gives it back."""
        return json.dumps(asdict(self))


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task("fer2013", FER2013),
            Task("ferplus", FERPLUS[:8]),
            Task("affectnet8", AFFECTNET, AFFECT, (112, 112, 3)),
            Task("affectnet7", AFFECTNET[:7], AFFECT, (112, 112, 3)),
            Task("rafdb", RAFDB, (), (100, 100, 3)),
        )
    }
)
"""The tasks of published data sets by name."""


def from_json(text: str, *, source: str) -> Task:
    """Read a task from JSON.

    Args:
        text: as `Task.to_json` writes it.
        source: what to call it in errors.

    Raises:
        FerError: it is not a task.
    """
    try:
        fields = json.loads(text)
        lists = {key: tuple(fields[key]) for key in ("labels", "values", "face")}
        if {type(fields[key]) for key in lists} != {list}:
            raise TypeError
        task = Task(name=fields["name"], **lists)
        kinds = {type(name) for name in (task.name, *task.labels, *task.values)}
        if kinds != {str} or {type(side) for side in task.face} != {int} or len(fields) != 4:
            raise TypeError
    except FerError as error:
        raise FerError(f"{source}: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FerError(
            f"{source}: is no task: expected JSON with a name, labels, values and a face"
        ) from None
    return task


def task_of_classes(count: int, source: Any) -> Task:
    """The task of a network that names none: FER2013's, where it has as many classes.

    Raises:
        FerError: it has another number of classes.
    """
    if count != len(FER2013):
        raise FerError(
            f"{source}: has {count} classes and does not name them: expected {len(FER2013)} "
            f"({', '.join(FER2013)}), or a file that fer_tf wrote"
        )
    return TASKS["fer2013"]


def plain(name: str) -> str:
    """A name without case, blanks and dashes."""
    # macOS writes "ü" as two characters where others write one.
    composed = unicodedata.normalize("NFC", name)
    return composed.lower().replace("_", "").replace("-", "").replace(" ", "")


def canonical(name: str) -> str:
    """A class's plain name, or the usual word of its variants."""
    return _VARIANTS.get(plain(name), plain(name))
