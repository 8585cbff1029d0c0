"""What `tensorflow_datasets` has prepared here: any builder with an image and a label."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from fer_tf.data.cache import content_key
from fer_tf.data.decoded import decoded
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import Images
from fer_tf.data.naming import indices_in, split_indices, task_of_names
from fer_tf.data.pictures import fitted, own_size
from fer_tf.data.reader import DEFAULTS, Options, Reader
from fer_tf.data.records import EXTRA
from fer_tf.errors import FerError, reason
from fer_tf.installed import absent

PREFIX = "tfds:"

_NAME = re.compile(r"[\w/:.+=,-]+")


def matches(path: str) -> bool:
    """Whether it is "tfds:" and a name."""
    return path.startswith(PREFIX)


def read(path: str, options: Options = DEFAULTS) -> Faces:
    """Read a prepared data set of `tensorflow_datasets`, offline.

    Args:
        path: "tfds:NAME", with a NAME as of `tfds.builder`, such as "fer2013" (ours, in
            `fer_tf.data.tfds_fer2013`) or "fer2013:1.0.0". The folder is $TFDS_DATA_DIR, or TFDS'
            default.
        options: `face_size` is the features' own size if not given.

    Returns:
        Faces in the order of splits and examples, grey where the feature has one channel. Splits
        are told by name (`naming.split_indices`); others are left out and counted. Classes are
        FER2013's where all are, else a task of its own, in the label's order.

    Raises:
        FerError: TFDS is not installed, no such builder, not prepared, without the features image
            and label, or images of different sizes without a `face_size`.
    """
    builder = _builder(path)
    features = dict(getattr(builder.info.features, "items", dict)())
    found: tuple[int, ...] = getattr(features.get("image"), "shape", ())
    names = getattr(features.get("label"), "names", None)
    pixels = getattr(features.get("image"), "np_dtype", None)
    if len(found) != 3 or found[2] not in (1, 3) or pixels != np.uint8 or names is None:
        raise FerError(
            f"{path}: has the features {', '.join(features)}, expected 'image', uint8 [h, w, 1 or "
            "3], and 'label' with named classes"
        )
    if not builder.info.splits:
        raise FerError(
            f"{path}: not prepared in {builder.data_path}, expected it there: call "
            "download_and_prepare(), or python -m fer_tf.data.tfds_fer2013 for fer2013"
        )
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    splits = split_indices(list(counts), path, divided=options.split)
    for name in counts.keys() - splits.keys():
        options.say(f"{path}: left out {counts[name]:,} of the split {name!r}")
    if not splits:
        raise FerError(f"{path}: has the splits {', '.join(counts)}, expected train, validation")
    order = sorted(splits, key=lambda name: splits[name])
    task = task_of_names(names, path, builder.name, options.say)
    images, labels = _arrays(builder, order, sum(counts[name] for name in order), options)
    return Faces(
        images=images,
        labels=np.array(indices_in(task, names), np.uint8)[labels],
        split=np.repeat([splits[name] for name in order], [counts[name] for name in order]).astype(
            np.uint8
        ),
        task=task.with_face(*images.shape[1:]),
    )


def _builder(path: str) -> Any:
    name = path.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise FerError(f"{path}: expected {PREFIX}NAME with the name of a builder")
    try:
        import tensorflow_datasets as tfds

        if name.split(":")[0] == "fer2013":
            importlib.import_module("fer_tf.data.tfds_fer2013")
        return tfds.builder(name, try_gcs=False)
    except ModuleNotFoundError as error:
        raise FerError(f"{path}: {absent(error.name or '', EXTRA)}") from error
    except Exception as error:  # whatever a builder raises
        raise FerError(
            f"{path}: no such builder ({reason(error)}), expected one of TFDS'"
        ) from error


def _arrays(
    builder: Any, order: list[str], count: int, options: Options
) -> tuple[Images, np.ndarray]:
    """Images and labels of the splits, one after the other."""
    labels = np.array(
        [int(each["label"]) for each in _examples(builder, order, 0, {"image"})], np.int64
    )
    if len(labels) != count or labels.min(initial=0) < 0:
        raise FerError(f"tfds:{builder.name}: {len(labels)} labelled examples, expected {count}")
    first = next(_examples(builder, order, 0))["image"]
    side = options.face_size
    size = own_size(first, f"tfds:{builder.name}") if side is None else (side, side)
    shape = (count, *size, *(() if first.shape[2] == 1 else (3,)))

    examples: Iterator[dict[str, Any]] = iter(())
    expected = -1

    def decode(images: np.ndarray, rows: range) -> None:
        nonlocal examples, expected
        if rows.start != expected:
            examples = _examples(builder, order, rows.start)
        expected = rows.stop
        for row, example in zip(rows, examples, strict=False):
            name = f"tfds:{builder.name}, example {row}"
            images[row] = fitted(example["image"], name, shape[1:], exact=side is None)

    key = hashlib.sha256(f"{shape} {side} {order}".encode())
    for file in sorted(str(file) for file in builder.data_path.iterdir()):
        key.update(content_key(file).encode())
    return decoded(key.hexdigest(), shape, decode), labels


def _examples(
    builder: Any, order: list[str], start: int, without: set[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The examples from number `start` on, as NumPy arrays, always in the same order."""
    import tensorflow_datasets as tfds

    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    skipped = {name: tfds.decode.SkipDecoding() for name in without or ()}
    parts = builder.as_dataset(
        split=order, shuffle_files=False, read_config=config, decoders=skipped or None
    )
    examples = parts[0]
    for part in parts[1:]:
        examples = examples.concatenate(part)
    yield from tfds.as_numpy(examples.skip(start))


READER = Reader("tfds", f'name that begins with "{PREFIX}"', matches, read)
