"""Train a network: `python -m fer_tf.train [RECIPE] --data fer2013.csv [--run NAME]`.

RECIPE is `drawn` (drawn faces, the default without --data), `scratch` (from random weights, the
default with --data), `paper` (Safavi et al., 2023), or the recipe.json of another run. Every field
of the recipe is a flag. The same command again goes on where the run stopped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fer_tf.cli import parse
from fer_tf.recipes import RECIPES, Recipe, check, get_recipe

GET_FER2013 = """\
To train on real faces, get fer2013.csv (Kaggle: "Challenges in Representation Learning: Facial
Expression Recognition Challenge", or the data set msambare/fer2013) and pass it:
  python -m fer_tf.train scratch --data fer2013.csv"""


@dataclass(frozen=True)
class Arguments:
    """Train a network, or go on with a run that stopped."""

    recipe: Recipe = field(default_factory=lambda: RECIPES["drawn"])
    run: str | None = None
    """Name of the run's folder; the recipe's name if not given."""
    runs: Path = Path("runs")
    """Where the folders of runs are."""
    checkpoint_minutes: float = 5.0
    """Between the checkpoints within an epoch; there is one at every epoch's end as well."""
    wandb: bool = False
    """Log to Weights & Biases as well (extra "wandb")."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; `argv` is sys.argv[1:] if None."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with_data = any(a == "--data" or a.startswith("--data=") for a in arguments)
    name = "scratch" if with_data else "drawn"
    if arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
    default = Arguments(recipe=get_recipe(name))
    args = parse(Arguments, arguments, "python -m fer_tf.train [RECIPE]", default)
    check(args.recipe)
    train(args)


def train(args: Arguments) -> None:
    """Train to the end of the recipe and write the report.

    Raises:
        FerError: bad data or settings; see `fer_tf.training.loop.Training`.
    """
    from fer_tf.data import load_faces
    from fer_tf.training.run import Run

    recipe = args.recipe
    run = Run(args.runs / (args.run or recipe.name))
    run.open(recipe)
    faces = load_faces(recipe.data, votes=recipe.votes)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

    from fer_tf.training.display import Display
    from fer_tf.training.loop import Interrupted, Training

    with Display(recipe, logs=run.logs, name=run.folder.name, wandb=args.wandb) as display:
        training = Training(recipe, run, faces, display, checkpoint_minutes=args.checkpoint_minutes)
        display.say(training.summary())
        try:
            training.train()
        except Interrupted:
            display.say(f"stopped and saved in {run.folder}: the same command again goes on")
            sys.exit(130)
    _report(recipe, run, faces)


def _report(recipe: Recipe, run, faces) -> None:
    """Measure the best model on the validation split, and say where everything is."""
    import numpy as np

    from fer_tf.emotions import FER2013
    from fer_tf.models.saving import load_model
    from fer_tf.report import write_report
    from fer_tf.training.inference import predict_logits, softmax

    validation = faces.of("PublicTest")
    size = recipe.stages[-1][0]
    model = load_model(run.best_file)
    probabilities = softmax(predict_logits(model, validation.images, size=(size, size)))
    metrics = write_report(
        run.report,
        validation.labels,
        np.asarray(probabilities),
        validation.images,
        FER2013,
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
    print(f"model   {run.best_file}")
    print(f"report  {run.report / 'report.html'}")
    if recipe.data == "synthetic":
        print(f"\n{GET_FER2013}")


if __name__ == "__main__":
    from fer_tf.cli import run

    run(main)
