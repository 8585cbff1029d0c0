"""Numbers hashed from one: the same everywhere, evenly spread, and none like its neighbour."""

from __future__ import annotations

import numpy as np
import pytest

from fer_tf.data import hashed

SEEDS = np.array([0.0, 2**-24, 0.5, 0.7300000190734863, 1 - 2**-24], np.float32)


def scrambled(bits: int) -> int:
    """Lowbias32 in Python's own integers."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = (bits ^ bits >> shift) * factor % 2**32
    return bits ^ bits >> 16


def test_each_number_is_a_function_of_the_seed_and_its_place():
    expected = [
        [
            (scrambled(scrambled(int(seed * 2**24)) ^ place * 0x9E3779B9 % 2**32) >> 8) / 2**24
            for place in range(7)
        ]
        for seed in SEEDS
    ]
    found = np.asarray(hashed.uniform(SEEDS, 7))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    np.testing.assert_array_equal(hashed.uniform(SEEDS[2:3], 3), found[2:3, :3])


def test_numbers_are_even_and_independent_of_their_neighbours():
    # Neighbouring seeds are the worst case. Bounds are five standard errors.
    numbers = np.asarray(hashed.uniform(np.arange(64, dtype=np.float32) * 2**-24, 4096))
    error = 5 / np.sqrt(numbers.size)
    assert numbers.min() >= 0 and numbers.max() < 1
    counts = np.histogram(numbers, bins=16, range=(0, 1))[0] / numbers.size
    np.testing.assert_allclose(counts, 1 / 16, atol=error / 4)
    centred = (numbers - 0.5) * np.sqrt(12)
    for one, other in (
        (centred[:, 1:], centred[:, :-1]),
        (centred[1:], centred[:-1]),
        (centred[:, 48:], centred[:, :-48]),
    ):
        assert abs((one * other).mean()) < error * 1.02


def test_normal_numbers_are_normal():
    numbers = np.asarray(hashed.normal(np.arange(64, dtype=np.float32) / 64, 4096))
    assert np.isfinite(numbers).all()
    error = 5 / np.sqrt(numbers.size)
    assert abs(numbers.mean()) < error and abs(numbers.std() - 1) < error
    # Shares within 1, 2 and 3 standard deviations.
    for bound, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert (abs(numbers) < bound).mean() == pytest.approx(share, abs=error)
