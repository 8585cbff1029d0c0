"""The comparison itself: one training after the other, then the costs, then the table."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.comparing.children import Children, Stopped
from fer_tf.comparing.comparison_page import comparison_page, draw_pictures
from fer_tf.comparing.comparison_text import Shown, as_markdown, shown
from fer_tf.comparing.costs import CostMeter
from fer_tf.comparing.table import ComparedRow, speed_row, to_csv, trained_row
from fer_tf.comparing.trials import (
    Budget,
    Trial,
    best_of,
    chosen_networks,
    dropout_trials,
    fine_tuning_trials,
    is_finished,
    network_trials,
    optimizer_trials,
    refuse_other_settings,
    schedule_trials,
    steps_in_words,
)
from fer_tf.errors import FerError
from fer_tf.files import write_beside
from fer_tf.models.registry import find_network
from fer_tf.recipes.as_json import to_json
from fer_tf.recipes.checking import check
from fer_tf.recipes.schema import Recipe
from fer_tf.report.machine import header
from fer_tf.trained.run_folder import Run, disk_trouble

if TYPE_CHECKING:
    from fer_tf.compare import Compare
    from fer_tf.data.faces import Faces

TUNED = "khaireddin_vgg"
"""Whose settings are compared unless another is named: S4's."""


class Harness:
    """One call of the command.

    Args:
        args: its flags, checked.
        budget: what they change in every recipe.
        children: what runs the processes.
        meter: what measures costs.
        command: what was typed.
    """

    def __init__(
        self, args: Compare, budget: Budget, children: Children, meter: CostMeter, command: str
    ):
        self.args = args
        self.budget = budget
        self.children = children
        self.meter = meter
        self.command = command
        self.runs = args.out / "runs"
        self.failures: dict[str, str] = {}
        self.facts: dict[str, str] = {}

    def speed(self) -> list[ComparedRow]:
        """Count and time every network at its own size, and train none."""
        rows: list[ComparedRow] = []
        for network in chosen_networks(self.args.networks):
            rows.append(speed_row(self.meter.measure(network, self.args.size, None)))
            self.write(rows, page=False)
        return rows

    def trained(self, faces: Faces) -> list[ComparedRow]:
        """Train what the flags ask for, then count and time it.

        Raises:
            FerError: not one training can begin, or a run is in the way.
        """
        self.task = faces.task
        answers = (len(self.task.labels), len(self.task.values))
        self.budget = replace(self.budget, answers=answers)
        trials = list(self._planned())
        refused = [_refusal(trial.recipe) for trial in trials]
        if all(refused):
            raise FerError(refused[0])
        refuse_other_settings(trials, self.runs)
        self.facts = self._facts(faces, trials)
        self._train_all(trials)
        if self.args.fine_tune is not None:
            more = self._fine_tuning(trials)
            refuse_other_settings(more, self.runs)
            self._train_all(more, before=trials)
            trials += more
        for trial in trials:
            self.meter.measure(trial.network, trial.recipe.stages[-1][0], self.task)
        return self._rows(trials)

    def _planned(self) -> Iterator[Trial]:
        """All trials but those of the fine-tuning, which begin from the best of these."""
        args, budget = self.args, self.budget
        if not args.experiments:
            for network in chosen_networks(args.networks):
                yield from self._or_failed(network)
            return
        network = self._tuned()
        side = self._side(network)
        if args.optimizers:
            yield from optimizer_trials(budget, network, side)
        if args.schedules:
            yield from schedule_trials(budget, network, side)
        if args.dropout:
            yield from dropout_trials(budget, network, args.dropout, side)
        if not (args.optimizers or args.schedules or args.dropout):
            yield from network_trials(budget, network, side)

    def _tuned(self) -> str:
        """Whose settings are compared."""
        return (self.args.networks or (TUNED,))[0]

    def _or_failed(self, network: str) -> Iterator[Trial]:
        """A network's trials, or one that has failed already."""
        try:
            yield from network_trials(self.budget, network, self._side(network))
        except FerError as error:
            trial = Trial("networks", "", Budget({}).recipe_for(network))
            self.failures[trial.name] = str(error)
            yield trial

    def _side(self, network: str) -> int | None:
        """The size that a network gets that is built for one; None where it takes any.

        Raises:
            FerError: it can't be built for the size that is asked for, nor for its own.
        """
        asked = self.budget.recipe_for(network).stages[-1][0]
        if find_network(network).any_size:
            return None
        costs = self.meter.size(network, asked, self.task)
        if costs.size is None:
            raise FerError(costs.failure)
        return costs.size[0]

    def _fine_tuning(self, trials: Sequence[Trial]) -> list[Trial]:
        finished = [trial for trial in trials if trial.name not in self.failures]
        best = best_of(finished, self.runs)
        if best is None or self.args.fine_tune is None:
            return []
        return list(fine_tuning_trials(best, Run(self.runs / best.name), self.args.fine_tune))

    def _train_all(self, trials: Sequence[Trial], before: Sequence[Trial] = ()) -> None:
        """Train what is not finished, and write the table after each."""
        for number, trial in enumerate(trials, start=1):
            if trial.name in self.failures or is_finished(Run(self.runs / trial.name), trial):
                continue
            print(f"[{number}/{len(trials)}] {trial.name}", flush=True)
            failure = self._train(trial)
            if failure:
                self.failures[trial.name] = failure
                print(f"  failed: {failure}", flush=True)
            self.write(self._rows([*before, *trials[:number]]), page=False)

    def _train(self, trial: Trial) -> str:
        """Train one in a process of its own; why it failed, or "".

        Raises:
            Stopped: as of `Children.run`.
        """
        if refused := _refusal(trial.recipe):
            return refused
        file = self.args.out / "recipes" / f"{trial.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_beside(file, to_json(trial.recipe))
        command = [sys.executable, "-m", "fer_tf.train", str(file), "--run", trial.name]
        command += ["--runs", str(self.runs)]
        command += ["--checkpoint-minutes", str(self.args.checkpoint_minutes)]
        log = self.args.out / "logs" / f"{trial.name}.txt"
        return self.children.run(command, log, _say_epochs).failure

    def _rows(self, trials: Sequence[Trial]) -> list[ComparedRow]:
        rows = []
        for _, same in groupby(trials, key=lambda trial: trial.row):
            seeds = list(same)
            known = self.meter.known(seeds[0].network, seeds[0].recipe.stages[-1][0], self.task)
            rows.append(trained_row(seeds, self.runs, self.failures, known))
        return rows

    def _facts(self, faces: Faces, trials: Sequence[Trial]) -> dict[str, str]:
        training, validation = (len(faces.of(split)) for split in ("Training", "PublicTest"))
        lengths = [steps_in_words(trial.recipe, training) for trial in trials]
        return {
            "data": f"{self.args.data}: {training:,} faces to train on, {validation:,} judged "
            "(PublicTest, which also chose each run's best epoch)",
            "recipe": "each network's own source's" if self.args.recipe == "source" else "common",
            "length": "; ".join(dict.fromkeys(lengths)),
        }

    def write(self, rows: Sequence[ComparedRow], *, page: bool) -> Shown:
        """Write compare.csv and compare.md, and with `page` the pictures and compare.html.

        Raises:
            FerError: the disk is full or not writable.
        """
        told = shown(rows, self.args.ranking)
        facts = {**self.facts, **self._how()}
        title = "Speed of networks" if self.args.only_speed else "Networks compared"
        if self.args.experiments:
            title = f"Settings of {self._tuned()} compared"
        files: dict[str, str | bytes] = {"compare.csv": to_csv(rows)}
        shown_files: dict[str, str] = {}
        if page:
            pictures = draw_pictures(rows, self.runs)
            trained = sum(row.seeds for row in rows)
            files["compare.html"] = comparison_page(title, told, trained, pictures, facts)
            for name, picture in pictures.files().items():
                files[f"pictures/{name}"] = picture.light
                shown_files[f"pictures/{name}"] = picture.title
        files["compare.md"] = as_markdown(title, told, shown_files, facts)
        for name, content in files.items():
            (self.args.out / name).parent.mkdir(exist_ok=True)
            write_beside(self.args.out / name, content)
        return told

    def _how(self) -> dict[str, str]:
        lines = dict(line.split(":", 1) for line in header().splitlines())
        timing = (
            f"batch 1, {self.args.rounds} rounds, one thread (Keras: as the column says); each "
            "network alone beside mit_b0_fusion, in alternating rounds of one process"
        )
        return {
            **{name: text.strip() for name, text in lines.items()},
            **({"times": timing} if self.args.rounds else {}),
            "command": self.command,
        }


