"""A folder of array_record shards that `python -m fer_tf.data.shards` wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.data.mapped import MappedImages
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.data.records import Records, Shard
from fer_tf.data.shards import COLUMNS, FORMAT, MANIFEST, digest
from fer_tf.errors import FerError
from fer_tf.tasks import from_json


def matches(path: str) -> bool:
    """Whether it is a folder with our list of shards."""
    return os.path.isfile(os.path.join(path, MANIFEST))


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Open a folder of shards; no picture is read before it is asked for.

    Returns:
        Faces in the shards' order, Training before PublicTest before PrivateTest, with images as
        `MappedImages`; labels and what else is known of each face stay in a file, too, which is
        memory-mapped.

    Raises:
        FerError: `fer_tf.data.shards` did not write it so, a file is missing, truncated or
            changed, or `array_record` is not installed. A damaged record is told when it is read.
    """
    folder = Path(path)
    place = folder / MANIFEST
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
        version, expected = manifest["format"], manifest["columns"]
        task = from_json(json.dumps(manifest["task"]), source=str(place))
        shards = [
            Shard(folder / os.path.basename(each["file"]), int(each["faces"]), int(each["bytes"]))
            for each in manifest["shards"]
        ]
    except FerError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FerError(
            f"{place}: can't be read ({error!r:.80}), expected it as `python -m "
            "fer_tf.data.shards` wrote it"
        ) from error
    if version != FORMAT or not shards:
        raise FerError(f"{place}: has format {version}, expected {FORMAT} and shards")
    columns = _columns(folder / COLUMNS, expected)
    height, width, channels = task.face
    shape = (height, width) if channels == 1 else task.face
    names = columns.dtype.names or ()
    begins = columns["begin"] if "begin" in names else None
    images = MappedImages(Records(shards, shape, begins))
    if len(columns) != len(images):
        raise FerError(
            f"{place}: lists shards of {len(images):,} faces, expected {len(columns):,} as in "
            f"{COLUMNS}"
        )
    return Faces(
        images=images,
        labels=columns["label"],
        split=columns["split"],
        votes=columns["votes"] if "votes" in names else None,
        task=task,
        values=columns["values"] if "values" in names else None,
    )


def _columns(path: Path, expected: str) -> np.ndarray:
    """What is known of each face, memory-mapped."""
    try:
        if digest(path) != expected:
            raise FerError(f"{path}: has changed, expected it as it was written")
        return np.asarray(np.load(path, mmap_mode="r"))
    except OSError as error:
        raise FerError(f"{path}: can't be read ({error.strerror})") from error


READER = Reader("shards", f"folder with {MANIFEST}", matches, read)
