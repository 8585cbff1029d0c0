"""Fixtures of the tests of data."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Each test has a cache folder of its own, `tmp_path / "cache"`."""
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "cache"))
