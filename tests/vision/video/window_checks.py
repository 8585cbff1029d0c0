"""What a window does on a display: each check runs in a process of its own.

Tk keeps its connection to a display, and ends the process when that display goes away.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from clips import background, write
from stub import StubAnalyzer

from fer_tf.vision.results import Box, VideoFrame
from fer_tf.vision.video.session import VideoOptions, run_video
from fer_tf.vision.video.window import Window


def grab(window: Window) -> np.ndarray:
    """What is on the screen where the window's picture is: uint8 RGB."""
    from PIL import ImageGrab

    label = window._label
    left, top = label.winfo_rootx(), label.winfo_rooty()
    box = (left, top, left + label.winfo_width(), top + label.winfo_height())
    return np.asarray(ImageGrab.grab(bbox=box, xdisplay=os.environ["DISPLAY"]))[..., :3]


def shows_frames_and_large_ones_reduced(folder: Path) -> None:
    window = Window("test")
    picture = np.full((120, 160, 3), (200, 30, 60), np.uint8)
    assert window.show(picture)
    assert window.wait(0.3)
    assert grab(window)[60, 80].tolist() == [200, 30, 60]
    assert window.show(picture[..., ::-1].copy())
    assert grab(window)[60, 80].tolist() == [60, 30, 200]
    assert window.show(np.full((1080, 1920, 3), 90, np.uint8))
    assert window.wait(0.3)
    height, width = grab(window).shape[:2]
    assert 600 < width <= 800 and 300 < height <= 600
    window.close()


def keys_shut_it(folder: Path) -> None:
    for key in ("<q>", "<Escape>"):
        window = Window("test")
        assert window.show(np.zeros((48, 64, 3), np.uint8))
        window._root.focus_force()
        window._root.update()
        window._root.event_generate(key)
        assert not window.wait(5)
        assert not window.show(np.zeros((48, 64, 3), np.uint8))
        window.close()


def shows_a_video_to_its_end(folder: Path) -> None:
    clip = write(folder / "clip.mp4", iter([np.full((120, 160, 3), 90, np.uint8)] * 10), 50)
    summary = run_video(VideoOptions(str(clip), show=True), StubAnalyzer())
    assert (summary.frames, summary.interrupted) == (10, False)


def shut_keeps_the_file(folder: Path) -> None:
    clip = write(folder / "clip.mp4", iter([np.full((120, 160, 3), 90, np.uint8)] * 100), 50)
    shown = []
    show = Window.show

    def press(window: Window, pixels: np.ndarray) -> bool:
        shown.append(pixels)
        if len(shown) == 5:
            window._shut()
        return show(window, pixels)

    Window.show = press  # type: ignore[method-assign]
    summary = run_video(VideoOptions(str(clip), show=True, out=folder / "out"), StubAnalyzer())
    assert summary.frames == 5 and not summary.interrupted
    assert summary.video is not None and summary.video.exists()


def a_camera_that_is_faster_skips_frames(folder: Path) -> None:
    import time

    from fer_tf.vision.video import session
    from fer_tf.vision.video.video_reader import VideoReader

    class Camera(VideoReader):
        """Plays a file as fast as it can be read, as a camera that waits for nobody."""

        def __init__(self, *given: Any):
            super().__init__(*given)
            self.live = True

    session.VideoReader = Camera  # type: ignore[misc]
    clip = write(folder / "clip.mp4", iter([background((160, 120))] * 200), 50)
    analyzer = StubAnalyzer(Box(40, 30, 60, 60))
    seen: list[VideoFrame] = []
    recognize = analyzer.recognize
    analyzer.recognize = lambda *found: (time.sleep(0.02), recognize(*found))[1]  # type: ignore
    summary = run_video(VideoOptions(str(clip), show=True), analyzer, on_frame=seen.append)
    assert summary.frames < 200
    assert seen[-1].frame == 199


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
