"""What every face detector is to the rest of the package."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from fer_tf.vision.results import Detection


class Detector(Protocol):
    """Finds the faces of a picture.

    Several threads may call it at the same time. It may have a method `glance` beside, which does
    as `detect` does but looks once only: a video's next frame is another chance.

    Attributes:
        name: "yunet", or of one's own.
        margin: how much wider than its tight boxes the crop must be to frame a face as FER2013
            does, as a share of the box's side: 0.1 widens a side of 100 pixels to 110, -0.1
            narrows it to 90.
    """

    @property
    def name(self) -> str: ...
    @property
    def margin(self) -> float: ...

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces of an upright RGB picture, uint8 [h, w, 3], best score first; often none."""
