"""The networks behind the page: one picture at a time, with the time that it took."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_tf.demo_page.reasons import reasons
from fer_tf.errors import FerError
from fer_tf.shipped import SHIPPED, SHIPPED_NETWORK, shipped_accuracy
from fer_tf.vision.results import Detection, Face

if TYPE_CHECKING:
    from fer_tf.vision.analyzer import FaceAnalyzer


@dataclass(frozen=True)
class Answer:
    """What was found in a picture, and how fast.

    Attributes:
        faces: best detector score first; may be empty.
        width: of the picture, in pixels.
        height: likewise.
        network: its name.
        detecting: milliseconds that finding the faces took.
        recognizing: milliseconds that cropping them and the network took.
    """

    faces: tuple[Face, ...]
    width: int
    height: int
    network: str
    detecting: float
    recognizing: float

    @property
    def reason(self) -> str:
        """Why there is no face, in one sentence; "" where there is one."""
        if self.faces:
            return ""
        size = f"{self.width}\N{MULTIPLICATION SIGN}{self.height}"
        return f"No face was found in these {size} pixels."


class Service:
    """An analyzer for each network, used by one thread at a time.

    Attributes:
        networks: the names that `answer` takes, in the order of the models.
        measured: how often those are right that ship, in a sentence and a space; "" without any.

    Args:
        models: as `FaceAnalyzer` takes them; None is the network that ships.
        sizes: pixels of a side, for models that take any: each model is there at each of them.
            () is each model's own.
        detecting: how faces are looked for, as `FaceAnalyzer` takes it: fields of
            `fer_tf.detecting.Detecting`.

    Raises:
        FerError: a model can't be read, or the detector is not there.
    """

    def __init__(
        self, models: Sequence[str | None] = (None,), *, sizes: Sequence[int] = (), **detecting: Any
    ) -> None:
        from fer_tf.vision.analyzer import FaceAnalyzer

        self._lock = threading.Lock()
        self._analyzers: dict[str, FaceAnalyzer] = {}
        for model, size in itertools.product(models, sizes or (None,)):
            analyzer = FaceAnalyzer(model, size=size, **detecting)
            self._analyzers[_unused(_title(analyzer), self._analyzers)] = analyzer
        self.networks = tuple(self._analyzers)
        names = {model or SHIPPED_NETWORK for model in models}
        shipped = [name for name in SHIPPED if name in names]
        rights = [f"{name} is right in {100 * shipped_accuracy(name):.0f}" for name in shipped]
        chosen = "Of 100 faces of PublicTest, the part of FER2013 by which it was chosen"
        self.measured = f"{chosen}, {' and '.join(rights)}. " if rights else ""

    def answer(
        self,
        pixels: np.ndarray,
        network: str,
        *,
        follow: Callable[[list[Detection]], list[Detection]] | None = None,
    ) -> Answer:
        """The faces of a picture, uint8 RGB [h, w, 3].

        Args:
            pixels: the picture.
            network: one of `networks`.
            follow: of a film, which is looked at once a frame: is given what was detected, and
                returns what is to be recognised.

        Raises:
            FerError: the network is not one of them.
        """
        if network not in self.networks:
            raise FerError(f"network {network!r}: expected one of {', '.join(self.networks)}")
        with self._lock:
            analyzer = self._analyzers[network]
            start = perf_counter()
            if follow is None:
                detections = analyzer.detect(pixels)
            else:
                detections = follow(analyzer.detector.glance(pixels))
            found = perf_counter()
            (faces,) = analyzer.recognize([pixels], [detections])
            end = perf_counter()
        height, width = pixels.shape[:2]
        return Answer(
            faces=faces,
            width=width,
            height=height,
            network=network,
            detecting=1000 * (found - start),
            recognizing=1000 * (end - found),
        )

    def explain(self, pixels: np.ndarray, answer: Answer, face: int) -> dict[str, np.ndarray]:
        """Pictures of what the answer for a face rests on: see `reasons`.

        Raises:
            FerError: the network can't be explained here.
        """
        return reasons(self._analyzers[answer.network], pixels, answer.faces[face])


def _title(analyzer: FaceAnalyzer) -> str:
    height, width = analyzer.recognizer.size
    side = f"{height}" if height == width else f"{height}\N{MULTIPLICATION SIGN}{width}"
    model = "shipped" if analyzer.model is None else Path(analyzer.model).name
    return f"{side} px, {model}"


def _unused(name: str, names: Container[str]) -> str:
    """`name`, or the first of `name 2`, `name 3` that is not among `names`."""
    candidates = (name if i == 1 else f"{name} {i}" for i in itertools.count(1))
    return next(candidate for candidate in candidates if candidate not in names)
