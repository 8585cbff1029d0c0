"""Recipes as values: through JSON and back, and whatever is wrong is refused by name."""

from __future__ import annotations

import json
import typing
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.errors import FerError
from fer_tf.recipes import RECIPES, get_recipe
from fer_tf.recipes.as_json import from_json, to_json
from fer_tf.recipes.checking import check, ranges
from fer_tf.recipes.groups import listing
from fer_tf.recipes.schema import Augmentation, Reading, Recipe


def numbers(low: float, high: float):
    return st.floats(low, high)


augmentations = st.builds(
    Augmentation,
    flip=st.booleans(),
    rotation=numbers(0, 180),
    zoom=numbers(0, 0.9),
    shift=numbers(0, 1),
    brightness=numbers(0, 1),
    contrast=numbers(0, 1),
    erasing=numbers(0, 1),
    mix_probability=numbers(0, 1),
    crop_area=st.just((0.8, 1.2)),
    border=st.sampled_from(["repeat", "reflect", "black"]),
    noise=numbers(0, 1),
    mixup=numbers(0.1, 100),
    cutmix=numbers(0, 100),
)
recipes = st.builds(
    Recipe,
    name=st.text(),
    data=st.text(),
    votes=st.text(),
    vote_weight=numbers(0, 1),
    weights=st.none() | st.text(),
    stages=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 99)), min_size=1, max_size=4).map(
        tuple
    ),
    batch_size=st.integers(1, 4096),
    optimizer=st.sampled_from(typing.get_args(typing.get_type_hints(Recipe)["optimizer"])),
    learning_rate=numbers(1e-6, 1),
    clip_norm=st.none() | numbers(0.1, 10),
    schedule=st.sampled_from(["constant", "cosine", "plateau", "one_cycle", "warm_restarts"]),
    schedule_every=st.sampled_from(["step", "epoch"]),
    step_epochs=st.sets(st.integers(1, 99)).map(sorted).map(tuple),
    early_stop=st.none() | st.integers(1, 99),
    augmentation=augmentations,
    class_weights=st.sampled_from([(), (0.5, 2.0)]),
    precision=st.sampled_from(["auto", "float32", "bfloat16", "float16"]),
    seed=st.integers(0, 2**32 - 1),
    expected_accuracy=st.none() | numbers(0, 1),
)


@given(recipes)
def test_json_gives_the_recipe_back(recipe):
    assert from_json(to_json(recipe)) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_valid_named_and_survives_json(name, tmp_path):
    recipe = get_recipe(name)
    check(recipe)
    assert recipe.name == name
    path = tmp_path / "recipe.json"
    path.write_text(to_json(recipe))
    assert get_recipe(str(path)) == recipe


def test_an_absent_key_keeps_its_default():
    assert from_json('{"batch_size": 8, "augmentation": {"flip": true}}') == Recipe(
        batch_size=8, augmentation=Augmentation(flip=True)
    )


