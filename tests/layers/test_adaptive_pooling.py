"""Averages over a grid: PyTorch's cells, written out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from arithmetic import draw

from fer_tf.layers.adaptive_pooling import AdaptiveAveragePooling


def test_cells_overlap_where_the_side_is_no_multiple():
    x = draw(2, 7, 5, 3)
    found = np.asarray(AdaptiveAveragePooling(5)(x))
    rows = [(0, 2), (1, 3), (2, 5), (4, 6), (5, 7)]
    expected = np.stack([x[:, a:b].mean(axis=1) for a, b in rows], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_cells_repeat_places_where_the_side_is_smaller():
    x = draw(2, 1, 2, 3)
    found = np.asarray(AdaptiveAveragePooling(3)(x))
    middle = x[:, 0].mean(axis=1)
    expected = np.stack([x[:, 0, 0], middle, x[:, 0, 1]], axis=1)
    np.testing.assert_allclose(found, np.stack([expected] * 3, axis=1), atol=1e-6)


def test_a_map_of_the_grids_size_is_what_it_was():
    x = draw(2, 4, 4, 3)
    np.testing.assert_array_equal(AdaptiveAveragePooling(4)(x), x)


def test_sides_must_be_known():
    with pytest.raises(ValueError, match="needs the height and width of its map known"):
        AdaptiveAveragePooling(2)(keras.Input((None, 8, 3)))
