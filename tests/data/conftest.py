"""Fixtures of the tests of data."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(own_cache):
    """Each test has a cache folder of its own, `tmp_path / "cache"`."""
