"""How each network is trained: a recipe is a frozen value, a flag is `dataclasses.replace`.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from fer_tf.errors import FerError
from fer_tf.recipes.as_json import from_json
from fer_tf.recipes.chosen import CHOSEN
from fer_tf.recipes.published import PUBLISHED, TUNED
from fer_tf.recipes.schema import Recipe

RECIPES: dict[str, Recipe] = {**CHOSEN, **PUBLISHED, **TUNED}
"""All recipes by name."""


def get_recipe(name: str) -> Recipe:
    """A recipe by name, or read from the recipe.json that every run folder holds.

    Raises:
        FerError: no such recipe or file, or a file that is not a recipe.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if path.suffix == ".json" or path.name != name:
        if not path.is_file():
            raise FerError(f"{name}: no such recipe file, expected the recipe.json of a run")
        return from_json(path.read_text(encoding="utf-8-sig", errors="replace"), source=name)
    close = difflib.get_close_matches(name, RECIPES, 1)
    hint = f"did you mean {close[0]!r}?" if close else "python -m fer_tf.train --help lists them"
    raise FerError(f"unknown recipe {name!r}: {hint}")
