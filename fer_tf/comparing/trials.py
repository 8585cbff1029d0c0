"""What a comparison trains: a trial is one recipe in one run folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fer_tf.comparing.published_tables import published_networks, whole_network
from fer_tf.errors import FerError
from fer_tf.models.registry import NETWORKS, find_network
from fer_tf.recipes import RECIPES
from fer_tf.recipes.published import PUBLISHED
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.run_folder import Run, compare

COMMON = "common"

RATES = {
    "sgd": 0.01,
    "nesterov": 0.01,
    "averaged_sgd": 0.01,
    "adam": 1e-3,
    "amsgrad": 1e-3,
    "adadelta": 1.0,
    "adagrad": 0.01,
}
"""S4's seven optimisers with their learning rates: that of its recipe for the three kinds of SGD,
PyTorch's defaults for the others, as it does not state them."""

WEIGHT_DECAY = 1e-4

SCHEDULES = ("constant", "plateau", "step", "cosine", "warm_restarts", "one_cycle")
"""S4's five, and the constant rate that they are compared with."""

FINE_TUNING_RATE = 1e-4
FINE_TUNING = ("cosine", "warm_restarts")
"""What S4's fine-tuning follows: the best run goes on from its best weights at this rate."""


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        experiment: "networks", "optimizers", "schedules", "dropout" or "fine-tuning".
        setting: what the experiment changes, such as "sgd, plateau"; "" for "networks".
        recipe: of the training, its seed among it.
        start: the run from whose weights a fine-tuning begins, or "".
    """

    experiment: str
    setting: str
    recipe: Recipe
    start: str = ""

    @property
    def network(self) -> str:
        """Its name in the registry."""
        return self.recipe.model

    @property
    def row(self) -> tuple[str, str, str]:
        """What trials of one row of the table share: they differ by their seeds."""
        return self.experiment, self.network, self.setting

    @property
    def name(self) -> str:
        """Of its run folder."""
        setting = self.setting.replace(", ", "-").replace(" ", "-")
        parts = [self.network, self.experiment * bool(setting), setting]
        parts.append(f"from-{self.start}" * bool(self.start))
        parts.append(f"seed{self.recipe.seed}" * bool(self.recipe.seed))
        return "-".join(filter(None, parts))


@dataclass(frozen=True)
class Budget:
    """What is changed in every recipe alike; None leaves it to the recipe.

    Attributes:
        data: fields of a recipe that say what it learns from.
        recipe: "source" or "common".
        size: side of the faces in pixels.
        epochs: in one stage.
        minutes: in place of epochs.
        batch_size: faces in a step.
        max_steps: of a training of a large network, in all its epochs.
        large: millions of weights above which a network is large.
        seeds: how often each is trained.
        answers: number of the data's classes and values; None where that is not known.
    """

    data: dict[str, Any]
    recipe: str = COMMON
    size: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    batch_size: int | None = None
    max_steps: int | None = None
    large: float = 0.0
    seeds: int = 1
    answers: tuple[int, int] | None = None

    def recipe_for(self, network: str, size: int | None = None) -> Recipe:
        """The recipe of a network's training.

        Args:
            network: its name in the registry.
            size: side in pixels, in place of the budget's, where it can't be built for that.

        Raises:
            FerError: its source has no recipe.
        """
        recipe = replace(self._base(network), model=network, expected_accuracy=None, **self.data)
        if self.answers is not None:
            recipe = _without_other_weights(recipe, *self.answers)
        side = size or self.size or recipe.stages[-1][0]
        stages = recipe.stages
        if self.epochs is not None:
            stages = ((side, self.epochs),)
        elif side != stages[-1][0]:
            stages = ((side, recipe.epochs),)
        recipe = replace(recipe, stages=stages)
        if self.minutes is not None:
            recipe = replace(recipe, minutes=self.minutes)
        if self.batch_size is not None:
            recipe = replace(recipe, batch_size=self.batch_size)
        if self.max_steps is not None and find_network(network).parameters > 1e6 * self.large:
            recipe = replace(recipe, epoch_steps=max(1, self.max_steps // recipe.epochs))
        return replace(recipe, warmup_epochs=min(recipe.warmup_epochs, recipe.epochs))

    def _base(self, network: str) -> Recipe:
        if self.recipe == COMMON:
            return RECIPES[COMMON]
        recipe = source_recipe(network)
        if recipe is None:
            raise FerError(
                f"--recipe source: {network} has no recipe of its source: expected --recipe common"
            )
        return recipe


def _without_other_weights(recipe: Recipe, classes: int, values: int) -> Recipe:
    """The recipe without the weights of classes and values that are not the data's."""
    if len(recipe.loss_weights) != 1 + values:
        recipe = replace(recipe, loss_weights=())
    return recipe if len(recipe.class_weights) == classes else replace(recipe, class_weights=())


