"""FERPlus: how ten taggers labelled each row of fer2013.csv."""

from __future__ import annotations

import numpy as np

from fer_tf.archives import open_csv
from fer_tf.data.faces import SPLITS
from fer_tf.data.rows import place, read_rows, shown
from fer_tf.errors import FerError
from fer_tf.tasks import FERPLUS

_COUNTS = {str(count).encode(): count for count in range(11)}


def read_votes(
    path: str, split: np.ndarray | None, count: int, data: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read fer2013new.csv (Barsoum et al., 2016), whose rows are those of fer2013.csv in order.

    Args:
        path: fer2013new.csv, plain or in an archive.
        split: uint8 [n], the splits of the faces that the votes are joined to, if these are known.
        count: n, how many faces there are.
        data: what messages call those faces' file.

    Returns:
        uint8 [n, 10], votes in the order of `FERPLUS`, each 0..10; and bool [n], which rows have
        an image name, as all do without such a column: FERPlus has no picture of the others.

    Raises:
        FerError: malformed, another number of rows, or a Usage that is not the face's.
    """
    usages = [name.encode() for name in SPLITS]
    votes: list[list[int]] = []
    named: list[bool] = []
    with open_csv(path, prefer=("fer2013new.csv",)) as stream:
        for row, (usage, *fields, name) in read_rows(
            stream, path, ("Usage", *FERPLUS), ("Image name",)
        ):
            if usage not in usages:
                raise FerError(
                    f"{place(path, row)}: Usage is {shown(usage)}, expected {', '.join(SPLITS)}"
                )
            if split is not None and row <= count and usages[split[row - 1]] != usage:
                raise FerError(
                    f"{place(path, row)}: Usage is {shown(usage)}, "
                    f"expected {SPLITS[split[row - 1]]!r} as in that row of {data}"
                )
            votes.append(_counts(fields, path, row))
            named.append(bool(name))
    if len(votes) != count:
        raise FerError(f"{path}: {len(votes)} rows, expected {count}, one for each of {data}")
    has_name = np.array(named, bool)
    return np.array(votes, np.uint8), has_name if has_name.any() else ~has_name


def _counts(fields: list[bytes], path: str, row: int) -> list[int]:
    counts = [_COUNTS.get(field, -1) for field in fields]
    if min(counts) < 0:
        column = counts.index(-1)
        raise FerError(
            f"{place(path, row)}: {FERPLUS[column]} is {shown(fields[column])}, "
            "expected a number of votes in 0..10"
        )
    if not any(counts):
        raise FerError(f"{place(path, row)}: no votes at all, expected up to 10")
    return counts
