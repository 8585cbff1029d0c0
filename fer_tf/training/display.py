"""What a person sees of a training: a bar, a line an epoch, TensorBoard, Weights & Biases."""

from __future__ import annotations

import contextlib
import importlib
import json
import secrets
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from fer_tf.errors import FerError, reason
from fer_tf.files import write_beside
from fer_tf.installed import absent
from fer_tf.recipes.as_json import to_json
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.run_folder import Run

LOG_SECONDS = 60.0
"""Between lines about an epoch in progress, where the output is a file and shows no bar."""


class Display:
    """Shows and logs one training.

    Args:
        recipe: what is trained.
        run: where; TensorBoard's and Weights & Biases' files go there.
        wandb: whether to log to Weights & Biases too.
        silent: show and log nothing, as where another process of the same run does.

    Raises:
        FerError: Weights & Biases is asked for and not installed, or refuses, as without a key.
    """

    def __init__(self, recipe: Recipe, run: Run, *, wandb: bool = False, silent: bool = False):
        self.recipe = recipe
        self.run = run
        self.silent = silent
        self.console = Console()
        if self.console.is_jupyter:
            # A notebook keeps all that is written: lines of text, and no bar that moves.
            self.console = Console(force_jupyter=False, force_terminal=False)
        self.console.quiet = silent
        self._writer: Any = None
        self._wandb = _start_wandb(recipe, run) if wandb and not silent else None
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}{task.fields[of]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        # How many there will be is not known where the clock ends the run.
        self._of = "" if recipe.minutes else f"/{recipe.epochs}"
        self._task: Any = None
        self._said = time.monotonic()

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
        if self._writer is not None:
            # Its rows are flushed one by one: an error has been raised there.
            with contextlib.suppress(OSError):
                self._writer.close()
        if self._wandb is not None:
            self._wandb.finish()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def epoch(self, epoch: int, *, size: int, steps: int, done: int) -> None:
        """Begin the bar of `epoch` (from 0), `done` of whose `steps` are behind."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(
            "",
            total=steps,
            completed=done,
            epoch=epoch + 1,
            of=self._of,
            text="starting",
        )
        self._began = (time.monotonic(), done)
        self._shape = (epoch, size, steps)

    def step(self, done: int, loss: float, accuracy: float, rate: float) -> None:
        """Move the bar to `done` steps of the epoch."""
        began, before = self._began
        epoch, size, steps = self._shape
        seconds = max(time.monotonic() - began, 1e-9)
        speed = (done - before) * self.recipe.batch_size / seconds
        text = f"loss {loss:.3f}  accuracy {accuracy:.1%}  lr {rate:.2g}  {speed:.0f} images/s"
        if self._of:
            left = self._pixels_left(epoch, size, steps - done, steps) * self.recipe.batch_size
            text += f"  {clock(left / (speed * size * size))} left"
        self._bar.update(self._task, completed=done, text=text)
        if self._bar.disable and time.monotonic() - self._said > LOG_SECONDS:
            self._said = time.monotonic()
            self.say(f"epoch {epoch + 1}{self._of}  {done}/{steps}  {text}")

    def row(self, row: dict[str, Any]) -> None:
        """Print and log an epoch's row of history.csv."""
        if self.silent:
            return
        self.say(
            f"epoch {row['epoch']:3}{self._of}  {row['size']} px  "
            f"loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
            f"validation loss {row['val_loss']:.4f}  accuracy {row['val_accuracy']:.2%}  "
            f"lr {row['learning_rate']:.2g}  {row['images_per_second']:.0f} images/s  "
            f"{clock(row['seconds'])}"
        )
        scalars = {key: value for key, value in row.items() if key != "epoch"}
        if self._writer is None:
            from tensorboard.summary import Writer

            self._writer = Writer(str(self.run.logs))
        for key, value in scalars.items():
            self._writer.add_scalar(key, value, row["epoch"])
        self._writer.flush()
        if self._wandb is not None:
            self._wandb.log(scalars, step=row["epoch"])

    def _pixels_left(self, epoch: int, size: int, steps_left: int, steps: int) -> float:
        """Steps times pixels that remain: a step costs about as its pixels do."""
        later = (self.recipe.size_at(e) ** 2 * steps for e in range(epoch + 1, self.recipe.epochs))
        return steps_left * size * size + sum(later)


def clock(seconds: float) -> str:
    """Seconds as "1:02:03" or "2:03"."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _start_wandb(recipe: Recipe, run: Run) -> Any:
    """Start logging to Weights & Biases, or go on with what the same run logged before."""
    try:
        wandb = importlib.import_module("wandb")
    except ImportError:
        raise FerError(f"--wandb: {absent('wandb', 'wandb')}") from None
    if not run.wandb_file.exists():
        write_beside(run.wandb_file, secrets.token_hex(4))
    try:
        return wandb.init(
            project="fer_tf",
            name=run.folder.name,
            id=run.wandb_file.read_text(encoding="utf-8"),
            resume="allow",
            dir=str(run.folder),
            config=json.loads(to_json(recipe)),
        )
    except Exception as error:
        raise FerError(f"--wandb: {reason(error)}") from None
