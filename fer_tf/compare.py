"""Put networks and settings into one table: `python -m fer_tf.compare --data fer2013.csv`.

Every training is a run folder in OUT/runs, in a process of its own: one that fails is a row that
says why. The same command again goes on where it stopped, and does not train finished ones again.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.files import refuse_strangers
from fer_tf.recipes.schema import Reading

if TYPE_CHECKING:
    from fer_tf.comparing.trials import Budget

FILES = (
    *("compare.csv", "compare.md", "compare.html"),
    *("pictures", "runs", "recipes", "costs", "logs"),
)
"""What --out holds."""


@dataclass(frozen=True)
class Compare:
    """Train networks or settings alike, measure and time each, and put them into one table."""

    networks: Annotated[Positional[tuple[str, ...]], arg(metavar="NETWORK ...")] = ()
    """These networks are compared, some of `fer_tf.list_models()`. If none are named, it is all
    published ones, or for the experiments below khaireddin_vgg."""
    data: str | None = None
    """The networks learn from this data, in any layout that a reader knows (docs/data.md):
    fer2013.csv, a folder, "synthetic"."""
    reading: Reading = field(default_factory=Reading)
    split: str | None = None
    """Data without validation faces is divided by shares such as 80:20."""
    recipe: Literal["source", "common"] = "common"
    """Each network is trained under its source's recipe, or all under one common one."""
    epochs: int | None = None
    """A training lasts so many epochs. If not given, as many as its recipe says."""
    minutes: float | None = None
    """A training lasts so many minutes, in place of epochs; its schedule has to be cosine."""
    size: int | None = None
    """The faces have this side in pixels. A network that can't be built for it has its published
    size. If not given, it is what the recipe says."""
    batch_size: int | None = None
    """A training step looks at so many faces. If not given, it is what the recipe says."""
    max_steps: int | None = None
    """A large network's training has so many steps in all, spread over its epochs."""
    large: float = 0.0
    """A network is large that has more weights than so many millions."""
    seeds: int = 1
    """Each is trained so often, with the seeds 0, 1, 2 and so on."""
    optimizers: bool = False
    """Experiment: seven optimisers, each at a fixed rate and with plateau."""
    schedules: bool = False
    """Experiment: a constant rate and five schedules."""
    dropout: tuple[float, ...] = ()
    """Experiment: these shares of dropout, such as 0 0.2 0.4 0.6."""
    fine_tune: int | None = None
    """Experiment: the best run goes on for so many epochs at 1e-4, under each of two schedules."""
    ranking: bool = False
    """A table of all trainings, best first, says which show no improvement on the commonest
    class."""
    only_speed: bool = False
    """Nothing is trained: the networks are counted and timed at their sources' sizes, or --size."""
    rounds: int = 10
    """Each network has so many turns in the timing, beside mit_b0_fusion. 0 leaves the timing
    out."""
    published: bool = False
    """What the sources state is printed, and nothing is done."""
    checkpoint_minutes: float = 5.0
    """A training that is killed loses at most so many minutes."""
    out: Path = Path("compare")
    """The table and the runs are written into this folder."""

    @property
    def experiments(self) -> bool:
        """Whether settings of one network are compared, and not networks."""
        return self.optimizers or self.schedules or bool(self.dropout) or self.fine_tune is not None


def check(args: Compare) -> None:
    """Refuse flags that can't be meant, and an --out that holds something else.

    Raises:
        FerError: the flag, what was found and what was expected.
    """
    least = {
        "--epochs": (args.epochs, 1),
        "--size": (args.size, 1),
        "--batch-size": (args.batch_size, 1),
        "--max-steps": (args.max_steps, 1),
        "--seeds": (args.seeds, 1),
        "--rounds": (args.rounds, 0),
        "--fine-tune": (args.fine_tune, 1),
        "--large": (args.large, 0),
        "--checkpoint-minutes": (args.checkpoint_minutes, 0),
    }
    for flag, (value, low) in least.items():
        if value is not None and not value >= low:  # nan is neither
            raise FerError(f"{flag}: found {value}, expected {low} or more")
    if len({*args.dropout}) < len(args.dropout):
        found = " ".join(map(str, args.dropout))
        raise FerError(f"--dropout: found {found}, expected each once")
    if args.only_speed and (args.experiments or not args.rounds):
        raise FerError("--only-speed: expected no experiment with it, and --rounds of 1 or more")
    if args.data is None and not args.only_speed:
        raise FerError("--data is missing: expected fer2013.csv, a folder or 'synthetic'")
    if args.experiments and len(args.networks) > 1:
        raise FerError(
            f"NETWORK: found {' '.join(args.networks)}, expected one for --optimizers, "
            "--schedules, --dropout and --fine-tune"
        )
    if args.out.exists() and not args.out.is_dir():
        raise FerError(f"--out: {args.out} is a file, expected a folder")
    refuse_strangers(args.out, FILES, sign="compare.csv", text="experiment,network,setting")


def budget_of(args: Compare) -> Budget:
    """What the flags change in every recipe."""
    from fer_tf.comparing.trials import Budget

    return Budget(
        {"data": args.data, "reading": args.reading, "split": args.split},
        recipe=args.recipe,
        size=args.size,
        epochs=args.epochs,
        minutes=args.minutes,
        batch_size=args.batch_size,
        max_steps=args.max_steps,
        large=args.large,
        seeds=args.seeds,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: a flag, the data or --out is not as expected.
        SystemExit: code 130, it was stopped.
    """
    args = cli.parse(Compare, argv, "python -m fer_tf.compare")
    if args.published:
        from rich.console import Console

        from fer_tf.comparing.published_tables import published_as_tables

        console = Console()
        # Where the terminal is narrower, it breaks the lines.
        console.width = max(console.width, 150)
        console.print(*published_as_tables(), sep="\n\n")
        return
    check(args)
    command = shlex.join(
        ["python", "-m", "fer_tf.compare", *(sys.argv[1:] if argv is None else argv)]
    )
    cli.start_keras()  # before the registry imports it, with its notices
    from fer_tf.comparing.harness import compare

    compare(args, budget_of(args), command)


if __name__ == "__main__":
    cli.run(main)
