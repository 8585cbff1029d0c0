"""The networks and detectors behind the page: one picture at a time, with the time that it took."""

from __future__ import annotations

import importlib.util
import itertools
import threading
from collections.abc import Callable, Container, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.demo_page.reasons import reasons
from fer_tf.vision.detectors import open_detector
from fer_tf.vision.detectors.second_look import without
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
        detector: its name.
        network: its name.
        detecting: milliseconds that finding the faces took.
        recognizing: milliseconds that cropping them and the network took.
    """

    faces: tuple[Face, ...]
    width: int
    height: int
    detector: str
    network: str
    detecting: float
    recognizing: float

    @property
    def reason(self) -> str:
        """Why there is no face, in one sentence; "" where there is one."""
        if self.faces:
            return ""
        size = f"{self.width}\N{MULTIPLICATION SIGN}{self.height}"
        return f"The detector {self.detector} found no face in these {size} pixels."


class Service:
    """Analyzers by network and detector, opened when first asked for, used by one thread at a time.

    Attributes:
        networks: the names that `answer` takes, in the order of the models.
        detectors: likewise; the first one is the one to begin with.

    Args:
        models: as `FaceAnalyzer` takes them; None is the network that ships.
        detector: the one to begin with, as `FaceAnalyzer` takes it.
        sizes: pixels of a side, for models that take any: each model is there at each of them.
            () is each model's own.

    Raises:
        FerError: a model can't be read, or the detector is not there.
    """

    def __init__(
        self, models: Sequence[str | None], detector: str, *, sizes: Sequence[int] = ()
    ) -> None:
        from fer_tf.vision.analyzer import FaceAnalyzer

        self._lock = threading.Lock()
        self._analyzers: dict[tuple[str, str], FaceAnalyzer] = {}
        for model, size in itertools.product(models, sizes or (None,)):
            analyzer = FaceAnalyzer(model, detector, size=size)
            network = _unused(_title(analyzer), {name for name, _ in self._analyzers})
            self._analyzers[network, analyzer.detector.name] = analyzer
        first = analyzer.detector.name
        self.networks = tuple(name for name, _ in self._analyzers)
        self.detectors = (first, *(name for name in available_detectors() if name != first))

    def answer(
        self,
        pixels: np.ndarray,
        network: str,
        detector: str,
        *,
        second_look: bool = True,
        follow: Callable[[list[Detection]], list[Detection]] = list,
    ) -> Answer:
        """The faces of a picture, uint8 RGB [h, w, 3].

        Args:
            pixels: the picture.
            network: one of `networks`.
            detector: one of `detectors`.
            second_look: whether to look again, slowly, where nothing is found.
            follow: is given what was detected, and returns what is to be recognised.

        Raises:
            FerError: the detector can't be opened.
        """
        with self._lock:
            analyzer = self._analyzer(network, detector)
            finder = analyzer.detector if second_look else without(analyzer.detector)
            start = perf_counter()
            detections = follow(finder.detect(pixels))
            found = perf_counter()
            (faces,) = analyzer.recognize([pixels], [detections])
            end = perf_counter()
        height, width = pixels.shape[:2]
        return Answer(
            faces=faces,
            width=width,
            height=height,
            detector=detector,
            network=network,
            detecting=1000 * (found - start),
            recognizing=1000 * (end - found),
        )

    def explain(self, pixels: np.ndarray, answer: Answer, face: int) -> dict[str, np.ndarray]:
        """Pictures of what the answer for a face rests on: see `reasons`.

        Raises:
            FerError: the network can't be explained here.
        """
        with self._lock:
            analyzer = self._analyzer(answer.network, answer.detector)
        return reasons(analyzer, pixels, answer.faces[face])

    def _analyzer(self, network: str, detector: str) -> FaceAnalyzer:
        key = network, detector
        if key not in self._analyzers:
            # The same network behind another detector.
            analyzer = copy(self._analyzers[network, self.detectors[0]])
            analyzer.detector = open_detector(detector)
            self._analyzers[key] = analyzer
        return self._analyzers[key]


def available_detectors() -> list[str]:
    """The names of the detectors that work here without a download, best first."""
    from fer_tf.vision.detectors.yunet import cached_yunet

    names = {
        "yunet": cached_yunet() is not None,
        "mtcnn": importlib.util.find_spec("mtcnn") is not None,
        "haar": True,
    }
    return [name for name, there in names.items() if there]


def _title(analyzer: FaceAnalyzer) -> str:
    height, width = analyzer.recognizer.size
    side = f"{height}" if height == width else f"{height}\N{MULTIPLICATION SIGN}{width}"
    model = "shipped" if analyzer.model is None else Path(analyzer.model).name
    return f"{side} px, {model}"


def _unused(name: str, names: Container[str]) -> str:
    """`name`, or the first of `name 2`, `name 3` that is not among `names`."""
    candidates = (name if i == 1 else f"{name} {i}" for i in itertools.count(1))
    return next(candidate for candidate in candidates if candidate not in names)
