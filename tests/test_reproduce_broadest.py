"""The script of the fourteen runs: they feed each other, wherever they are."""

from __future__ import annotations

from pathlib import Path

import reproduce_broadest as script

from fer_tf.recipes import get_recipe


def test_each_run_comes_after_those_it_needs():
    done = set()
    for name in script.STEPS:
        recipe = get_recipe(str(script.recipe_file(name)))
        assert recipe.name == name
        for path in filter(None, (recipe.weights, *recipe.teachers)):
            parts = Path(path).parts
            assert parts[0] == "runs" and parts[1] in done
        done.add(name)


def test_runs_elsewhere_are_found_there():
    votes, distilled = (
        get_recipe(str(script.recipe_file(name))) for name in ("votes", "distilled")
    )
    assert script.flags(votes, Path("there")) == []
    assert script.flags(distilled, Path("there")) == [
        *("--weights", str(Path("there", "votes", "best.keras"))),
        *("--teachers", str(Path("there", "vgg_half"))),
    ]
