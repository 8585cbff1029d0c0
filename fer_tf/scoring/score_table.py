"""The table of scores: its columns, and rows for answers and for what could not be answered.

`docs/scale.md` tells users what each column means; names, types and order stay as they are.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from fer_tf.tasks import Task
from fer_tf.vision.face_table import COLUMNS, columns
from fer_tf.vision.results import NO_FACE, Analysis

FACE, EMPTY, FAILED = "face", "no face", "failed"
"""What a row's `status` can be."""

_BEFORE = [
    ("part", pa.int32()),
    ("input", pa.int32()),
    ("source", pa.string()),
    ("member", pa.string()),
    ("row", pa.int64()),
    ("status", pa.string()),
    ("reason", pa.string()),
    ("frame", pa.int64()),
    ("seconds", pa.float64()),
    ("track", pa.int32()),
    ("face", pa.int32()),
    *((name, pa.float32()) for name in ("left", "top", "width", "height", "score")),
    ("label", pa.string()),
    ("certainty", pa.float32()),
]
_AFTER = [("task", pa.string()), ("model", pa.string())]


def schema_of(task: Task) -> pa.Schema:
    """The table's columns for a network that answers `task`."""
    names = columns(task)[len(COLUMNS) :]
    return pa.schema([*_BEFORE, *((name, pa.float32()) for name in names), *_AFTER])


def answer_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """A row for each face, by the columns' names; of a picture without one, a single row."""
    if analysis.faces:
        return [{**row, "status": FACE} for row in analysis.to_dicts()]
    return [row_of(EMPTY if analysis.readable else FAILED, analysis.reason)]


def row_of(status: str = EMPTY, reason: str = NO_FACE) -> dict[str, Any]:
    """The row of an input without a face."""
    return {"status": status, "reason": reason}


def to_parquet(tables: Iterable[pa.Table], schema: pa.Schema, about: dict[str, Any]) -> bytes:
    """A Parquet file of tables, whose bytes are a function of the arguments.

    Args:
        tables: of this schema.
        schema: see `schema_of`.
        about: what the scores were made with; stands in the file's metadata as JSON.
    """
    whole = schema.with_metadata({"fer_tf.score": json.dumps(about, sort_keys=True)})
    data = io.BytesIO()
    with parquet.ParquetWriter(data, whole, compression="zstd") as writer:
        writer.write_table(pa.concat_tables([whole.empty_table(), *tables]).combine_chunks())
    return data.getvalue()
