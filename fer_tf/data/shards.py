"""Write faces as array_record shards, for sets that outgrow the memory and one comfortable file.

python -m fer_tf.data.shards --data my_faces/ --face-size 48 --split 80:20 --out shards/
python -m fer_tf.train scratch --data shards/

The folder is also a data set of `tensorflow_datasets`, as `tfds.builder_from_directory` opens it.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf import cli
from fer_tf.data import load_faces
from fer_tf.data.faces import Faces
from fer_tf.data.mapped import PIECE, MappedImages, pieces
from fer_tf.data.records import EXTRA, WRITING, Records, Shard, array_record, example
from fer_tf.errors import FerError, reason
from fer_tf.files import refuse_taken
from fer_tf.installed import absent
from fer_tf.progress_bar import progress_bar
from fer_tf.recipes.schema import Reading

FORMAT = 1
MANIFEST = "shards.json"
"""Says what the folder holds: the task, and each shard with its faces and bytes."""

COLUMNS = "faces.npy"
"""Label, split, votes and values of each face in the shards' order, as one structured array.

Its column "begin" is where the face's pixels begin in their shard, as `Records` takes it; sets
written before there was one are read as well, only slower.
"""

SPLIT_FILES = ("train", "validation", "test")
"""What TFDS' readers call the splits of `fer_tf.data.faces.SPLITS`."""

_BESIDE_PIXELS = 256  # bytes of a record and of its place in the index, more than they take
_BLOCK = 1 << 16  # bytes from one header of a file to the next; a record goes on behind it


