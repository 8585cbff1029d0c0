"""Faces as records of array_record files: one `tf.train.Example` each, that ends with the pixels.

So a record is what `tensorflow_datasets` and Grain read, and its pixels are found without parsing
it, by `array_record` alone (https://github.com/google/array_record). The file keeps a checksum of
each record, which is verified as it is read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_tf.errors import FerError, reason
from fer_tf.installed import absent

WRITING = "group_size:1,uncompressed"
"""Each record lies alone, so that reading one reads no other; faces' noise hardly packs."""

READING = "readahead_buffer_size:0,max_parallelism:0"
"""What array_record's documentation says for random access."""

READ_AT_ONCE = 4096
"""Bytes that a shard's reader fetches at a time, and holds: about a face's."""

EXTRA = "tfds"


def array_record(path: object) -> Any:
    """The module of array_record's reader and writer.

    Raises:
        FerError: it is not installed; the sentence begins with `path`, which needs it.
    """
    try:
        from array_record.python import array_record_module
    except ModuleNotFoundError:
        raise FerError(f"{path}: {absent('array_record', EXTRA)}") from None
    return array_record_module


def example(pixels: bytes, fields: dict[str, int | bytes | np.ndarray]) -> bytes:
    """A serialised `tf.train.Example` of a face, whose last bytes are the pixels.

    Args:
        pixels: uint8, as the feature "image".
        fields: other features: an integer of 0 or more, bytes, or float32 [k].
    """
    entries = [_field(1, _entry(name, value)) for name, value in fields.items()]
    features = b"".join(entries) + _field(1, _entry("image", pixels))
    return _field(1, features)


def _entry(name: str, value: int | bytes | np.ndarray) -> bytes:
    """An entry of `tf.train.Features.feature`, by the numbers in TensorFlow's feature.proto."""
    if isinstance(value, bytes):
        feature = _field(1, _field(1, value))
    elif isinstance(value, np.ndarray):
        feature = _field(2, _field(1, value.astype("<f4").tobytes()))
    else:
        feature = _field(3, _field(1, _varint(value)))
    return _field(1, name.encode()) + _field(2, feature)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of a protocol buffer (protobuf.dev/programming-guides/encoding)."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + _varint(value >> 7)


@dataclass(frozen=True)
class Shard:
    """A file of records.

    Attributes:
        path: where it lies.
        faces: records in it.
        size: bytes that it has.
    """

    path: Path
    faces: int
    size: int


class Records:
    """The pixels in shards, read by index: uint8 [n, h, w] or [n, h, w, 3].

    Nothing but each shard's index of its records, 8 bytes a face, is held in memory.

    Rows in ascending order, and a single one, are read by array_record, which verifies their
    checksums; so all faces are, once, before a training's first step. The rows of a shuffled batch
    are copied from where their pixels lie in the files, in a quarter of the time.

    Args:
        shards: their rows follow one another.
        shape: of a face, (h, w) or (h, w, 3).
        begins: int64 [n], the byte of its file at which each face's pixels begin, 0 where they are
            not in one piece; None where that is not known. What it does not tell, array_record
            reads.

    Raises:
        FerError: a shard is missing, truncated or no array_record file, or array_record is not
            installed; later, when it is read, a record that is damaged.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        shards: Sequence[Shard],
        shape: tuple[int, ...],
        begins: np.ndarray | None = None,
    ):
        self._shards = shards
        self._begins = begins
        self._ends = np.cumsum([shard.faces for shard in shards])
        self._readers = [_opened(shard) for shard in shards]
        self._lock = threading.Lock()  # a reader's place is its state
        self._size = int(np.prod(shape))
        self._files = [np.memmap(shard.path, np.uint8, "r").data for shard in shards]
        # What stands before the pixels, the same in every record of these faces.
        self._head = _entry("image", bytes(self._size))[: -self._size]
        self.shape = (int(self._ends[-1]), *shape)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The faces at a number or at int [n]."""
        wanted = np.atleast_1d(np.asarray(rows, np.int64))
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)} faces")
        shards = np.searchsorted(self._ends, wanted, side="right")
        places = wanted - np.concatenate([[0], self._ends])[shards]
        begins = np.zeros_like(wanted)
        if self._begins is not None and (np.diff(wanted) < 0).any():
            begins = self._begins[wanted]
        rest = np.flatnonzero(begins == 0)
        read = iter(self._pixels_of(shards[rest].tolist(), places[rest].tolist()))
        pixels = [
            self._files[shard][begin : begin + self._size] if begin else next(read)
            for shard, begin in zip(shards.tolist(), begins.tolist(), strict=True)
        ]
        found = np.frombuffer(bytearray().join(pixels), np.uint8)
        return found.reshape(*np.shape(rows), *self.shape[1:])

    def _pixels_of(self, shards: list[int], places: list[int]) -> list[bytes]:
        """The pixels of records: which shard each one is in, and which of its records it is."""
        records: list[bytes] = []
        with self._lock:
            for shard, place in zip(shards, places, strict=True):
                try:
                    reader = self._readers[shard]
                    reader.seek(place)
                    records.append(reader.read())
                except Exception as error:  # whatever the extension raises
                    # A reader that has failed reads nothing more.
                    self._readers[shard] = _opened(self._shards[shard])
                    raise self._damaged(shard, place, reason(error)) from error
        start, end = -len(self._head) - self._size, -self._size
        for shard, place, record in zip(shards, places, records, strict=True):
            if record[start:end] != self._head:
                raise self._damaged(shard, place, f"no face of {self.shape[1:]}")
        return [record[end:] for record in records]

    def _damaged(self, shard: int, place: int, why: str) -> FerError:
        return FerError(
            f"{self._shards[shard].path}: record {place + 1} is damaged ({why}), expected it as "
            "`python -m fer_tf.data.shards` wrote it"
        )


def _opened(shard: Shard) -> Any:
    """A reader of a shard that is whole by its size and count."""
    module = array_record(shard.path)
    expected = f"expected the {shard.faces:,} faces in {shard.size:,} bytes that were written"
    try:
        size = shard.path.stat().st_size
    except OSError as error:
        raise FerError(f"{shard.path}: can't be read ({error.strerror}), {expected}") from error
    if size != shard.size:
        raise FerError(f"{shard.path}: has {size:,} bytes, {expected}")
    try:
        reader = module.ArrayRecordReader(
            str(shard.path), options=READING, file_reader_buffer_size=READ_AT_ONCE
        )
        found = reader.num_records()
    except Exception as error:  # whatever the extension raises
        raise FerError(f"{shard.path}: is damaged ({reason(error)}), {expected}") from error
    if found != shard.faces:
        raise FerError(f"{shard.path}: has {found:,} records, {expected}")
    return reader
