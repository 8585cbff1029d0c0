"""How often a JPEG file makes its reader go over the whole picture.

Each scan of a progressive JPEG (ITU-T T.81, annex G) may refine every coefficient and take a few
bytes: a file of 400 kB can hold hundreds, each of which costs as much as the whole picture. What
encoders write has about ten.
"""

from __future__ import annotations

import re
from typing import IO

from fer_tf.errors import FerError

MAX_SCANS = 32
"""Of a JPEG that is read; cjpeg's and mozjpeg's progressive files have 10 to 20."""

MAX_MARKERS = 4096
"""Of its other segments: 20 MB of a colour profile or metadata are 320."""

_BLOCK = 1 << 20
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed 0, a restart or a fill byte
_SOS, _EOI = 0xDA, 0xD9
_ALONE = (0x01, 0xD8)  # TEM and SOI have no length


def check_scans(stream: IO[bytes], name: str) -> None:
    """Refuse a JPEG that would take long to read, by its markers alone; the stream stays in place.

    Args:
        stream: of the file from its start, seekable.
        name: what the sentence calls it.

    Raises:
        FerError: it has more than `MAX_SCANS` scans or `MAX_MARKERS` other segments.
    """
    before = stream.tell()
    try:
        scans, others = _count(stream)
    finally:
        stream.seek(before)
    if scans > MAX_SCANS or others > MAX_MARKERS:
        found = f"{MAX_SCANS} scans" if scans > MAX_SCANS else f"{MAX_MARKERS:,} segments"
        raise FerError(f"{name}: a JPEG of more than {found}, expected at most that")


def _count(stream: IO[bytes]) -> tuple[int, int]:
    """Scans and other segments, up to the first one too many."""
    start, scans, others = 2, 0, 0
    block, at = b"", 0  # bytes of the file from `at` on
    while scans <= MAX_SCANS and others <= MAX_MARKERS:
        found = _MARKER.search(block, start - at) if start >= at else None
        if found is None or found.end() + 2 > len(block):
            at = at + found.start() if found else max(start, at + len(block) - 1)
            stream.seek(at)
            block, start = stream.read(_BLOCK), at
            if len(block) < 4:
                break
            continue
        kind = block[found.start() + 1]
        if kind == _EOI:
            break
        scans, others = scans + (kind == _SOS), others + (kind != _SOS)
        length = block[found.end() : found.end() + 2]
        start = at + found.end() + (0 if kind in _ALONE else int.from_bytes(length))
    return scans, others