def write_shards(
    out: Path,
    faces: Faces,
    *,
    shard_bytes: int = 256 << 20,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Shard]:
    """Write faces into a new folder of shards, split by split and in their order.

    The folder appears when it is whole: it is written beside its place, and renamed.

    Args:
        out: the folder; absent or empty.
        faces: in memory or in files; they are read piece by piece.
        shard_bytes: about what a shard has at most, one face at least.
        advance: is told the faces that were written.

    Raises:
        FerError: the folder holds something, there is no room for the faces, it can't be written,
            or `array_record` or `tensorflow_datasets` is not installed.
    """
    out = Path(os.path.realpath(out))  # a link may lead to a larger disk
    refuse_taken(out)
    tfds = _tensorflow_datasets(out)
    size = int(np.prod(faces.images.shape[1:])) + _BESIDE_PIXELS
    with _beside(out, size * len(faces)) as folder:
        columns = _columns(faces)
        lengths: dict[str, list[int]] = {}
        shards = []
        order = []
        for index, name in enumerate(SPLIT_FILES):
            rows = np.flatnonzero(faces.split == index)
            parts = np.array_split(rows, -(-len(rows) * size // max(shard_bytes, size)) or 1)
            parts = [part for part in parts if len(part)]
            order += parts
            for number, part in enumerate(parts):
                file = f"faces-{name}.array_record-{number:05}-of-{len(parts):05}"
                _write_shard(folder / file, faces, columns, part, advance)
                length = os.path.getsize(folder / file)
                shard = Shard(folder / file, len(part), length)
                columns["begin"][part] = _begins(shard, faces.images.shape[1:])
                shards.append(Shard(out / file, len(part), length))
                lengths.setdefault(name, []).append(len(part))
        np.save(folder / COLUMNS, columns[np.concatenate(order)])
        _write_metadata(tfds, folder, faces, lengths)
        manifest = {
            "format": FORMAT,
            "task": asdict(faces.task.with_face(*faces.images.shape[1:])),
            "columns": digest(folder / COLUMNS),
            "shards": [
                {"file": shard.path.name, "faces": shard.faces, "bytes": shard.size}
                for shard in shards
            ],
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return shards


def digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _beside(out: Path, size: int) -> Iterator[Path]:
    """A folder beside `out`, with room for `size` bytes, that takes its place at the end."""
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(out.parent).free
        if room < size:
            raise FerError(
                f"--out {out}: the faces take {size / 1e9:.1f} GB, expected room for them and "
                f"found {room / 1e9:.1f} GB"
            )
        beside.mkdir()
        yield beside
        os.rename(beside, out)
    except OSError as error:
        raise FerError(f"--out {out}: can't be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _columns(faces: Faces) -> np.ndarray:
    """What is known of each face beside its picture, a structured array [n]."""
    wanted: list[tuple[Any, ...]] = [("label", "u1"), ("split", "u1"), ("begin", "<i8")]
    known = {"label": faces.labels, "split": faces.split}
    for name, array in (("votes", faces.votes), ("values", faces.values)):
        if array is not None:
            wanted.append((name, array.dtype, array.shape[1:]))
            known[name] = array
    columns = np.empty(len(faces), wanted)
    for name, array in known.items():
        columns[name] = array
    return columns


def _write_shard(
    path: Path, faces: Faces, columns: np.ndarray, rows: np.ndarray, advance: Callable[[int], None]
) -> None:
    module = array_record(path)
    try:
        writer = module.ArrayRecordWriter(str(path), WRITING)
        for start in range(0, len(rows), PIECE):
            piece = rows[start : start + PIECE]
            for image, known in zip(faces.images[piece], columns[piece], strict=True):
                fields: dict[str, Any] = {"label": int(known["label"])}
                if faces.votes is not None:
                    fields["votes"] = known["votes"].tobytes()
                if faces.values is not None:
                    fields["values"] = known["values"]
                writer.write(example(image.tobytes(), fields))
            advance(len(piece))
        writer.close()
    except RuntimeError as error:  # what the extension makes of a full disk
        raise FerError(f"--out {path.parent}: can't be written ({reason(error)})") from error


def _begins(shard: Shard, shape: tuple[int, ...]) -> np.ndarray:
    """The byte of its file at which each face's pixels begin; 0 where a header parts them."""
    begins = np.zeros(shard.faces, np.int64)
    if np.prod(shape) >= _BLOCK:
        return begins
    images = MappedImages(Records([shard], shape))
    every = (face.tobytes() for piece in pieces(images) for face in piece)
    with (
        open(shard.path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as written,
    ):
        end, reach = 0, _BLOCK
        for row, pixels in enumerate(every):
            found = written.find(pixels, end, end + len(pixels) + reach)
            if found < 0:
                end, reach = end + len(pixels), reach + _BESIDE_PIXELS
            else:
                begins[row] = found
                end, reach = found + len(pixels), _BESIDE_PIXELS
    return begins


def _write_metadata(tfds: Any, folder: Path, faces: Faces, lengths: dict[str, list[int]]) -> None:
    """What makes the folder a data set of TFDS: its features, its splits and their shards."""
    height, width, channels = (*faces.images.shape[1:], 1)[:3]
    features = {
        "image": tfds.features.Tensor(
            shape=(height, width, channels), dtype=np.uint8, encoding="bytes"
        ),
        "label": tfds.features.ClassLabel(names=list(faces.task.labels)),
    }
    if faces.votes is not None:
        shape = faces.votes.shape[1:]
        features["votes"] = tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="bytes")
    if faces.values is not None:
        features["values"] = tfds.features.Tensor(shape=faces.values.shape[1:], dtype=np.float32)
    files = {
        name: sum(file.stat().st_size for file in folder.glob(f"faces-{name}.*"))
        for name in lengths
    }
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=[
            tfds.core.SplitInfo(name=name, shard_lengths=lengths[name], num_bytes=files[name])
            for name in lengths
        ],
        check_data=False,
        description=f"Faces labelled with {faces.task.name}, written by fer_tf.",
        disable_shuffling=True,
    )


def _tensorflow_datasets(out: Path) -> Any:
    array_record(f"--out {out}")
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise FerError(f"--out {out}: {absent(error.name or '', EXTRA)}") from None
    return tfds


@dataclass(frozen=True)
class Args:
    """Write faces as array_record shards, for sets that outgrow the memory."""

    out: Path
    """The shards are written into this folder, which is absent or empty."""
    data: str = "synthetic"
    """These faces are written: fer2013.csv, a folder of images, or another data set that a reader
    knows (docs/data.md)."""
    reading: Reading = field(default_factory=Reading)
    split: str | None = None
    """Data without validation faces is divided by shares such as 80:20."""
    votes: str | None = None
    """FERPlus' votes for the rows of fer2013.csv are read from this file, fer2013new.csv."""
    shard_size: float = 256.0
    """A shard has about so many MiB at most."""


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m fer_tf.data.shards`.

    Raises:
        FerError: the data is malformed, or `write_shards` can't write it.
    """
    args = cli.parse(Args, argv, prog="python -m fer_tf.data.shards")
    if not 0 < args.shard_size < float("inf"):
        raise FerError(f"--shard-size: expected more than 0 MiB, found {args.shard_size:g}")
    refuse_taken(args.out)
    faces = load_faces(
        args.data, votes=args.votes, split=args.split, say=print, **vars(args.reading)
    )
    with progress_bar(len(faces), "faces written") as (_, advance):
        shards = write_shards(
            args.out, faces, shard_bytes=round(args.shard_size * (1 << 20)), advance=advance
        )
    size = sum(shard.size for shard in shards) / 1e6
    several = "shard" if len(shards) == 1 else "shards"
    print(f"{args.out}: {len(faces):,} faces in {len(shards)} {several}, {size:,.1f} MB")


if __name__ == "__main__":
    cli.run(main)