def source_recipe(network: str) -> Recipe | None:
    """The recipe that bears a network's name, or of the one that it is a smaller variant of."""
    return PUBLISHED.get(whole_network(network))


def chosen_networks(named: Sequence[str]) -> list[str]:
    """The networks to compare: those named, or all published ones that are registered.

    Raises:
        FerError: an unknown name, or one that is named twice.
    """
    for network in named:
        find_network(network)
    if len(set(named)) < len(named):
        raise FerError(f"NETWORK: found {' '.join(named)}, expected each of them once")
    return list(named) or [name for name in published_networks() if name in NETWORKS]


def network_trials(budget: Budget, network: str, size: int | None = None) -> Iterator[Trial]:
    """A network's trainings under the budget, one for each seed; `size` as of `Budget`."""
    yield from _seeds(budget, Trial("networks", "", budget.recipe_for(network, size)))


def optimizer_trials(budget: Budget, network: str, size: int | None = None) -> Iterator[Trial]:
    """S4's grid: each optimiser at a fixed rate and with plateau.

    All add weight decay to the gradient: that of a recipe with adamw, which does not, is S4's here.
    """
    recipe = budget.recipe_for(network, size)
    if recipe.optimizer == "adamw":
        recipe = replace(recipe, weight_decay=WEIGHT_DECAY)
    for optimizer, rate in RATES.items():
        for schedule in ("constant", "plateau"):
            changed = _scheduled(recipe, schedule, rate, optimizer=optimizer)
            yield from _seeds(budget, Trial("optimizers", f"{optimizer}, {schedule}", changed))


def schedule_trials(budget: Budget, network: str, size: int | None = None) -> Iterator[Trial]:
    """Each schedule with the recipe's optimiser and rate."""
    recipe = budget.recipe_for(network, size)
    for schedule in SCHEDULES:
        changed = _scheduled(recipe, schedule, recipe.learning_rate)
        yield from _seeds(budget, Trial("schedules", schedule, changed))


def dropout_trials(
    budget: Budget, network: str, rates: Sequence[float], size: int | None = None
) -> Iterator[Trial]:
    """Each dropout rate, and nothing else changed."""
    recipe = budget.recipe_for(network, size)
    for rate in rates:
        yield from _seeds(budget, Trial("dropout", f"{rate:g}", replace(recipe, dropout=rate)))


def fine_tuning_trials(best: Trial, run: Run, epochs: int) -> Iterator[Trial]:
    """S4's last experiment: the best run goes on at a low rate, under each of two schedules.

    Args:
        best: whose run it is.
        run: its folder.
        epochs: of the fine-tuning; S4's has 50.
    """
    start = replace(
        best.recipe,
        weights=str(run.best_file),
        stages=((best.recipe.stages[-1][0], epochs),),
        warmup_epochs=0.0,
        schedule_every="epoch",
        early_stop=None,
    )
    for schedule in FINE_TUNING:
        recipe = _scheduled(start, schedule, FINE_TUNING_RATE)
        trial = Trial("fine-tuning", schedule, recipe, start=best.name)
        yield replace(trial, recipe=replace(recipe, name=trial.name))


