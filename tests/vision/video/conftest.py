"""A clip whose face stays at its place, and the end of all threads."""

from __future__ import annotations

import threading

import pytest
from clips import astronaut, frames, still, write


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Two seconds, 50 frames, of 320x240 pixels with a face at `clips.FACE`."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return write(path, frames(50, (astronaut(), still), size=(320, 240)))


@pytest.fixture
def no_thread_is_left():
    """All threads of a run have ended when it returns or raises."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before
