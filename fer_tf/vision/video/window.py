"""A window with live frames, by Tk: OpenCV's build without a display can't open one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from fer_tf.errors import FerError

_SHARE = 0.85  # of the screen that a large frame may fill


class Window:
    """Shows frames until q, Esc or its close button.

    It belongs to the thread that makes it, which must be the main one on macOS.

    Args:
        title: of the window.

    Raises:
        FerError: there is no display, or this Python has no Tk.
    """

    def __init__(self, title: str):
        where = "--show needs a window"
        # Tk speaks X11 alone; a Wayland desktop serves that, too, and sets DISPLAY for it.
        if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            raise FerError(
                f"{where}, but DISPLAY is not set, so there is no display: give --out FOLDER "
                "and watch the file, or run this on a desktop"
            )
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError:
            raise FerError(
                f"{where}, but this Python has no Tk: install it (python3-tk on Debian and "
                "Ubuntu, python-tk with Homebrew), or give --out FOLDER and watch the file"
            ) from None
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise FerError(f"{where}, but the display can't be opened: {error}") from None
        self._photo_type: Callable[..., Any] = ImageTk.PhotoImage
        self._root.title(title)
        self._root.configure(background="black")
        self._root.resizable(False, False)
        self._label = tkinter.Label(self._root, borderwidth=0, background="black")
        self._label.pack()
        self._photo: Any = None
        self._open = True
        for keys in ("<q>", "<Q>", "<Escape>"):
            self._root.bind(keys, self._shut)
        self._root.protocol("WM_DELETE_WINDOW", self._shut)
        screen = self._root.winfo_screenwidth(), self._root.winfo_screenheight()
        self._limit = tuple(_SHARE * side for side in screen)

    def show(self, pixels: np.ndarray) -> bool:
        """Show a frame, uint8 RGB [h, w, 3], reduced where it is larger than the screen.

        Returns:
            Whether the window is still wanted.
        """
        from PIL import Image

        if self._open:
            height, width = pixels.shape[:2]
            factor = min(1.0, self._limit[0] / width, self._limit[1] / height)
            if factor < 1:
                pixels = cv2.resize(pixels, None, fx=factor, fy=factor)
            image = Image.fromarray(pixels)
            size = self._photo and (self._photo.width(), self._photo.height())
            if size == image.size:
                self._photo.paste(image)
            else:
                self._photo = self._photo_type(image, master=self._root)
                self._label.configure(image=self._photo)
            self._root.update()
        return self._open

    def wait(self, seconds: float) -> bool:
        """Let time pass, for keys to be heard; see `show` for what it returns."""
        end = time.monotonic() + seconds
        while self._open and time.monotonic() < end:
            self._root.update()
            time.sleep(min(0.01, max(0.0, end - time.monotonic())))
        return self._open

    def close(self) -> None:
        """Take the window away."""
        self._open = False
        self._photo = None
        self._root.destroy()

    def _shut(self, *_: object) -> None:
        self._open = False
