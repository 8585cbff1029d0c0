"""What a file of any runtime must be: an image in, probabilities out, and values beside them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fer_tf.errors import FerError, reason
from fer_tf.models.checks import check_finite, check_values
from fer_tf.runtimes.calibration import checked_temperature
from fer_tf.tasks import Task, task_of_classes

FACE = (48, 48)
"""(height, width) in pixels of what a form is given that takes any size and names no task."""

MAX_INPUT = 2**26
"""Values that one run of a graph takes: 64 faces of 591x591 pixels in colour."""

PROBABILITIES, VALUES = "probabilities", "values"
"""Names of a graph's outputs; one that has no others may call its probabilities as it likes."""


class Answers(NamedTuple):
    """What a network says of n faces.

    Attributes:
        probabilities: float32 [n, classes], each row's sum 1.
        values: float32 [n, k], of the k values of its task, in [-1, 1] but for rounding; None where
            the task has none.
    """

    probabilities: np.ndarray
    values: np.ndarray | None = None


class Port(NamedTuple):
    """An input or output of a graph; None is a side that may have any length."""

    name: str
    dtype: Any
    shape: tuple[int | None, ...]


class Base(ABC):
    """A network that is ready to answer: a class a runtime, which all check the graph and the
    images alike, and cut these into the batches that the graph takes.

    Attributes:
        name: the runtime's, like "LiteRT".
        size: (height, width) in pixels of the images it takes.
        channels: 3 for RGB, 1 for grey.
        batch: how many images one run of the graph takes; None for any number.
        temperature: that calibrates the probabilities (`fer_tf.runtimes.calibration`): from the
            file's metadata, 1 where it has none.
        forkable: whether the runtime can open the file anew in a process that was forked from one
            in which it ran.

    Args:
        path: of the file.
        ports: the graph's inputs and its outputs.
        size: as asked for.
        task: that the file names; None where it names none.
        temperature: that the file holds, unchecked.
    """

    name = ""
    forkable = False

    def __init__(
        self,
        path: Path,
        ports: Sequence[Sequence[Port]],
        size: tuple[int, int] | None,
        task: Task | None,
        temperature: Any = 1,
    ):
        self.temperature = checked_temperature(temperature, path)
        self._path, self._task = path, task
        inputs, outputs = ports
        names = sorted(port.name for port in outputs)
        if len(inputs) != 1 or (len(outputs) != 1 and names != [PROBABILITIES, VALUES]):
            raise FerError(
                f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs: expected one of "
                f"each, or the outputs {PROBABILITIES} and {VALUES}"
            )
        image = inputs[0]
        if image.dtype != np.uint8 or len(image.shape) != 4 or image.shape[3] not in (1, 3, None):
            raise FerError(
                f"{path}: takes {_words(image)}: expected uint8 images [n, height, width, 1 or 3]"
            )
        batch, height, width, channels = image.shape
        if size is not None and (height not in (None, size[0]) or width not in (None, size[1])):
            raise FerError(
                f"{path}: takes images of {height}x{width} pixels only: expected that as the "
                f"size, found {size[0]}x{size[1]}"
            )
        sides = [side for side in image.shape if side is not None]
        if min(sides, default=1) < 1 or math.prod(sides) > MAX_INPUT:
            raise FerError(
                f"{path}: takes {_words(image)}: expected sides of 1 or more and at most "
                f"{MAX_INPUT:,} values"
            )
        self._check_outputs(outputs)
        face = task.face if task else (*FACE, 1)
        self.batch, self.channels = batch, channels or face[2]
        self.size = size or (height or face[0], width or face[1])

    def _check_outputs(self, outputs: Sequence[Port]) -> None:
        names = [port.name for port in outputs]
        # The place of the probabilities, then that of the values.
        self._places = [names.index(name) for name in sorted(names)]
        for port in outputs:
            if port.dtype != np.float32 or len(port.shape) != 2:
                raise FerError(
                    f"{self._path}: returns {_words(port)}: expected float32 probabilities "
                    "[n, classes]"
                )
        widths = [outputs[place].shape[1] for place in self._places]
        self._classes = widths[0]
        named = (len(self._task.labels), len(self._task.values)) if self._task else (None, 0)
        found = (widths[0], widths[1] if len(widths) > 1 else 0)
        for count, right, what in zip(found, named, ("classes", "values"), strict=True):
            if None not in (count, right) and count != right:
                raise FerError(f"{self._path}: has {count} {what} and names {right} of them")

    @property
    def task(self) -> Task:
        """What it answers: as the file says, or FER2013's classes where it has as many.

        Raises:
            FerError: the file says nothing, and has another number of classes.
        """
        if self._task is None:
            blank = np.zeros((1, *self.size, self.channels), np.uint8)
            classes = self._classes or self.answer(blank).probabilities.shape[1]
            self._task = task_of_classes(classes, self._path)
        return self._task

    @abstractmethod
    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        """The outputs of one batch, in the order of the ports."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The probabilities of `answer`, float32 [n, classes]."""
        return self.answer(images).probabilities

    def answer(self, images: np.ndarray) -> Answers:
        """Probabilities and values of uint8 images [n, *size, channels].

        A graph of fixed batch runs as often as n needs.

        Raises:
            FerError: images of another type or shape, or an answer that is NaN or infinite, or a
                value that is not in [-1, 1].
        """
        expected = (*self.size, self.channels)
        if images.dtype != np.uint8 or images.shape[1:] != expected or not len(images):
            raise FerError(
                f"{self.name}: got {images.dtype} images {list(images.shape)}: expected uint8 "
                f"[n, {', '.join(map(str, expected))}], n at least 1"
            )
        answers = Answers(*self._batched(images))
        check_finite(answers.probabilities, self._path)
        if answers.values is not None:
            check_values(answers.values, self._path)
        return answers

    def _batched(self, images: np.ndarray) -> list[np.ndarray]:
        if self.batch is None or self.batch == len(images):
            return self._answer(images)
        missing = -len(images) % self.batch
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        starts = range(0, len(padded), self.batch)
        runs = [self._answer(padded[start : start + self.batch]) for start in starts]
        return [np.concatenate(parts)[: len(images)] for parts in zip(*runs, strict=True)]

    def _answer(self, images: np.ndarray) -> list[np.ndarray]:
        try:
            outputs = self._run(images)
        except Exception as error:
            raise FerError(
                f"{self._path}: {self.name} cannot run this file: {reason(error)}"
            ) from None
        for answers in outputs:
            if answers.ndim != 2 or len(answers) != len(images):
                raise FerError(
                    f"{self._path}: answers {len(images)} images with {list(answers.shape)}: "
                    "expected [n, classes]"
                )
        return [outputs[place] for place in self._places]


def _words(port: Port) -> str:
    sides = ", ".join("any" if side is None else str(side) for side in port.shape)
    dtype = port.dtype if isinstance(port.dtype, str) else np.dtype(port.dtype).name
    return f"{dtype} [{sides}]"
