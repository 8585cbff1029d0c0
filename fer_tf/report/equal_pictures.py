"""Which pictures of a data set are the same to the last pixel, in memory that does not grow.

Each picture's digest goes to one of several temporary files, so that equal ones meet in the same
file, and one file after the other is looked at (the partitioning of a hash join: Kitsuregawa et
al., 1983). The files take 24 bytes a picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.mapped import pieces
from fer_tf.errors import FerError

TOGETHER = 1 << 18
"""Pictures whose digests are looked at together: 6 MB of them, up to `MOST_FILES` times as many."""

MOST_FILES = 200
LISTED = 50
"""Rows, or groups of rows, that are named of each finding; all are counted."""

_ENTRY = np.dtype([("digest", "<u8", 2), ("row", "<i8")])


@dataclass(frozen=True)
class Found:
    """How many rows, or groups of rows, there are, and the first `LISTED` of them, from 1."""

    count: int = 0
    first: tuple = ()

    def __len__(self) -> int:
        return self.count

    def more(self, count: int, first: list) -> Found:
        """With so many others, of which `first` are the first."""
        return Found(self.count + count, tuple(sorted([*self.first, *first])[:LISTED]))


@dataclass(frozen=True, eq=False)
class Equal:
    """What is said of equal pictures; rows are numbered from 1, and a group's first are listed.

    Attributes:
        blank: rows whose pixels are all of one grey.
        copies: rows that could go without any other picture being lost.
        groups: rows that share one picture, for each that more than one row has; not blank ones.
        across: those of `groups` that lie in more than one split.
        disagreeing: those of `groups` that have more than one label.
        leaked: int [3], rows of each split whose picture Training has too; 0 for Training.
    """

    blank: Found
    copies: int
    groups: Found
    across: Found
    disagreeing: Found
    leaked: np.ndarray


def equal_pictures(faces: Faces) -> Equal:
    """Find equal pictures. Takes half a second for the whole of FER2013.

    Raises:
        FerError: no room for the temporary files, which $TMPDIR says the place of.
    """
    try:
        return _found(faces)
    except OSError as error:
        raise FerError(
            f"{tempfile.gettempdir()}: can't be written ({error.strerror}), expected room for "
            f"{len(faces) * _ENTRY.itemsize / 1e6:,.0f} MB there or where TMPDIR says"
        ) from error


def _found(faces: Faces) -> Equal:
    blank, copies, leaked = Found(), 0, np.zeros(len(SPLITS), int)
    groups, across, disagreeing = Found(), Found(), Found()
    with ExitStack() as stack:
        count = min(-(-len(faces) // TOGETHER), MOST_FILES)
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(count)]
        for entries, blanks in _digests(faces):
            blank = blank.more(len(blanks), (blanks[:LISTED] + 1).tolist())
            file_of = entries["digest"][:, 0] % count
            for number, file in enumerate(files):
                file.write(entries[file_of == number].tobytes())
        for file in files:
            file.seek(0)
            entries = np.frombuffer(file.read(), _ENTRY)
            digests, rows = entries["digest"], entries["row"]
            order = np.lexsort((rows, digests[:, 1], digests[:, 0]))
            digests, rows = digests[order], rows[order]
            new = np.r_[True, (digests[1:] != digests[:-1]).any(axis=1)][: len(rows)]
            starts = np.flatnonzero(new)
            lengths = np.diff(starts, append=len(rows))
            # Of pictures that are there once nothing else is asked.
            rows = rows[np.repeat(lengths > 1, lengths)]
            lengths = lengths[lengths > 1]
            if not len(lengths):
                continue
            starts = np.cumsum(lengths) - lengths
            split, labels = faces.split[rows], faces.labels[rows]
            mixed = _several(split, starts)
            copies += int((lengths - 1).sum())
            groups = _more(groups, rows, starts, lengths, lengths > 1)
            across = _more(across, rows, starts, lengths, mixed)
            disagreeing = _more(disagreeing, rows, starts, lengths, _several(labels, starts))
            trained = np.repeat(np.minimum.reduceat(split, starts) == 0, lengths)
            leaked += np.bincount(split[trained & (split > 0)], minlength=len(SPLITS))
    return Equal(blank, copies, groups, across, disagreeing, leaked)


def _digests(faces: Faces) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of piece after piece: the entries of pictures, and the rows, from 0, of blank ones."""
    start = 0
    for images in pieces(faces.images):
        flat = images.reshape(len(images), -1)
        blank = flat.min(axis=1) == flat.max(axis=1)
        entries = np.empty(len(images) - blank.sum(), _ENTRY)
        entries["row"] = start + np.flatnonzero(~blank)
        digests = b"".join(blake2b(image, digest_size=16).digest() for image in flat[~blank])
        entries["digest"] = np.frombuffer(digests, "<u8").reshape(-1, 2)
        yield entries, start + np.flatnonzero(blank)
        start += len(images)


def _several(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Whether each group has more than one value: bool [groups]."""
    return np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts)


def _more(
    found: Found, rows: np.ndarray, starts: np.ndarray, lengths: np.ndarray, which: np.ndarray
) -> Found:
    """With some of the groups, and the first rows of the first of them."""
    chosen = np.flatnonzero(which)
    first = chosen[np.argsort(rows[starts[chosen]])[:LISTED]]
    groups = [rows[starts[i] : starts[i] + min(lengths[i], LISTED)] + 1 for i in first]
    return found.more(len(chosen), [tuple(group.tolist()) for group in groups])