def compare(args: Compare, budget: Budget, command: str) -> None:
    """Do what the flags ask for, write the files and say where they are.

    Raises:
        FerError: a network or the data is not as expected, or --out is in the way.
        SystemExit: code 130, it was stopped.
    """
    chosen_networks(args.networks)  # before the data is read, which may take minutes
    with (
        _disk(args.out),
        Children() as children,
        tempfile.TemporaryDirectory(prefix="fer_tf-compare-") as place,
    ):
        args.out.mkdir(parents=True, exist_ok=True)
        if not (args.out / "compare.csv").exists():
            # The sign of this command, for the one that goes on.
            write_beside(args.out / "compare.csv", to_csv([]))
        meter = CostMeter(
            children,
            args.out,
            place=Path(place),
            machine=header().splitlines()[0],
            rounds=args.rounds,
            baseline=args.size,
            say=lambda line: print(line, flush=True),
        )
        harness = Harness(args, budget, children, meter, command)
        try:
            rows = harness.speed() if args.only_speed else harness.trained(_load(args))
            told = harness.write(rows, page=True)
        except Stopped:
            print(f"stopped and saved in {args.out}; to go on: {command}")
            sys.exit(130)
    _print(told)
    print(
        f"written: {', '.join(str(args.out / f'compare.{kind}') for kind in ('csv', 'md', 'html'))}"
    )