def _scheduled(recipe: Recipe, schedule: str, rate: float, **changes: Any) -> Recipe:
    """The recipe with another schedule and rate.

    Where the recipe does not say when, steps come after 3/8 and 3/4 of the epochs, as S3's after 15
    and 30 of 40; warm restarts have two cosines at least. A warm-up stays where there may be one.
    """
    epochs = recipe.epochs
    first = max(1, round(epochs * 3 / 8))
    return replace(
        recipe,
        schedule=schedule,  # type: ignore[arg-type]
        learning_rate=rate,
        min_learning_rate=min(recipe.min_learning_rate, rate),
        step_epochs=recipe.step_epochs or (first, max(first + 1, round(epochs * 3 / 4))),
        cycle_epochs=max(1, min(recipe.cycle_epochs, epochs // 2)),
        warmup_epochs=recipe.warmup_epochs if schedule in ("constant", "cosine") else 0.0,
        **changes,
    )


def _seeds(budget: Budget, trial: Trial) -> Iterator[Trial]:
    for seed in range(budget.seeds):
        recipe = replace(trial.recipe, name=trial.name, seed=trial.recipe.seed + seed)
        yield replace(trial, recipe=recipe)


def refuse_other_settings(trials: Sequence[Trial], runs: Path) -> None:
    """Refuse to begin where a run that is there is in the way of a trial.

    Raises:
        FerError: a run's folder holds one with other settings.
    """
    for trial in trials:
        run = Run(runs / trial.name)
        if run.recipe_file.is_file() and (changed := compare(run.recipe(), trial.recipe)):
            raise FerError(
                f"{run.folder} is a run with other settings ({'; '.join(changed)}): pass the same "
                "ones to go on with it, or another --out"
            )


def steps_in_words(recipe: Recipe, faces: int) -> str:
    """How long a training is: "4 epochs", or "300 steps (0.7 of an epoch)"."""
    if recipe.minutes is not None:
        return f"{recipe.minutes:g} minutes"
    whole = faces // recipe.batch_size
    if recipe.epoch_steps is None or recipe.epoch_steps >= whole:
        return f"{recipe.epochs} epochs"
    steps = recipe.epochs * recipe.epoch_steps
    return f"{steps:,} steps ({steps / max(whole, 1):.2g} epochs)"


def is_finished(run: Run, trial: Trial) -> bool:
    """Whether the training has come to its end, and its report is written.

    Raises:
        FerError: history.csv or recipe.json is damaged.
    """
    if not (run.recipe_file.is_file() and run.best_file.is_file() and run.report_is_current()):
        return False
    if compare(run.recipe(), trial.recipe):
        return False
    if trial.recipe.minutes is not None:
        return True
    with open(run.history_file, encoding="utf-8", newline="") as file:
        accuracies = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    stale = len(accuracies) - 1 - accuracies.index(max(accuracies))
    patience = trial.recipe.early_stop
    return len(accuracies) >= trial.recipe.epochs or (patience is not None and stale >= patience)


def best_of(trials: Sequence[Trial], runs: Path) -> Trial | None:
    """The finished trial whose run has the highest validation accuracy; the first of equals."""
    scores: list[tuple[float, Trial]] = []
    for trial in trials:
        metrics = read_metrics(runs / trial.name)
        if metrics is not None:
            scores.append((metrics["accuracy"]["value"], trial))
    return max(scores, key=lambda pair: pair[0])[1] if scores else None


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """A run's scores on PublicTest, as its report's metrics.json has them; None without a report.

    Raises:
        FerError: the file is damaged.
    """
    from fer_tf.trained.model import TrainedModel

    run = Run(folder)
    return TrainedModel(run.best_file, run.report, run).metrics
