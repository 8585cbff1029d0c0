"""Tables that name pictures or hold them: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv, parquet

from fer_tf.errors import FerError, reason
from fer_tf.scoring.places import Place, Unreachable

TABLES = (".parquet", ".csv")

USUAL = ("path", "file", "file_name", "filename", "source", "image.bytes", "image", "bytes")
"""Columns that are looked for where none is named, in this order."""

_ROWS = 64  # that are read at a time


def in_table(table: Place, column: str | None) -> Iterator[str | int]:
    """The paths that a table names, or the numbers of the row groups of bytes that it holds.

    A relative path counts from the table's folder. A missing one is "".

    Raises:
        FerError: the table can't be read, or has no such column, or that holds something else.
    """
    try:
        if table.path.lower().endswith(".csv"):
            yield from (_resolved(path, table) for path in _csv_paths(table, column))
            return
        with parquet.ParquetFile(table.path, filesystem=table.files) as file:
            name = _column(_leaves(file.schema_arrow), column, table)
            kind = _leaves(file.schema_arrow)[name]
            if kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
                yield from range(file.num_row_groups)
                return
            if not _is_text(kind):
                raise FerError(
                    f"{table.name}: column {name!r} holds {kind}, expected paths or bytes"
                )
            for batch in file.iter_batches(columns=[name]):
                for path in _flat(batch, name).to_pylist():
                    yield _resolved(path, table)
    except (OSError, pa.ArrowException, UnicodeError) as error:
        raise _unreadable(table, error) from None


def pictures_in(table: Place, group: int, column: str | None) -> Iterator[tuple[int, bytes | None]]:
    """The rows of a row group and the bytes in them, a few rows at a time.

    Args:
        table: a Parquet file.
        group: the row group's number.
        column: that holds bytes, as of `in_table`.

    Raises:
        FerError: the table can't be read, or has no such column.
        Unreachable: its file system failed.
    """
    try:
        # Without buffers for all of a column: memory holds a few pages.
        with parquet.ParquetFile(
            table.path, filesystem=table.files, pre_buffer=False, buffer_size=2**20
        ) as file:
            name = _column(_leaves(file.schema_arrow), column, table)
            row = sum(file.metadata.row_group(before).num_rows for before in range(group))
            for batch in file.iter_batches(_ROWS, row_groups=[group], columns=[name]):
                for data in _flat(batch, name):
                    yield row, data.as_py()
                    row += 1
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(table, error) from None


def _csv_paths(table: Place, column: str | None) -> Iterator[str | None]:
    with table.files.open_input_stream(table.path) as stream:
        header = stream.read(2**16).partition(b"\n")[0].decode(errors="replace")
    # Where decimals have a comma, spreadsheets write semicolons between columns.
    parts = csv.ParseOptions(delimiter=max(",;\t", key=header.count))
    with table.files.open_input_stream(table.path) as stream:
        names = csv.open_csv(stream, parse_options=parts).schema.names
    name = _column(dict.fromkeys(names), column, table)
    options = csv.ConvertOptions(include_columns=[name], column_types={name: pa.string()})
    with table.files.open_input_stream(table.path) as stream:
        for batch in csv.open_csv(stream, parse_options=parts, convert_options=options):
            yield from batch.column(0).to_pylist()


def _leaves(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The columns' types by name; a struct's fields as "image.bytes"."""
    leaves: dict[str, pa.DataType] = {}
    for field in schema:
        if pa.types.is_struct(field.type):
            leaves |= {f"{field.name}.{inner.name}": inner.type for inner in field.type}
        else:
            leaves[field.name] = field.type
    return leaves


def _flat(batch: pa.RecordBatch, name: str) -> pa.ChunkedArray:
    table = pa.Table.from_batches([batch])
    return (table if name in table.column_names else table.flatten()).column(name)


def _column(names: dict[str, object], wanted: str | None, table: Place) -> str:
    for name in USUAL if wanted is None else (wanted,):
        if name in names:
            return name
    expected = "--column to name one" if wanted is None else "one of these"
    shown = ", ".join(list(names)[:10])
    raise FerError(
        f"{table.name}: has columns {shown}, and not {wanted or 'a usual one'}: expected {expected}"
    )


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return inner in (pa.string(), pa.large_string(), pa.string_view())


def _resolved(path: str | None, table: Place) -> str:
    if not path or "://" in path:
        return path or ""
    if path.startswith("/"):
        return path
    return f"{table.name.rpartition('/')[0]}/{path}"


def _unreadable(table: Place, error: Exception) -> FerError:
    outage = isinstance(error, OSError) and not table.local
    kind = Unreachable if outage else FerError
    return kind(f"{table.name}: can't be read as a table: {reason(error)}")
