"""Learning rates against values worked out by hand; test_torch_references.py has PyTorch's own."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fer_tf.recipes.schema import Recipe
from fer_tf.training.schedules import clock_rate, learning_rate


def rates(recipe: Recipe, steps: int, at: list[int]) -> list[float]:
    schedule = learning_rate(recipe, steps)
    return [float(schedule(step)) for step in at]


def test_cosine_after_warm_up() -> None:
    recipe = Recipe(stages=((32, 4),), learning_rate=0.8, min_learning_rate=0.08, warmup_epochs=0.5)
    # 40 steps: 5 up, then half a cosine from 0.8 to 0.08 over 35.
    expected = [0.0, 0.16, 0.64, 0.8]
    expected += [0.08 + 0.72 * (1 + math.cos(math.pi * t / 35)) / 2 for t in (7, 17.5 - 0.5, 35)]
    assert rates(recipe, 10, [0, 1, 4, 5, 12, 22, 40]) == pytest.approx(expected, rel=1e-5)


def test_cosine_without_warm_up_begins_at_the_peak() -> None:
    recipe = Recipe(stages=((32, 4),), learning_rate=0.8, min_learning_rate=0.0)
    assert rates(recipe, 10, [0, 20, 40]) == pytest.approx([0.8, 0.4, 0.0], abs=1e-6)


def test_constant() -> None:
    recipe = Recipe(stages=((32, 2),), learning_rate=0.8, schedule="constant", warmup_epochs=1)
    assert rates(recipe, 10, [0, 5, 10, 15, 20]) == pytest.approx([0.0, 0.4, 0.8, 0.8, 0.8])
    flat = replace(recipe, warmup_epochs=0)
    assert rates(flat, 10, [0, 20]) == pytest.approx([0.8, 0.8])


def test_restarts_give_each_stage_its_warm_up_and_cosine() -> None:
    recipe = Recipe(
        stages=((32, 4), (64, 3)),
        learning_rate=0.1,
        warmup_epochs=1.0,
        restart=0.5,
        min_learning_rate=0.0,
    )
    rate = learning_rate(recipe, 10)
    for stage, (start, length, peak) in enumerate(((0, 40, 0.1), (40, 30, 0.05))):
        one = learning_rate(
            Recipe(
                stages=(recipe.stages[stage],),
                learning_rate=peak,
                warmup_epochs=1.0,
                min_learning_rate=0.0,
            ),
            10,
        )
        assert float(rate(start)) == 0.0
        assert float(rate(start + 10)) == pytest.approx(peak)
        for step in range(length):
            assert float(rate(start + step)) == pytest.approx(float(one(step)), abs=1e-7)


def test_the_rate_by_the_clock_rises_for_a_twentieth_and_falls_as_a_cosine() -> None:
    recipe = Recipe(minutes=5.0, learning_rate=0.1, min_learning_rate=0.001)
    assert learning_rate(recipe, 100) == 0.1
    shares = [0.0, 0.025, 0.05, 0.525, 1.0]
    expected = [0.01, 0.05, 0.1, 0.0505, 0.001]
    assert [clock_rate(recipe, share) for share in shares] == pytest.approx(expected)
