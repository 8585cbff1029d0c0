"""Networks that are compiled in a second, and the command that trains them in a child process.

    python small.py [STEP ACTION ...] -- FLAGS

runs `python -m fer_tf.train FLAGS`, in which the networks of `register_small` are known, and
does ACTION when the run has done STEP steps of all its epochs:

    kill       SIGKILL after the step
    write      SIGKILL in the middle of writing the checkpoint that follows
    validate   SIGKILL before the validation that follows
    int, term  SIGINT, SIGTERM after the step
    no-report  write no report at the end, which takes longer than this training (any STEP)
    no-tensorflow  importing it fails (any STEP)
    in-file    leave the decoded faces in their file, however few they are (any STEP)
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NO_TENSORFLOW = """
import sys

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

sys.meta_path.insert(0, NoTensorFlow())
"""
"""What a program begins with in which importing TensorFlow fails."""


def register_small() -> None:
    """Add to the registry "small", two convolutions, drop path and a norm; and three more.

    "short" is `mit_b0_fusion` with two stages of one block each; "attentive" is `dacl` as small,
    with two kinds of dropping before its head; "normed" is "small" with batch normalisation.
    """
    from functools import partial

    from fer_tf.models import registry
    from fer_tf.models.dacl import attentive_head

    row = registry.NETWORKS["mit_b0_fusion"]
    two = {"dims": (8, 16), "depths": (1, 1), "heads": (1, 2), "reductions": (4, 2)}
    added = {
        "small": replace(row, family=_family, head=_head, arguments={}),
        "normed": replace(row, family=_normed, head=_head, arguments={}),
        "short": replace(row, arguments=two),
        "attentive": replace(
            registry.NETWORKS["dacl"],
            family=_dropping,
            head=partial(attentive_head, hidden=(8, 4)),
            arguments={"width": 8},
        ),
    }
    registry.NETWORKS = MappingProxyType({**registry.NETWORKS, **added})


def _family(images, *, drop_path=0.0, seed=None, dtype=None):
    import keras

    from fer_tf.layers.drop_path import DropPath

    start = keras.initializers.GlorotUniform
    x = keras.layers.Conv2D(8, 7, 4, kernel_initializer=start(seed), dtype=dtype)(images)
    x = keras.layers.LayerNormalization(dtype=dtype)(x)
    y = keras.layers.Conv2D(
        8, 3, padding="same", activation="relu", kernel_initializer=start(seed), dtype=dtype
    )(x)
    return [keras.layers.Add(dtype=dtype)([x, DropPath(drop_path, seed=seed, dtype=dtype)(y)])]


def _normed(images, *, seed=None, dtype=None):
    import keras

    start = keras.initializers.GlorotUniform(seed)
    x = keras.layers.Conv2D(8, 5, 4, kernel_initializer=start, dtype=dtype)(images)
    x = keras.layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)
    return [keras.layers.ReLU(dtype=dtype)(x)]


def _dropping(images, *, width, seed=None, dtype=None):
    from fer_tf.layers.dropping import AttentionDropping, UnscaledDropout
    from fer_tf.models.resnet import residual_stem

    x = residual_stem(images, width, stem="imagenet", epsilon=1e-5, dtype=dtype)
    x = AttentionDropping(0.5, seed=seed, dtype=dtype)(x)
    return [UnscaledDropout(0.2, seed=None if seed is None else seed + 1, dtype=dtype)(x)]


def _head(maps, *, classes, values=0, dtype=None):
    import keras

    from fer_tf.models.heads import answers

    x = keras.layers.GlobalAveragePooling2D(dtype=dtype)(maps[-1])
    return answers(x, classes, values, kernel_initializer=keras.initializers.GlorotUniform(0))


def flags(csv_file: Path, runs: Path, *more: str) -> list[str]:
    """Two epochs of 8 faces a step in RUNS/scratch; pairs in `more` replace a flag."""
    given = {"--stages": "32 2", "--batch-size": "8", "--precision": "float32", "--model": "small"}
    given |= {"--data": str(csv_file), "--runs": str(runs)}
    given |= dict(zip(more[::2], more[1::2], strict=True))
    return ["scratch", *(word for flag, value in given.items() for word in [flag, *value.split()])]


def refused(argv: list[str]) -> str:
    """The one line that the command writes to stderr in this process, ending with code 2."""
    from fer_tf.cli import run
    from fer_tf.train import main

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            run(lambda: main(argv))
        except SystemExit as stop:
            assert stop.code == 2
        else:
            raise AssertionError("was not refused")
    line, empty = said.getvalue().split("\n")
    assert empty == "" and line.startswith("fer_tf: ")
    return line


def start(*flags: str, at: dict[int, str] | None = None) -> subprocess.Popen[str]:
    """Start the command in a child process; `at` maps a step to what happens there."""
    folder = Path(__file__).parent
    actions = [word for step, action in (at or {}).items() for word in (str(step), action)]
    # Wide, so that rich does not break the lines that the tests look for.
    environment = {**os.environ, "COLUMNS": "400"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.Popen(
        [sys.executable, str(folder / "small.py"), *actions, "--", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def history(run: Path) -> list[dict[str, str]]:
    """The rows of a run's history.csv."""
    with open(run / "history.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def last_arrays(run: Path) -> dict[str, np.ndarray]:
    """The arrays of a run's newest checkpoint."""
    from fer_tf.training import checkpoint

    return dict(checkpoint.load(checkpoint.newest(run / "checkpoints")[0]).arrays)


def last_bits(run: Path) -> dict[str, bytes]:
    """The same as bytes, which can be compared all at once."""
    return {name: array.tobytes() for name, array in last_arrays(run).items()}


def train(*flags: str, at: dict[int, str] | None = None) -> tuple[int, str, str]:
    """The command's exit code, stdout and stderr."""
    with start(*flags, at=at) as child:
        out, err = child.communicate()
    return child.returncode, out, err


def _main() -> None:
    from fer_tf.cli import run, start_keras
    from fer_tf.hosts import CHILD
    from fer_tf.train import main

    split = sys.argv.index("--")
    words = sys.argv[1:split]
    if "--process" in sys.argv and CHILD not in os.environ:
        # It runs this very program again, and trains nothing itself.
        run(lambda: main(sys.argv[split + 1 :]))
    if "no-tensorflow" in words:
        exec(NO_TENSORFLOW)
    start_keras()
    register_small()
    act({int(step): action for step, action in zip(words[::2], words[1::2], strict=True)})
    run(lambda: main(sys.argv[split + 1 :]))


def act(at: dict[int, str]) -> None:
    """Patch the training so that the actions happen."""
    import numpy as np

    from fer_tf import train as command
    from fer_tf.training.callbacks import StepWatch
    from fer_tf.training.loop import Training

    savez, step_end, validate = np.savez, StepWatch.on_train_batch_end, Training._validate
    done = 0

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_end(self, batch, logs=None) -> None:
        nonlocal done
        done = self._epoch * self._steps + self.done + 1
        signals = {"int": signal.SIGINT, "term": signal.SIGTERM}
        if at.get(done) in signals:
            os.kill(os.getpid(), signals[at[done]])
        step_end(self, batch, logs)
        if at.get(done) == "kill":
            kill()

    def half_savez(file, **arrays) -> None:
        if at.get(done) == "write":
            whole = io.BytesIO()
            savez(whole, **arrays)
            file.write(whole.getvalue()[: whole.tell() // 2])
            file.flush()
            os.fsync(file.fileno())
            kill()
        savez(file, **arrays)

    def kill_or_validate(self, size):
        if at.get(done) == "validate":
            kill()
        return validate(self, size)

    if "in-file" in at.values():
        from fer_tf.data import decoded

        decoded.IN_MEMORY = 0
    if "no-report" in at.values():
        command._report = lambda *arguments: None
    StepWatch.on_train_batch_end = on_train_batch_end  # type: ignore[method-assign]
    np.savez = half_savez  # type: ignore[assignment]
    Training._validate = kill_or_validate  # type: ignore[method-assign]


if __name__ == "__main__":
    _main()
