"""Fonts of this machine for names in any script: Pillow's own has English letters only.

A name that no font here can write is drawn as far as the best one can, with a box for each other
letter.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FILES = (
    # Linux: many alphabets; Chinese, Japanese and Korean; Hindi; Thai.
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    # Windows.
    "arial.ttf",
    "msyh.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
    "Nirmala.ttc",
    "Nirmala.ttf",
    "LeelawUI.ttf",
    # macOS.
    "Arial Unicode.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "AppleSDGothicNeo.ttc",
    "Kohinoor.ttc",
)
"""The first that can write a text does. Pillow looks for them where the system keeps its fonts."""


def load_font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font where it can write `text`, else the one of `font_file`.

    Args:
        text: to be written.
        size: in pixels, as in `PIL.ImageFont.truetype`.
    """
    return _load(font_file(text), size)


@lru_cache(maxsize=512)
def font_file(text: str) -> str | None:
    """The font that has the most letters of `text`, the first of those that are as good.

    Returns:
        A path, or None for Pillow's own font.
    """
    fewest, best = len(text) + 1, None
    for file in _installed():
        try:
            lacking = len(lacking_letters(text, file))
        except OSError:  # not on this machine
            continue
        if lacking < fewest:
            fewest, best = lacking, file
        if not lacking:
            break
    return best


def lacking_letters(text: str, file: str | None) -> str:
    """The letters of `text`, each once, that a font draws as it draws what is no character.

    Raises:
        OSError: there is no such font.
    """
    font = _load(file, 16)
    nothing = font.getmask("\U0010ffff")

    def drawn(letter: str) -> bool:
        mask = font.getmask(letter)
        return mask.size != nothing.size or bytes(mask) != bytes(nothing)

    return "".join(each for each in set(text) if not (each.isspace() or drawn(each)))


def matplotlib_font() -> str | None:
    """The path of Matplotlib's own font, DejaVu Sans; None where it is not installed."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or not found.origin:
        return None
    return str(Path(found.origin).with_name("mpl-data") / "fonts/ttf/DejaVuSans.ttf")


def _installed() -> Iterator[str | None]:
    """Pillow's own, Matplotlib's, and `FILES`, as they are asked for."""
    yield None
    own = matplotlib_font()
    if own is not None:
        yield own
    yield from FILES


@lru_cache(maxsize=32)
def _load(file: str | None, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels come with FreeType"
    return font
