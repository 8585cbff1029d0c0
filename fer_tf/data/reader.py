"""What a reader of data sets is, and what it can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fer_tf.archives import UNPACKED_LIMIT
from fer_tf.data.faces import Faces

LARGEST_FACE = 1024
"""Side in pixels, above which no network takes a face: `--size` goes as far."""


def say_nothing(text: str) -> None:
    """For whoever does not want to hear what was left out."""


@dataclass(frozen=True)
class Options:
    """What is asked of a reader beside the path; each reader heeds what its layout has.

    Attributes:
        votes: fer2013new.csv, the FERPlus votes, or None.
        split: whether the rows will be divided anew, so that data needs no splits of its own.
        face_size: side in pixels of the square that pictures are reduced to; None for the task's.
        unpack_limit: bytes that an archive may unpack to.
        cache: keep the parsed rows of a fer2013.csv in the user's cache folder.
        say: is told in a line what was left out, and what was found.
    """

    votes: str | None = None
    split: bool = False
    face_size: int | None = None
    unpack_limit: int = UNPACKED_LIMIT
    cache: bool = True
    say: Callable[[str], None] = say_nothing


DEFAULTS = Options()


@dataclass(frozen=True)
class Reader:
    """One layout of data, by name.

    Attributes:
        name: what --reader calls it.
        layout: what it looks for, as "found no ..." goes on.
        matches: whether a path has this layout; cheap, and without errors.
        read: the faces at a path; raises FerError where they are malformed.
        votes: whether FERPlus votes can be joined to them.
    """

    name: str
    layout: str
    matches: Callable[[str], bool]
    read: Callable[[str, Options], Faces]
    votes: bool = False