def test_a_whole_number_will_do_for_a_float():
    rate = from_json('{"learning_rate": 1}').learning_rate
    assert rate == 1.0 and type(rate) is float


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"batchsize": 8}', "unknown key 'batchsize', did you mean 'batch_size'?"),
        ('{"augmentation": {"flipp": true}}', "unknown key 'flipp', did you mean 'flip'?"),
        ('{"xyzzy": 8}', "unknown key 'xyzzy'$"),
        ('{"batch_size": "8"}', "batch_size: expected int, found '8'"),
        ('{"batch_size": true}', "batch_size: expected int, found True"),
        ('{"batch_size": 8.5}', "batch_size: expected int, found 8.5"),
        ('{"learning_rate": "fast"}', "learning_rate: expected float, found 'fast'"),
        ('{"learning_rate": 1' + "0" * 400 + "}", "learning_rate: expected float, found 1000"),
        ('{"learning_rate": -1}', "learning_rate: expected a value from 0 to 1000.0, found -1.0"),
        ('{"learning_rate": NaN}', "learning_rate: expected float, found nan"),
        ('{"optimizer": "lion"}', "optimizer: expected .*adamw.*, found 'lion'"),
        ('{"stages": [64, 30]}', "stages: expected .*, found 64"),
        ('{"stages": [[64]]}', "stages: expected .*, found \\[64\\]"),
        ('{"stages": []}', "stages: expected \\(size, epochs\\) pairs"),
        ('{"augmentation": {"flip": 1}}', "augmentation: flip: expected bool, found 1"),
        ('{"augmentation": 5}', "augmentation: expected Augmentation, found 5"),
        ("[]", "expected a JSON object, found list"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"seed": ' + "1" * 5000 + "}", "not JSON"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(FerError, match=f"^mine.json: .*{message}"):
        from_json(text, source="mine.json")


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_whatever_the_text_a_recipe_or_one_sentence(value):
    for text in (value if isinstance(value, str) else "", json.dumps({"stages": value})):
        try:
            check(from_json(text))
        except FerError as error:
            assert str(error)


RANGES = ranges(Recipe())


def with_value(name: str, value: float) -> Recipe:
    """The default recipe with a value, and with what that value needs beside it."""
    changes: dict[str, typing.Any] = {"votes": "votes.csv"}
    match name:
        case "start_share":
            changes |= {"weights": "start.keras"}
        case "distillation" | "views" if value:
            changes |= {"teachers": ("teacher.keras",), "distillation": 0.5}
        case "accumulate":
            changes |= {"batch_size": 1 << 20}
        case "learning_rate":
            changes |= {"min_learning_rate": 0.0}
    if name in vars(Reading()):
        changes |= {"reading": Reading(**{name: value})}
    elif name in vars(Augmentation()):
        changes |= {"augmentation": Augmentation(**{"mixup": 1.0, name: value})}
    else:
        changes |= {name: value}
    return Recipe(**changes)


@pytest.mark.parametrize("name", RANGES)
def test_the_ranges_of_check(name):
    low, high = RANGES[name]
    check(with_value(name, low))
    check(with_value(name, high))
    for value in (low - 1, high * 1.01 + 1, float("nan")):
        with pytest.raises(FerError, match=f"^{name}: expected a value from .* found"):
            check(with_value(name, value))


def test_every_number_has_a_range():
    numbers = {
        name
        for cls in (Recipe, Reading, Augmentation)
        for name, kind in typing.get_type_hints(cls).items()
        if kind in (int, float)
        or (typing.get_origin(kind) is not tuple and set(typing.get_args(kind)) & {int, float})
    }
    assert numbers == RANGES.keys()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"stages": ()}, "stages: "),
        ({"stages": ((0, 3),)}, "stages: "),
        ({"stages": ((64, 0),)}, "stages: "),
        ({"vote_weight": 0.5}, "vote_weight needs the FERPlus votes"),
        ({"vote_answer": 0.5}, "vote_answer needs the FERPlus votes"),
        ({"minutes": 5.0, "stages": ((48, 1), (64, 1))}, "minutes: expected one stage"),
        ({"minutes": 5.0, "schedule": "constant"}, "minutes: expected one stage"),
        ({"schedule": "plateau", "warmup_epochs": 1.0}, "warmup_epochs: plateau has no warm-up"),
        ({"schedule": "one_cycle", "warmup_epochs": 1.0}, "warmup_epochs: one_cycle has no"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "clip_value: expected no clip_norm"),
        ({"optimizer": "averaged_sgd", "ema": 0.9}, "ema: averaged_sgd keeps an average"),
        ({"schedule": "step"}, "step_epochs: expected rising numbers"),
        ({"step_epochs": (15, 15)}, "step_epochs: expected rising numbers"),
        ({"step_epochs": (0, 15)}, "step_epochs: expected rising numbers"),
        ({"augmentation": Augmentation(mix_probability=0.5)}, "mix_probability: "),
        ({"warmup_epochs": 4.0, "stages": ((64, 3),)}, "warmup_epochs: "),
        ({"min_learning_rate": 0.1, "learning_rate": 0.01}, "min_learning_rate: "),
        ({"start_share": 0.5}, "start_share needs weights to begin with"),
        ({"distillation": 0.5}, "distillation and teachers need each other"),
        ({"teachers": ("a.keras",)}, "distillation and teachers need each other"),
        ({"teachers": ("a.keras",), "distillation": 1.5}, "distillation: expected a value from"),
        ({"class_weights": (1.0, 0.0)}, "class_weights: expected values above 0"),
        ({"class_weights": (1.0, 2.0), "class_balance": 0.5}, "class_weights: expected class_bal"),
        ({"augmentation": Augmentation(crop_area=(1.1, 1.2))}, "crop_area: expected two"),
        ({"augmentation": Augmentation(crop_area=(0.9, 0.8))}, "crop_area: .*, found 0.9 0.8$"),
        ({"augmentation": Augmentation(crop_aspect=(0.0, 1.0))}, "crop_aspect: expected two"),
        (
            {
                "ten_crops": True,
                "augmentation": Augmentation(mix_probability=0.5, mixup=1.0),
            },
            "ten_crops: expected neither",
        ),
        (
            {"ten_crops": True, "teachers": ("a.keras",), "distillation": 0.5},
            "ten_crops: expected neither",
        ),
        ({"ten_crops": True, "fit_prior": True}, "ten_crops: expected neither"),
        ({"scales": ()}, "scales: expected numbers above 0 to 16"),
        ({"scales": (1.0, 0.0)}, "scales: expected numbers above 0 to 16"),
        ({"restart": 0.5, "schedule": "plateau"}, "restart: expected the cosine schedule"),
        (
            {"restart": 0.5, "warmup_epochs": 2.0, "stages": ((64, 9), (96, 1))},
            "warmup_epochs: with restart",
        ),
    ],
)
def test_values_that_do_not_go_together(changes, message):
    with pytest.raises(FerError, match=f"^{message}"):
        check(Recipe(**changes))


@pytest.mark.parametrize(
    "name, message",
    [
        ("scrach", "unknown recipe 'scrach': did you mean 'scratch'"),
        ("xyz", "unknown recipe 'xyz': python -m fer_tf.train --help lists them"),
        ("absent/recipe.json", "absent/recipe.json: no such recipe file"),
        ("absent/run", "absent/run: no such recipe file, expected the recipe.json of a run"),
    ],
)
def test_an_unknown_recipe_names_the_nearest(name, message):
    with pytest.raises(FerError, match=message):
        get_recipe(name)


def test_size_at_walks_through_the_stages():
    recipe = Recipe(stages=((64, 2), (96, 1), (128, 2)))
    assert recipe.epochs == 5
    assert [recipe.size_at(epoch) for epoch in range(6)] == [64, 64, 96, 128, 128, 128]


def test_every_recipe_stands_once_in_the_listing():
    text = listing()
    groups = text.split("\n\n")[1:]
    named = [line.split()[0] for group in groups for line in group.splitlines()[1:]]
    assert Counter(named) == Counter(list(RECIPES))
    assert "khaireddin_vgg        72.40 %  project S4, FER2013" in text
