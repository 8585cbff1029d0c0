"""The methods by name."""

from __future__ import annotations

from typing import get_args

from fer_tf.explanations import METHODS
from fer_tf.explanations.methods import TITLES, Method


def test_the_methods_are_the_flags():
    assert get_args(Method) == tuple(METHODS) == tuple(TITLES)
