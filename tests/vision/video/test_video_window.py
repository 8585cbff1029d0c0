"""The window: said where there is no display, and tried on a virtual one (Xvfb)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import write
from stub import StubAnalyzer

from fer_tf.errors import FerError
from fer_tf.vision.video.session import VideoOptions, run_video
from fer_tf.vision.video.window import Window


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a display")
def test_without_a_display_it_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    clip = write(tmp_path / "clip.mp4", iter([np.zeros((48, 64, 3), np.uint8)] * 3))
    with pytest.raises(FerError, match="--show needs a window, but DISPLAY is not set") as caught:
        run_video(VideoOptions(str(clip), show=True, out=tmp_path / "out"), StubAnalyzer())
    assert "--out FOLDER" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_display_that_does_not_answer(monkeypatch):
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    monkeypatch.setenv("DISPLAY", ":94753")
    with pytest.raises(FerError, match="the display can't be opened"):
        Window("test")


def test_a_python_without_tk(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":94753")
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(FerError, match="has no Tk: install it"):
        Window("test")


@pytest.fixture(scope="module")
def display():
    """The environment with a virtual screen of 800x600 pixels, whose number Xvfb chooses."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not on PATH: it makes the virtual display (Debian: xvfb)")
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    told, tell = os.pipe()
    command = ["Xvfb", "-displayfd", str(tell), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[tell], stderr=subprocess.DEVNULL)
    os.close(tell)
    with os.fdopen(told) as file:
        number = file.readline().strip()
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start here")
    yield {**os.environ, "DISPLAY": f":{number}"}
    server.terminate()
    server.wait()


@pytest.mark.parametrize(
    "check",
    [
        "shows_frames_and_large_ones_reduced",
        "keys_shut_it",
        "shows_a_video_to_its_end",
        "shut_keeps_the_file",
        "a_camera_that_is_faster_skips_frames",
    ],
)
def test_on_a_display(display, tmp_path, check):
    script = Path(__file__).with_name("window_checks.py")
    done = subprocess.run(
        [sys.executable, str(script), check, str(tmp_path)],
        env=display,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
