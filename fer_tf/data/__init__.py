"""Files -> `Faces` (arrays) -> batches."""

from __future__ import annotations

import os
from collections.abc import Callable

from fer_tf.data.faces import Faces
from fer_tf.data.reader import LARGEST_FACE, Options, say_nothing
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS


def load_faces(
    data: str | os.PathLike[str] = "synthetic",
    *,
    votes: str | os.PathLike[str] | None = None,
    reader: str | None = None,
    split: str | None = None,
    face_size: int | None = None,
    task: str | None = None,
    unpack_limit: float = 2.0,
    say: Callable[[str], None] = say_nothing,
) -> Faces:
    """Read a data set, whatever layout it has.

    Args:
        data: a file, a folder or a name that one of `fer_tf.data.readers.READERS` knows.
        votes: fer2013new.csv, the FERPlus votes to join by row.
        reader: name of the reader; None for the first that knows the layout.
        split: shares such as "80:20", for data without validation rows (`splits.divide`).
        face_size: side in pixels of the square that pictures are reduced to.
        task: name in `fer_tf.tasks.TASKS`, whose classes and order are wanted.
        unpack_limit: GiB that an archive may unpack to.
        say: is told in a line each what was found and what was left out.

    Raises:
        FerError: the input is malformed, or no reader knows it; the sentence names the file, the
            row and the reason.
    """
    from fer_tf.data.readers import find
    from fer_tf.data.relabel import relabel
    from fer_tf.data.splits import divide, parse_shares

    data = os.fspath(data)
    chosen = find(data, reader)
    if votes is not None and not chosen.votes:
        raise FerError(
            f"{data}: the reader {chosen.name!r} has no rows to join {votes} to, expected a "
            "fer2013.csv"
        )
    if face_size is not None and not 1 <= face_size <= LARGEST_FACE:
        raise FerError(f"--face-size: expected 1 to {LARGEST_FACE} pixels, found {face_size}")
    if not 0 < unpack_limit <= 1e6:
        raise FerError(f"--unpack-limit: expected GiB above 0 to 1e6, found {unpack_limit:g}")
    # Reading may take minutes, and both are used after it.
    if split is not None:
        parse_shares(split)
    if task is not None and task not in TASKS:
        raise FerError(f"--task {task!r}: expected one of {', '.join(TASKS)}")
    options = Options(
        votes=None if votes is None else os.fspath(votes),
        split=split is not None,
        face_size=face_size,
        unpack_limit=round(unpack_limit * (1 << 30)),
        say=say,
    )
    faces = chosen.read(data, options)
    if face_size is not None and faces.images.shape[1:3] != (face_size, face_size):
        height, width = faces.images.shape[1:3]
        raise FerError(
            f"--face-size {face_size}: {data} has faces of {width}x{height} pixels, which the "
            f"reader {chosen.name!r} leaves as they are"
        )
    if task is not None:
        faces = relabel(faces, task, data, say)
    if split is not None:
        faces = divide(faces, split, data, say)
    return faces
