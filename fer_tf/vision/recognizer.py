"""From faces to calibrated answers, on whichever runtime the model's file needs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

import numpy as np

from fer_tf.cores import cores
from fer_tf.errors import FerError
from fer_tf.forks import abandon, after_fork
from fer_tf.models.checks import check_probabilities
from fer_tf.quiet import quiet
from fer_tf.runtimes.calibration import apply_temperature
from fer_tf.runtimes.graph import Answers
from fer_tf.runtimes.litert_child import check_in_child
from fer_tf.runtimes.resizing import to_input
from fer_tf.runtimes.runner import Runner
from fer_tf.shipped import MODELS
from fer_tf.trained.model import TrainedModel, open_trained

Size = tuple[int, int]

ALONE = 2
"""Threads for a single face: more gain a network of its size little."""


class Recognizer:
    """A network that is ready to recognise; several threads may call it, and forked children.

    A LiteRT file holds a graph of one face, all of which XNNPACK runs: a single face is answered
    by it on two threads, several are spread over copies of it, at most as many as there are cores.

    Attributes:
        name: the runtime's, like "LiteRT".
        trained: the network, as it was found.
        task: what it answers.
        path: the file that answers.
        size: (height, width) in pixels at which the network runs.
        channels: of the images that it takes, 3 or 1.
        temperature: that calibrates its probabilities, from the file's metadata.
    """

    def __init__(
        self, trained: TrainedModel, *, size: Size | None, threads: int | None, flip: bool = False
    ):
        self.trained, self.path = trained, trained.exported or trained.path
        self._open = partial(trained.runner, size)
        self._alone_threads = threads or ALONE
        self._threads, self._flip = threads or cores(), flip
        self._alone: Runner | None = None
        self._stranded = False
        self._copies: list[Runner] = []
        self._lock = Lock()
        first = self._first()
        self.task = first.task
        self.name, self.size, self.channels = first.name, first.size, first.channels
        self.temperature, self._forkable = first.temperature, first.forkable
        after_fork(self._forget)
        # A runtime that cannot run the file, or a file of other classes, shows now.
        noise = np.random.default_rng(0).integers(0, 256, (1, *self.size), np.uint8)
        check_probabilities(first(self._input(noise)), self.path)

    @property
    def colour(self) -> bool:
        """Whether it has learnt from faces in colour; else it is given grey ones."""
        return self.task.face[2] == 3

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """The probabilities of `answer`, float32 [n, classes]."""
        return self.answer(faces).probabilities

    def answer(self, faces: np.ndarray) -> Answers:
        """Calibrated probabilities, and values where the task has them.

        Args:
            faces: uint8 [n, h, w], grey, or [n, h, w, 3], RGB; n from 0.

        Raises:
            FerError: the network answers NaN, or a value out of [-1, 1].
        """
        if not len(faces):
            none = np.zeros((0, len(self.task.labels)), np.float32)
            return Answers(none, none[:, :0] if self.task.values else None)
        images = self._input(faces)
        if self._flip:
            images = np.concatenate([images, images[:, :, ::-1]])
        with self._lock:
            first = self._first()
            spread = first.batch == 1 and min(self._threads, len(images)) > 1
            probabilities, values = self._spread(images) if spread else first.answer(images)
        probabilities = apply_temperature(probabilities, self.temperature)
        if self._flip:
            probabilities = probabilities.reshape(2, len(faces), -1).mean(axis=0)
            values = values if values is None else values.reshape(2, len(faces), -1).mean(axis=0)
        return Answers(probabilities, values)

    def _input(self, faces: np.ndarray) -> np.ndarray:
        return to_input(faces, self.size, self.channels)

    def _first(self) -> Runner:
        if self._stranded:
            raise FerError(
                f"{self.path}: {self.name} does not run in a child that was forked after it had "
                "started: expected the start method spawn, or a .tflite file"
            )
        if self._alone is None:
            # LiteRT tells of its delegate on stderr, from C++.
            with quiet():
                self._alone = self._open(threads=self._alone_threads)
        return self._alone

    def _forget(self) -> None:
        """In a forked child: the file is opened anew when it is next needed."""
        abandon((self._alone, self._copies))
        self._stranded = not self._forkable
        self._alone, self._copies, self._lock = None, [], Lock()

    def _spread(self, images: np.ndarray) -> Answers:
        parts = np.array_split(images, min(len(images), self._threads))
        if not self._copies:
            self._pool = ThreadPoolExecutor(self._threads, "fer_tf-recognize")
        self._copies += [self._open(threads=1) for _ in parts[len(self._copies) :]]
        jobs = [
            self._pool.submit(run.answer, part)
            for run, part in zip(self._copies, parts, strict=False)
        ]
        done = [job.result() for job in jobs]
        values = [answers.values for answers in done if answers.values is not None]
        probabilities = np.concatenate([answers.probabilities for answers in done])
        return Answers(probabilities, np.concatenate(values) if values else None)


def open_recognizer(
    model: str | os.PathLike[str] | None = None,
    *,
    size: Size | None = None,
    threads: int | None = None,
    flip: bool = False,
) -> Recognizer:
    """Open a network.

    Args:
        model: a .tflite or .onnx file, a servable or an export folder, a .keras file, or a run
            folder, whose best.keras is taken; "mit_b0_fusion", "nano" or None, the first, for a
            LiteRT file that ships.
        size: (height, width) in pixels of a form that takes any; None for a run's best, or what
            the file was built for, or 224x224.
        threads: how many it computes with; None for two for a face, and all cores for several.
        flip: answer with the mean over each face and its mirror image.

    Raises:
        FerError: no such file, a damaged one or one with other inputs or outputs, a size that it
            does not take, or a runtime that is not installed.
    """
    trained = open_trained(model)
    path = trained.path
    if path.suffix == ".tflite" and path.is_file() and path.parent.parent != MODELS:
        check_in_child(path)
    return Recognizer(trained, size=size, threads=threads, flip=flip)
