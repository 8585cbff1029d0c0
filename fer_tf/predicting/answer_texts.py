"""Answers and counts in words, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fer_tf.vision.results import Face

NAMED = 0.05
"""Emotions after the first are named in words from this probability on."""


def describe(face: Face) -> str:
    """An answer in words, for a person: "Happy 95%, Neutral 3% (115x115 pixels at 223, 85)"."""
    ranked = sorted(face.by_emotion.items(), key=lambda item: -item[1])
    likely = [pair for index, pair in enumerate(ranked) if index == 0 or pair[1] >= NAMED]
    answer = ", ".join(f"{name} {share:.0%}" for name, share in likely[:3])
    box = face.box
    if not face.sure:
        answer = f"{face.label} ({answer})"
    answer = ", ".join([answer, *face.value_texts])
    return f"{answer} ({box.width:.0f}x{box.height:.0f} pixels at {box.left:z.0f}, {box.top:z.0f})"


def count(number: int, one: str, many: str = "") -> str:
    """A number and what is counted: "1 face", "2,000 faces"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