@contextlib.contextmanager
def _disk(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FerError(
            f"{error.filename or out}: can't be written, {disk_trouble(error)}"
        ) from None


def _load(args: Compare) -> Faces:
    from fer_tf.data import load_faces

    return load_faces(args.data or "", split=args.split, say=print, **vars(args.reading))


def _refusal(recipe: Recipe) -> str:
    """Why no training can begin with a recipe, or ""."""
    try:
        check(recipe)
    except FerError as error:
        return str(error)
    return ""


def _say_epochs(line: str) -> None:
    if line.startswith(("epoch", "stopping")):
        print(f"  {line}", flush=True)


SHORT = (
    "network",
    "accuracy",
    "95 % interval",
    "published accuracy",
    "parameters",
    "LiteRT ms",
    "LiteRT, x",
    "note",
)
"""The columns that are printed; all are in the files."""


def _print(told: Shown) -> None:
    from rich.console import Console
    from rich.table import Table

    for each in told.tables:
        table = Table(title=each.title, title_justify="left", box=None)
        kept = [
            i
            for i, name in enumerate(each.header)
            if name in SHORT or (each.title == "Ranking" and name != "augmentation")
        ]
        for i in kept:
            words = each.header[i] in ("network", "note")
            name, first = each.header[i], i == 0
            table.add_column(name, justify="left" if words else "right", no_wrap=first)
        for row in each.rows:
            table.add_row(*(row[i] for i in kept))
        Console(markup=False).print(table, "")  # a note may say "[n, h, w, 3]"
