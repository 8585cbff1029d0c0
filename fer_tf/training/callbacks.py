"""What happens between the steps of an epoch: progress, checkpoints, stopping, bad numbers."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import keras
import numpy as np

from fer_tf.errors import FerError
from fer_tf.training.together import Vote


class StopRequest:
    """Catches Ctrl-C and SIGTERM while training; a second one interrupts at once."""

    def __init__(self):
        self.requested = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._handle)
            except ValueError:
                # Only the main thread may; elsewhere the caller decides when to stop.
                break
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        # Not print: the signal may have come in the middle of one.
        with contextlib.suppress(OSError):
            os.write(2, b"\nstopping soon, and saving first; once more stops at once\n")


class StepWatch(keras.callbacks.Callback):
    """Runs after every step of an epoch.

    Args:
        epoch: counted from 0.
        start: steps of this epoch that were done before.
        steps: of the whole epoch; after the last one the epoch's own checkpoint follows.
        metrics: values of the metric variables at that point; None at an epoch's begin.
        rate: steps done -> learning rate.
        save: called with the metric variables' values and the steps done when a checkpoint is due.
        minutes: between checkpoints within an epoch; 0 for one at every step.
        show: called with (steps done, loss, accuracy, learning rate), five times a second at most.
        stop: ends the epoch early when requested.
    """

    def __init__(
        self,
        *,
        epoch: int,
        start: int,
        steps: int,
        metrics: list[np.ndarray] | None,
        rate: Callable[[int], float],
        save: Callable[[list[np.ndarray], int], None],
        minutes: float,
        show: Callable[[int, float, float, float], None],
        stop: StopRequest,
    ):
        super().__init__()
        self.done = start
        self._epoch = epoch
        self._steps = steps
        self._metrics = metrics
        self._rate = rate
        self._save = save
        self._seconds = minutes * 60.0
        self._show = show
        self._stop = stop
        self._vote = Vote()
        self._saved = self._shown = time.monotonic()
        self._previous: dict | None = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._metrics is not None:
            for variable, value in zip(self.model.metrics_variables, self._metrics, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        self.done += 1
        # The step before: its numbers are ready, so that an accelerator is not made to wait.
        if self._previous is not None:
            self._check(self._previous, self.done - 1)
        self._previous = logs
        now = time.monotonic()
        if now - self._shown > 0.2:
            rate = self._rate(self.done)
            self._show(self.done, float(logs["loss"]), float(logs["accuracy"]), rate)
            self._shown = now
        stopping = self._vote.now(self._stop.requested)
        due = stopping or now - self._saved >= self._seconds
        if due and self.done < self._steps:
            self._check(logs, self.done)
            # Reading self.model brings its variables up to date on JAX.
            self._save([np.asarray(v) for v in self.model.metrics_variables], self.done)
            self._saved = time.monotonic()
            if stopping:
                self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self._previous is not None:
            self._check(self._previous, self.done)

    def _check(self, logs, step: int) -> None:
        if not math.isfinite(float(logs["loss"])):
            raise diverged(self._epoch, step, self._rate(step - 1))


def diverged(epoch: int, step: int, rate: float) -> FerError:
    """What to raise when the loss or a weight is not a number.

    Args:
        epoch: counted from 0.
        step: of the epoch, counted from 1.
        rate: its learning rate.
    """
    return FerError(
        f"the loss is not a number at step {step} of epoch {epoch + 1}, learning rate {rate:.3g}: "
        "try a lower --learning-rate, --clip-norm 1, longer --warmup-epochs or --precision "
        "float32, in another --run NAME; the last checkpoint and best.keras are from before"
    )
