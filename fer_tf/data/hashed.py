"""Many random numbers from one: a counter-based generator in keras.ops.

What needs a number for each pixel can't have it in the table of `fer_tf.data.draws`. These are a
function of a number there and of their place alone, the same on every backend.
"""

from __future__ import annotations

import numpy as np
from keras import ops


def uniform(seeds, count: int):
    """Random numbers in [0, 1), float32 [n, count], multiples of 2^-24.

    Args:
        seeds: float32 [n] in [0, 1), of which multiples of 2^-24 are told apart.
        count: of each seed; a longer row begins with the numbers of a shorter one.
    """
    seeds = _scrambled(ops.cast(seeds * 2.0**24, "uint32"))
    # The golden ratio's multiples lie far apart, so that no two rows are alike but for a shift.
    places = (np.arange(count, dtype=np.uint64) * 0x9E3779B9).astype(np.uint32)
    bits = _scrambled(ops.bitwise_xor(seeds[:, None], places[None]))
    return ops.cast(ops.right_shift(bits, np.uint32(8)), "float32") * 2.0**-24


def normal(seeds, count: int):
    """Numbers of the standard normal distribution, float32 [n, count]; arguments as `uniform`."""
    # Half a step off, so that the distribution is symmetrical and no number infinite.
    return 2.0**0.5 * ops.erfinv(2.0 * uniform(seeds, count) - 1.0 + 2.0**-24)


def _scrambled(bits):
    """A permutation of the 32-bit integers, Wellons' lowbias32: each bit changes half of all."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, np.uint32(shift))) * np.uint32(factor)
    return ops.bitwise_xor(bits, ops.right_shift(bits, np.uint32(16)))
