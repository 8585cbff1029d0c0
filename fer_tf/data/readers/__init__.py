"""Readers of data sets by name, each a file with a module-level `READER`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fer_tf.data.reader import Reader
from fer_tf.data.readers import (
    affectnet,
    fer2013,
    ferplus,
    folder,
    rafdb,
    sharded,
    synthetic_faces,
    tfds,
)
from fer_tf.errors import FerError

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        module.READER.name: module.READER
        for module in (synthetic_faces, tfds, sharded, ferplus, affectnet, rafdb, folder, fer2013)
    }
)
"""The readers, in the order in which they are asked whether a path is theirs."""


def find(path: str, name: str | None = None) -> Reader:
    """The reader of a path.

    Args:
        path: what is to be read.
        name: of the reader to take unasked; None for the first that knows the layout.

    Raises:
        FerError: there is none of that name, or none knows the layout.
    """
    if name is not None:
        if name not in READERS:
            raise FerError(f"--reader {name!r}: expected one of {', '.join(READERS)}")
        return READERS[name]
    for reader in READERS.values():
        if reader.matches(path):
            return reader
    # The commonest layouts stand last, and are told of first.
    tried = "; ".join(f"{each.name} found no {each.layout}" for each in [*READERS.values()][::-1])
    raise FerError(f"{path}: no reader knows this layout, expected one of theirs: {tried}")
