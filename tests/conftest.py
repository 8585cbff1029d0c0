"""Shared fixtures; that this file is here also lets every test import `tiny`."""

from __future__ import annotations

import pytest
from tiny import register_tiny


@pytest.fixture
def tiny_network(monkeypatch):
    """The registry's name of a network that trains in a second."""
    from fer_tf.models import registry

    monkeypatch.setattr(registry, "NETWORKS", registry.NETWORKS)
    register_tiny()
    return "tiny"
