"""What a comparison plans: recipes, names, steps, grids, and what is finished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fer_tf.comparing import trials as planning
from fer_tf.comparing.trials import Budget, Trial
from fer_tf.errors import FerError
from fer_tf.recipes import RECIPES
from fer_tf.recipes.as_json import to_json
from fer_tf.recipes.checking import check
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.run_folder import HISTORY, Run

DATA = {"data": "faces.csv"}


def test_the_common_recipe_is_for_every_network_alike():
    budget = Budget(DATA, size=40, epochs=3, batch_size=32)
    one, two = (budget.recipe_for(name) for name in ("nano", "vgg_half"))
    assert replace(one, model="vgg_half") == two
    assert (one.stages, one.batch_size, one.data) == (((40, 3),), 32, "faces.csv")
    assert one.optimizer == RECIPES["common"].optimizer
    check(one)


def test_the_source_s_recipe_is_the_network_s_own():
    recipe = Budget(DATA, recipe="source").recipe_for("khaireddin_vgg")
    own = RECIPES["khaireddin_vgg"]
    assert recipe == replace(own, data="faces.csv", expected_accuracy=None)
    quarter = Budget(DATA, recipe="source", epochs=5).recipe_for("khaireddin_vgg_quarter")
    assert (quarter.model, quarter.stages) == ("khaireddin_vgg_quarter", ((40, 5),))
    assert quarter.augmentation == own.augmentation


def test_a_network_without_a_source_s_recipe_is_refused():
    with pytest.raises(FerError, match="--recipe source: nano has no recipe of its source"):
        Budget(DATA, recipe="source").recipe_for("nano")


@pytest.mark.parametrize(("large", "steps"), [(0.0, 30), (1.0, 30), (2.0, None)])
def test_large_networks_train_for_a_number_of_steps(large, steps):
    budget = Budget(DATA, epochs=4, max_steps=123, large=large)
    assert budget.recipe_for("vgg_half").epoch_steps == steps


def test_a_fixed_size_stands_for_the_common_one():
    assert Budget(DATA, size=32, epochs=2).recipe_for("nano", 40).stages == ((40, 2),)


def test_the_default_is_every_published_network_that_is_registered():
    assert planning.chosen_networks(()) == [
        name for name in planning.published_networks() if name in planning.NETWORKS
    ]
    assert "nano" not in planning.chosen_networks(())


@pytest.mark.parametrize(
    ("named", "words"), [(["nan"], "unknown model 'nan'"), (["nano", "nano"], "each of them once")]
)
def test_names_that_are_unknown_or_twice_are_refused(named, words):
    with pytest.raises(FerError, match=words):
        planning.chosen_networks(named)


def test_seeds_have_run_folders_of_their_own_and_one_row():
    trials = list(planning.network_trials(Budget(DATA, seeds=3), "nano"))
    assert [trial.name for trial in trials] == ["nano", "nano-seed1", "nano-seed2"]
    assert [trial.recipe.seed for trial in trials] == [0, 1, 2]
    assert len({trial.row for trial in trials}) == 1


def test_the_grid_of_optimizers():
    trials = list(planning.optimizer_trials(Budget(DATA, epochs=4), "vgg_half"))
    assert len(trials) == 14 == len({trial.name for trial in trials})
    assert trials[0].name == "vgg_half-optimizers-sgd-constant"
    for trial in trials:
        check(trial.recipe)
        assert trial.recipe.weight_decay == 1e-4
        assert trial.recipe.schedule in ("constant", "plateau")
        assert trial.recipe.learning_rate == planning.RATES[trial.recipe.optimizer]


@pytest.mark.parametrize("epochs", [1, 2, 8, 40])
def test_the_grid_of_schedules(epochs):
    trials = list(planning.schedule_trials(Budget(DATA, epochs=epochs), "vgg_half"))
    assert [trial.recipe.schedule for trial in trials] == list(planning.SCHEDULES)
    for trial in trials:
        check(trial.recipe)
    steps = trials[planning.SCHEDULES.index("step")].recipe.step_epochs
    assert steps == {40: (15, 30), 8: (3, 6)}.get(epochs, (1, 2))


def test_dropout_changes_nothing_else():
    trials = list(planning.dropout_trials(Budget(DATA), "vgg_half", (0.0, 0.5)))
    assert [trial.name for trial in trials] == ["vgg_half-dropout-0", "vgg_half-dropout-0.5"]
    recipes = [replace(trial.recipe, dropout=None, name="") for trial in trials]
    assert recipes[0] == recipes[1]
    assert [trial.recipe.dropout for trial in trials] == [0.0, 0.5]


def finish(trial: Trial, runs: Path, accuracies: list[float]) -> Run:
    """A run folder as a finished training leaves it."""
    run = Run(runs / trial.name)
    run.report.mkdir(parents=True)
    run.recipe_file.write_text(to_json(trial.recipe))
    run.best_file.touch()
    (run.report / "report.html").touch()
    value = max(accuracies)
    (run.report / "metrics.json").write_text(f'{{"accuracy": {{"value": {value}}}}}')
    rows = [
        {**dict.fromkeys(HISTORY, 1), "epoch": i, "val_accuracy": accuracy}
        for i, accuracy in enumerate(accuracies, start=1)
    ]
    run.write_history(rows)
    return run


def test_fine_tuning_goes_on_from_the_best_run(tmp_path):
    trials = list(planning.dropout_trials(Budget(DATA, size=40), "vgg_half", (0.0, 0.3, 0.5)))
    for trial, accuracy in zip(trials, (0.3, 0.5, 0.4), strict=True):
        finish(trial, tmp_path, [accuracy])
    best = planning.best_of(trials, tmp_path)
    assert best == trials[1]
    run = Run(tmp_path / best.name)
    tuned = list(planning.fine_tuning_trials(best, run, 50))
    assert [trial.recipe.schedule for trial in tuned] == ["cosine", "warm_restarts"]
    for trial in tuned:
        check(trial.recipe)
        assert trial.recipe.weights == str(run.best_file)
        assert (trial.recipe.learning_rate, trial.recipe.stages) == (1e-4, ((40, 50),))
        assert trial.recipe.dropout == 0.3
        assert trial.name.endswith("from-vgg_half-dropout-0.3") and trial.recipe.name == trial.name


def test_nothing_is_the_best_where_nothing_is_finished(tmp_path):
    trials = list(planning.network_trials(Budget(DATA), "nano"))
    assert planning.best_of(trials, tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "accuracies", "finished"),
    [
        ({}, [0.1, 0.2, 0.3], True),
        ({}, [0.1, 0.2], False),
        ({"early_stop": 2}, [0.3, 0.2, 0.1], True),
        ({"early_stop": 2, "stages": ((48, 9),)}, [0.3, 0.2, 0.1], True),
        ({"early_stop": 2, "stages": ((48, 9),)}, [0.2, 0.3, 0.1], False),
        ({"minutes": 3.0, "stages": ((48, 9),)}, [0.2], True),
    ],
)
def test_what_is_finished(changes, accuracies, finished, tmp_path):
    trial = Trial("networks", "", Recipe(model="nano", stages=((48, 3),)))
    trial = replace(trial, recipe=replace(trial.recipe, **changes))
    run = finish(trial, tmp_path, accuracies)
    assert planning.is_finished(run, trial) is finished
    other = replace(trial, recipe=replace(trial.recipe, seed=5))
    assert not planning.is_finished(run, other)
    (run.report / "report.html").unlink()
    assert not planning.is_finished(run, trial)


def test_a_run_with_other_settings_is_in_the_way(tmp_path):
    (trial,) = planning.network_trials(Budget(DATA, epochs=3), "nano")
    finish(trial, tmp_path, [0.1])
    planning.refuse_other_settings([trial], tmp_path)
    (other,) = planning.network_trials(Budget(DATA, epochs=4), "nano")
    with pytest.raises(FerError, match="nano is a run with other settings \\(stages: was"):
        planning.refuse_other_settings([other], tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "4 epochs"),
        ({"epoch_steps": 100}, "4 epochs"),
        ({"epoch_steps": 5}, "20 steps (2 epochs)"),
        ({"minutes": 1.5}, "1.5 minutes"),
    ],
)
def test_how_long_a_training_is(changes, words):
    recipe = Recipe(stages=((48, 4),), batch_size=10, **changes)
    assert planning.steps_in_words(recipe, 100) == words


@pytest.mark.parametrize(
    ("answers", "kept"), [((8, 2), (True, True)), ((7, 0), (False, False)), ((7, 2), (True, False))]
)
def test_a_source_s_weights_are_for_its_own_classes_and_values(answers, kept):
    own = RECIPES["t_net"]
    recipe = Budget(DATA, recipe="source", answers=answers).recipe_for("t_net")
    found = (recipe.loss_weights == own.loss_weights, recipe.class_weights == own.class_weights)
    assert found == kept
    assert kept[0] or recipe.loss_weights == ()
    assert kept[1] or recipe.class_weights == ()
