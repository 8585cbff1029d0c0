"""What happens between the steps, with a model that only keeps numbers."""

from __future__ import annotations

import math
import os
import signal
import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from fer_tf import FerError
from fer_tf.training.callbacks import StepWatch, StopRequest


class Steps:
    """A StepWatch over a model with two metric variables, and what it called."""

    def __init__(self, *, start: int = 0, steps: int = 5, metrics=None, minutes: float = 1e9):
        self.stop = StopRequest()
        self.saved: list[tuple[list[float], int]] = []
        self.shown: list[tuple[int, float, float, float]] = []
        variables = [keras.Variable(0.0), keras.Variable(0.0)]
        self.model = SimpleNamespace(metrics_variables=variables, stop_training=False)
        self.watch = StepWatch(
            epoch=2,
            start=start,
            steps=steps,
            metrics=metrics,
            rate=lambda done: done / 10,
            save=lambda metrics, done: self.saved.append(([float(m) for m in metrics], done)),
            minutes=minutes,
            show=lambda *numbers: self.shown.append(numbers),
            stop=self.stop,
        )
        self.watch.set_model(self.model)
        self.watch.on_epoch_begin(0)

    def step(self, loss: float = 1.0) -> None:
        self.model.metrics_variables[0].assign(loss)
        self.watch.on_train_batch_end(0, {"loss": loss, "accuracy": 0.5})


def test_no_checkpoint_before_its_time() -> None:
    steps = Steps()
    for _ in range(5):
        steps.step()
    steps.watch.on_epoch_end(0)
    assert steps.saved == [] and steps.watch.done == 5


def test_a_checkpoint_after_every_step_but_the_last() -> None:
    steps = Steps(minutes=0)
    for loss in (1.0, 2.0, 3.0, 4.0, 5.0):
        steps.step(loss)
    assert steps.saved == [([loss, 0.0], int(loss)) for loss in (1.0, 2.0, 3.0, 4.0)]


def test_an_epoch_goes_on_with_its_metrics() -> None:
    steps = Steps(start=3, metrics=[np.float32(7.0), np.float32(9.0)])
    assert [float(v) for v in steps.model.metrics_variables] == [7.0, 9.0]
    steps.step()
    assert steps.watch.done == 4


def test_metrics_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError):
        Steps(metrics=[np.float32(7.0)])


def test_a_request_saves_and_stops() -> None:
    steps = Steps()
    steps.step()
    steps.stop.requested = True
    steps.step(2.0)
    assert steps.saved == [([2.0, 0.0], 2)] and steps.model.stop_training


def test_a_request_at_the_last_step_leaves_the_epoch_to_end() -> None:
    steps = Steps(start=4)
    steps.stop.requested = True
    steps.step()
    assert steps.saved == [] and not steps.model.stop_training


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number(loss: float) -> None:
    steps = Steps()
    steps.step()
    steps.step(loss)
    with pytest.raises(FerError) as caught:
        steps.step()
    assert "step 2 of epoch 3, learning rate 0.1:" in str(caught.value)
    assert "--learning-rate" in str(caught.value) and "--clip-norm" in str(caught.value)
    assert steps.saved == []


def test_no_checkpoint_holds_a_loss_that_is_no_number() -> None:
    steps = Steps(minutes=0)
    with pytest.raises(FerError, match="step 1 of"):
        steps.step(math.nan)
    assert steps.saved == []


def test_the_last_steps_loss_is_looked_at() -> None:
    steps = Steps(steps=1)
    steps.step(math.nan)
    with pytest.raises(FerError, match="step 1 of"):
        steps.watch.on_epoch_end(0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_once_and_then_interrupt(
    number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        assert "once more stops at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_there_are_no_signals() -> None:
    seen: list[bool] = []

    def work() -> None:
        with StopRequest() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
