"""Train a network: `python -m fer_tf.train [RECIPE] --data fer2013.csv [--run NAME]`.

RECIPE is `drawn` (drawn faces, the default without --data), `scratch` (from random weights, the
default with --data), another name that --help lists, or the recipe.json of another run. Every field
of the recipe is a flag. The same command again goes on where the run stopped.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.hosts import Hosts, end_at_once, find_hosts, in_child, run_in_child
from fer_tf.recipes import RECIPES, get_recipe
from fer_tf.recipes.checking import check
from fer_tf.recipes.groups import listing
from fer_tf.recipes.schema import Recipe

if TYPE_CHECKING:
    from fer_tf.data.faces import Faces
    from fer_tf.trained.run_folder import Run

GET_FER2013 = """\
To train on real faces, get fer2013.csv (Kaggle: "Challenges in Representation Learning: Facial
Expression Recognition Challenge", or the data set msambare/fer2013) and pass it:
  python -m fer_tf.train scratch --data fer2013.csv"""


@dataclass(frozen=True)
class Arguments:
    """Train a network, or go on with a run that stopped."""

    recipe: Recipe = field(default_factory=lambda: RECIPES["drawn"])
    run: str | None = None
    """The run's folder has this name. If not given, it has the recipe's."""
    runs: Path = Path("runs")
    """The folders of runs lie in this folder."""
    checkpoint_minutes: float = 5.0
    """Within an epoch a checkpoint is written every so many minutes, and one more at its end."""
    report: bool = True
    """A report of the best network is written at the end."""
    devices: int | Literal["all"] = 1
    """Each training step is divided among so many GPUs, or CPUs where there are none. The weights
    are those of one device to rounding (docs/scale.md says what differs). A run may go on with
    another number."""
    coordinator: str | None = None
    """Several processes train together, with JAX, such as one on each host, and the first one
    listens for the others at this HOST:PORT. If not given, it is the first address of
    KERAS_DISTRIBUTION_JOB_ADDRESSES (docs/scale.md)."""
    processes: int | None = None
    """So many processes train together. If not given, KERAS_DISTRIBUTION_NUM_PROCESSES."""
    process: int | None = None
    """This process has this number, from 0. If not given, KERAS_DISTRIBUTION_PROCESS_ID."""
    wandb: bool = False
    """The run is logged to Weights & Biases as well, which needs the extra "wandb"."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; `argv` is sys.argv[1:] if None."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = shlex.join(["python", "-m", "fer_tf.train", *arguments])
    with_data = any(a == "--data" or a.startswith("--data=") for a in arguments)
    name = "scratch" if with_data else "drawn"
    if arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
    default = Arguments(recipe=get_recipe(name))
    about = f"{Arguments.__doc__}\n\n{listing()}"
    args = cli.parse(Arguments, arguments, "python -m fer_tf.train [RECIPE]", default, about)
    check(args.recipe)
    check_arguments(args)
    hosts = find_hosts(args.coordinator, args.processes, args.process)
    if hosts is None:
        train(args, command)
        return
    if not in_child():
        sys.exit(run_in_child())
    try:
        train(args, command, hosts)
    except FerError as error:
        print(f"fer_tf: {error}", file=sys.stderr)
        end_at_once(2)
    except KeyboardInterrupt:
        end_at_once(130)


def check_arguments(args: Arguments) -> None:
    """Refuse a --run or --checkpoint-minutes that can't be used.

    Raises:
        FerError: names the flag and what was found.
    """
    name = run_name(args)
    odd = not name.strip() or name in (".", "..") or any(c in name for c in "/\\\0")
    if odd or len(os.fsencode(name)) > 255:
        raise FerError(
            f"--run {name!r}: expected a plain folder name of up to 255 bytes, without separators"
        )
    minutes = args.checkpoint_minutes
    if not (minutes >= 0 and math.isfinite(minutes)):
        raise FerError(f"--checkpoint-minutes: expected 0 or more, found {minutes}")


def run_name(args: Arguments) -> str:
    """Name of the run's folder."""
    return args.recipe.name if args.run is None else args.run


def train(args: Arguments, command: str = "the same call", hosts: Hosts | None = None) -> None:
    """Train to the end of the recipe and write the report; of a finished run, say so.

    Args:
        args: what to do.
        command: what to type to go on, said when the training is stopped.
        hosts: the processes that train together; None for this one alone.

    Raises:
        FerError: bad data or settings; see `fer_tf.training.loop.Training`.
        SystemExit: code 130, the training was stopped and saved.
    """
    import numpy as np

    from fer_tf.data import load_faces, say_nothing
    from fer_tf.data.faces import SPLITS
    from fer_tf.trained.run_folder import Run

    recipe = args.recipe
    run = Run(args.runs / run_name(args))
    first = hosts is None or hosts.first
    run.check(recipe)
    with run.open(recipe) if first else nullcontext():
        say = print if first else say_nothing
        faces = load_faces(
            recipe.data, votes=recipe.votes, split=recipe.split, say=say, **vars(recipe.reading)
        )
        learnt = np.unique(faces.labels[faces.split == SPLITS.index("Training")])
        lacking = [label for i, label in enumerate(faces.task.labels) if i not in learnt]
        if len(learnt) and lacking:
            say(f"no training faces of {', '.join(lacking)}: no such answer can be learnt")
        cli.start_keras()

        from fer_tf.training.devices import divided_among
        from fer_tf.training.display import Display
        from fer_tf.training.loop import Interrupted, Training
        from fer_tf.training.together import joined

        with (
            joined(hosts, recipe.seed),
            divided_among(args.devices, recipe),
            Display(recipe, run, wandb=args.wandb, silent=not first) as display,
        ):
            training = Training(
                recipe, run, faces, display, checkpoint_minutes=args.checkpoint_minutes
            )
            display.say(training.summary())
            try:
                training.train()
            except Interrupted:
                display.say(f"stopped and saved in {run.folder}; to go on: {command}")
                sys.exit(130)
        if not first:
            return
        if not args.report or run.report_is_current():
            _say_where(run)
        else:
            _report(recipe, run, faces)


def _report(recipe: Recipe, run: Run, faces: Faces) -> None:
    """Measure the best model on the validation split, and say where everything is."""
    from fer_tf.models.saving import load_model
    from fer_tf.report import write_report
    from fer_tf.report.judging import judged
    from fer_tf.trained.inference import predict_answers, softmax

    common = judged(faces, "PublicTest", faces.task, recipe.data)
    validation = common.faces
    size = run.best_size(recipe)
    model = load_model(run.best_file)
    logits, values = predict_answers(model, validation.images, size=(size, size), tta=recipe.tta)
    metrics = write_report(
        run.report,
        validation.labels,
        softmax(logits),
        validation.images,
        faces.task.labels,
        values=common.estimates(values),
        history=run.history_file,
        title=f"{run.folder.name}: {recipe.model} on PublicTest",
        facts={
            "recipe": recipe.name,
            "data": recipe.data,
            "faces": f"{len(faces.of('Training')):,} training, {len(validation):,} validation",
            "input": f"{size}x{size}",
            "parameters": f"{model.count_params():,}",
        },
    )
    print(f"validation accuracy {metrics.accuracy.value:.2%} at {size}x{size}")
    for value in metrics.values:
        print(f"validation CCC of {value.name} {value.ccc.value:.3f}")
    _say_where(run)
    if recipe.data == "synthetic":
        print(f"\n{GET_FER2013}")


def _say_where(run: Run) -> None:
    print(f"model   {run.best_file}")
    if (page := run.report / "report.html").exists():
        print(f"report  {page}")


if __name__ == "__main__":
    cli.run(main)
