"""Decimal text -> uint8 pixels, many rows at a time, without ever letting a value wrap.

`numpy.fromstring` is the usual way and has three traps: a narrow dtype wraps (65636 becomes
100 in int16), a lone "-" at the end reads as 0, and junk at the end is only warned of. The
table here is exact: a token that is not the canonical text of an integer in 0..255 is found,
and its row goes through `parse_row`, which reads it or tells what is wrong with it.
"""

from __future__ import annotations

import numpy as np

from fer_tf.data.rows import shown

PIXELS = 48 * 48


def token_table() -> np.ndarray:
    """uint16 [2**24]: the value + 1 of the 3 bytes before a token's blank; 0 if not canonical.

    The bytes are the key's in little-endian order. A one-digit token has the blank and the last
    digit of the token before it in the other two bytes. Only some 2,000 entries are touched, so
    that the 32 MB of zeros stay unmapped and the rest in the processor's cache.
    """
    table = np.zeros(1 << 24, np.uint16)
    for value in range(256):
        text = f"{value:>3}".encode()
        befores = b" 0123456789" if value < 10 else text[:1]
        for before in befores:
            table[before | text[1] << 8 | text[2] << 16] = value + 1
    return table


def parse_rows(fields: list[bytes], table: np.ndarray) -> np.ndarray | None:
    """Pixels uint8 [n, 2304] of n >= 1 fields in canonical form, or None if one is not.

    Canonical: 2,304 integers in 0..255 without sign or leading zeros, single blanks between.
    """
    text = b"   " + b" ".join(fields) + b" "
    # The 4 bytes that end at each blank, as one number: an unaligned view, one entry a byte.
    words = np.ndarray((len(text) - 3,), "<u4", buffer=text, strides=(1,))
    blank = np.frombuffer(text, np.uint8) == ord(" ")
    if not (blank[:-3] | blank[1:-2] | blank[2:-1] | blank[3:]).all():
        return None  # a token of 4 bytes or more
    blanks = np.flatnonzero(blank[3:])
    ends = np.cumsum([len(field) + 1 for field in fields]) - 1
    if blanks.size != len(fields) * PIXELS or (blanks[PIXELS - 1 :: PIXELS] != ends).any():
        return None
    values = table.take(words.take(blanks) & 0xFFFFFF)
    if values.min() == 0:
        return None
    return (values - 1).astype(np.uint8).reshape(len(fields), PIXELS)


def parse_row(field: bytes) -> np.ndarray:
    """Pixels uint8 [2304] of one field: integers in 0..255 between blanks or tabs.

    Raises:
        ValueError: what is wrong and what was expected, to be told with the row.
    """
    tokens = field.replace(b"\t", b" ").split(b" ")
    tokens = [token for token in tokens if token]
    for number, token in enumerate(tokens, 1):
        if not token.isdigit() or len(token.lstrip(b"0")) > 3 or int(token[-3:]) > 255:
            raise ValueError(f"pixel {number} is {shown(token)}, expected an integer in 0..255")
    if len(tokens) != PIXELS:
        raise ValueError(f"{len(tokens)} pixels, expected {PIXELS} (48x48)")
    return np.array([int(token) for token in tokens], np.int64).astype(np.uint8)
