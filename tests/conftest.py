"""Shared fixtures; that this file is here also lets every test import `tiny` and `small`."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from small import register_small
from tiny import register_tiny, tiny_csv

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # As in a shell's background job; the children that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Networks are many objects that stay: to look through them for garbage as often as Python does
# takes a sixth of the time of the tests that make some.
gc.set_threshold(100_000, 20, 20)

# No test asserts a time, which a busy machine decides.
settings.register_profile("fer_tf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fer_tf")

LONGEST = (
    "test_every_network.py",
    "test_export.py",
    "test_loop.py",
    "test_resume.py",
    "test_without_tensorflow.py",
)
"""Started first: a process that begins one of these files last keeps the others waiting."""


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run what is marked slow")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: large networks and long runs; only with --slow")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if config.getoption("--slow"):
        return
    left_out = pytest.mark.skip(reason="slow: run scripts/test --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(left_out)


@pytest.fixture
def tiny_network(monkeypatch):
    """The registry's name of a network that trains in a second."""
    from fer_tf.models import registry

    monkeypatch.setattr(registry, "NETWORKS", registry.NETWORKS)
    register_tiny()
    return "tiny"


@pytest.fixture(scope="module")
def small_network():
    """The registry's name of a network that trains in less."""
    from fer_tf.models import registry

    before = registry.NETWORKS
    register_small()
    yield "small"
    registry.NETWORKS = before


@pytest.fixture(scope="session")
def csv_file(tmp_path_factory) -> Path:
    """A fer2013.csv of 40 drawn faces to train on, and 6 to validate."""
    return tiny_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", count=48)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """The test has a cache folder of its own, `tmp_path / "cache"`."""
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_pictures(monkeypatch):
    """Reports are written without their pictures, which take most of the time."""
    from fer_tf.report import writing

    monkeypatch.setattr(writing, "_pictures", lambda *_: {})


@pytest.fixture
def no_report(monkeypatch):
    """`fer_tf.train` writes no report at the end."""
    from fer_tf import train

    monkeypatch.setattr(train, "_report", lambda *arguments: None)


@pytest.fixture(scope="session")
def astronaut():
    """Eileen Collins (NASA, public domain), who smiles: uint8 RGB [512, 512, 3]."""
    return pytest.importorskip("skimage.data", reason="scikit-image is not installed").astronaut()


@pytest.fixture(scope="session")
def hopper():
    """Grace Hopper (US Navy, public domain): uint8 RGB [600, 512, 3]."""
    import cv2
    import matplotlib

    path = matplotlib.get_data_path() + "/sample_data/grace_hopper.jpg"
    return cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
