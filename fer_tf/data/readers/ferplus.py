"""FERPlus (Barsoum et al., ICMI 2016, arXiv:1608.01041): FER2013's pictures, labelled by ten votes.

The labels are those of the authors' own evaluation (`_process_data` with "majority" in
https://github.com/microsoft/FERPlus, src/ferplus.py).
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.data.readers import fer2013
from fer_tf.data.votes import read_votes
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS

NAMES = ("fer2013.csv", "fer2013new.csv")
"""The pictures and the votes, where they lie in one folder."""


def matches(path: str) -> bool:
    """Whether it is a folder with both CSVs."""
    return all(os.path.isfile(os.path.join(path, name)) for name in NAMES)


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read FERPlus.

    Args:
        path: a folder with fer2013.csv and fer2013new.csv, or the former as `fer2013.read` takes
            it, with the latter in the options.
        options: as of `fer2013.read`.

    Returns:
        Faces with images uint8 [n, 48, 48], of eight classes, with all ten votes. Left out and
        counted: rows without an image name, of which FERPlus has no picture, and those whose
        majority (`majority`) is no emotion.

    Raises:
        FerError: malformed, or without votes.
    """
    votes_path = options.votes
    if matches(path):
        path, joined = (os.path.join(path, name) for name in NAMES)
        votes_path = votes_path or joined
    if votes_path is None:
        raise FerError(
            f"{path}: FERPlus needs its votes, expected --votes fer2013new.csv, or a folder with "
            f"{' and '.join(NAMES)}"
        )
    faces = fer2013.read(path, replace(options, votes=None))
    split = None if options.split else faces.split
    votes, named = read_votes(votes_path, split, len(faces), path)
    labels = majority(votes)
    for name, rows in {
        "rows without an image name": ~named,
        "without a majority": named & (labels < 0),
        "with a majority for unknown": named & (labels == 8),
        "with a majority for NF, not a face": named & (labels == 9),
    }.items():
        options.say(f"{path}: left out {rows.sum():,} {name}")
    kept = named & (labels >= 0) & (labels < 8)
    labelled = replace(faces, labels=labels.astype(np.uint8), votes=votes, task=TASKS["ferplus"])
    return labelled.take(kept)


def majority(votes: np.ndarray) -> np.ndarray:
    """The class that more than half of the votes name, without those for what got only one.

    Args:
        votes: uint8 [n, 10] in the order of `FERPLUS`.

    Returns:
        int64 [n], index into `FERPLUS`; -1 where no class has the majority, which the authors
        call unknown.
    """
    counts = np.where(votes > 1, votes, 0).astype(np.int64)
    best = counts.argmax(axis=1)
    return np.where(2 * counts.max(axis=1) > counts.sum(axis=1), best, -1)


READER = Reader("ferplus", f"folder with {' and '.join(NAMES)}", matches, read, votes=True)
