"""Trains `broadest` again, from which the network that ships went on: fourteen runs, from the CSV.

    python scripts/reproduce_broadest.py --data fer2013.csv --votes fer2013new.csv

Without a GPU the first five take about seven hours on two AMD EPYC cores (AVX2), the last nine
almost ten hours on two Xeon cores (AVX-512). The same command again goes on wherever it
was stopped. The result is in RUNS/shipped/mit_b0_fusion, beside the runs; what the package holds is
not touched. Another --seed, with another --runs, is another network of the same recipe.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from _machine import ROOT, header

from fer_tf.recipes import get_recipe
from fer_tf.recipes.schema import Recipe
from fer_tf.shipped import METRICS, SHIPPED_NETWORK, shipped_accuracy

STEPS = (
    *("votes", "vgg_half", "distilled", "student", "labels"),
    *("vgg_labels", "taught", "vgg_wide", "patient", "finer", "finest"),
    *("vgg_again", "broad", "broadest"),
)
"""The runs, in order: each begins with and learns from those before it."""

SIZE = "128"
"""Pixels at which the last one is best on PublicTest: it ships at that size."""


def recipe_file(name: str) -> Path:
    """Where a run's recipe lies."""
    return ROOT / "results" / name / "recipe.json"


def flags(recipe: Recipe, runs: Path) -> list[str]:
    """What of a recipe depends on where the runs are."""
    more = []
    if recipe.weights is not None:
        more += ["--weights", str(runs / Path(recipe.weights).relative_to("runs"))]
    if recipe.teachers:
        teachers = (str(runs / Path(name).relative_to("runs")) for name in recipe.teachers)
        more += ["--teachers", *teachers]
    return more


def run(*command: str | Path) -> None:
    """Run a command of this package, and end where it ends badly."""
    words = [sys.executable, *map(str, command)]
    print("+", *words[1:], flush=True)
    code = subprocess.run(words, check=False).returncode
    if code:
        sys.exit(code)


def main() -> None:
    """Train, export, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--votes", required=True, help="fer2013new.csv")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    print(header(), flush=True)
    given = ["--data", args.data, "--runs", args.runs]
    for name in STEPS:
        recipe = get_recipe(str(recipe_file(name)))
        more = flags(recipe, args.runs)
        if recipe.votes:
            more += ["--votes", args.votes]
        run("-m", "fer_tf.train", recipe_file(name), *given, "--seed", str(args.seed), *more)
    made = args.runs / "shipped" / SHIPPED_NETWORK
    ship = ROOT / "scripts" / "ship.py"
    last = args.runs / STEPS[-1]
    run(ship, last, "--data", args.data, "--size", SIZE, "--to", made, "--force")
    new = json.loads((made / METRICS).read_text(encoding="utf-8"))["accuracy"]["value"]
    print(f"PublicTest: {new:.2%} in {made}, {shipped_accuracy():.2%} in the package")


if __name__ == "__main__":
    main()
