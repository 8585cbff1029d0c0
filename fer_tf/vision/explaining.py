"""Why: what each answer rests on, by the Keras network behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from fer_tf.errors import FerError
from fer_tf.explanations.methods import Explanation
from fer_tf.installed import absent
from fer_tf.tasks import Task
from fer_tf.trained.model import TrainedModel
from fer_tf.vision.crops import Crop
from fer_tf.vision.results import Face

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, eq=False)
class ExplainedFace:
    """A face, its expression and what that rests on.

    Attributes:
        face: as `FaceAnalyzer.analyze` gives it.
        explanation: `explanation.map`, float32 [h, w] in [0, 1], lies over `crop.pixels`.
        crop: what the network was given, and the map from the picture to it.
    """

    face: Face
    explanation: Explanation
    crop: Crop

    def panels(self, image: np.ndarray) -> np.ndarray:
        """Input, detected face, saliency map and salient points side by side, as a picture.

        Args:
            image: the upright picture that was explained, uint8 RGB [h, w, 3].

        Returns:
            RGB, uint8 [h, w, 3].
        """
        from fer_tf.vision.panels import four_panels

        return four_panels(image, self.face.box, self.crop, self.explanation)


def answer_index(task: Task, name: str) -> int:
    """Index of a class, or the number of classes and the index of a value.

    Args:
        task: names them.
        name: of one of them or, for a class, a variant of it, whatever its case.

    Raises:
        FerError: the task has neither.
    """
    index = task.index(name)
    if index is None:
        values = [value.lower() for value in task.values]
        if name.lower() not in values:
            known = ", ".join((*task.labels, *task.values))
            raise FerError(f"the network does not answer {name!r}: expected one of {known}")
        index = len(task.labels) + values.index(name.lower())
    return index


class Explainer:
    """Explains the answers of one model; several threads may call it, and take turns.

    Args:
        trained: the network; loaded when first needed.
        size: (height, width) in pixels at which it runs.
    """

    def __init__(self, trained: TrainedModel, size: tuple[int, int]):
        self._trained, self._size = trained, size
        self._lock = Lock()

    def open(self) -> None:
        """Load the network now, not with the first face.

        Raises:
            FerError: the model is no Keras network, or its packages are not installed.
        """
        with self._lock:
            self._opened()

    def explain(
        self, faces: Sequence[Face], crops: Sequence[Crop], *, method: str, target: str | None
    ) -> list[ExplainedFace]:
        """What the answers for faces rest on.

        Args:
            faces: the answers.
            crops: of each of them.
            method: a key of `fer_tf.explanations.METHODS`.
            target: name of a class or a value of the network's task; None for each face's most
                probable class.

        Raises:
            FerError: as of `open`, or an unknown name or method.
        """
        with self._lock:
            network, task = self._opened(), self._trained.task
            wanted = None if target is None else answer_index(task, target)
            targets = [int(np.argmax(f.probabilities)) if wanted is None else wanted for f in faces]
            pixels = np.array([crop.pixels for crop in crops], np.uint8)
            if not len(pixels):
                return []
            from fer_tf.explanations.maps import saliency_maps

            maps = saliency_maps(
                network, pixels, method=method, target=np.array(targets, int), size=self._size
            )
        return [
            ExplainedFace(
                face,
                Explanation(saliency, method, index, face.probabilities, task, face.values),
                crop,
            )
            for face, crop, saliency, index in zip(faces, crops, maps, targets, strict=True)
        ]

    def _opened(self) -> keras.Model:
        try:
            return self._trained.network()
        except ImportError as error:
            raise FerError(f"an explanation {absent(str(error.name))}") from None
