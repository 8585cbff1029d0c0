"""The recipes in groups, for those who choose one.

Plain Python without imports of any framework, so that the command line answers at once.
"""

from __future__ import annotations

from fer_tf.recipes.chosen import CHOSEN
from fer_tf.recipes.published import BY_SOURCE, TUNED
from fer_tf.recipes.schema import Recipe

FIRST = {
    "drawn": "the default without --data: drawn faces, minutes on two CPU cores",
    "drawn_affect": "drawn faces with valence and arousal",
    "scratch": "the default with --data: FER2013 or other faces, from random weights",
    "affect": "AffectNet's classes with valence and arousal, from random weights",
    "fine_tune": "what ships goes on with faces and classes of your own",
}
OWN = {
    "vgg_teacher": "a teacher from random weights, on a GPU; needs FERPlus' votes",
    "resnet_teacher": "another of another kind",
    "pupil": "their student, which ships",
    "nano": "the small network, from random weights, taught by vgg_teacher and pupil",
    "common": "one short budget for every network that fer_tf.compare compares",
}


def listing() -> str:
    """All recipes: a group a paragraph, a line each, with what it reaches and in which source."""
    published = [_line(recipe, source) for source, group in BY_SOURCE.items() for recipe in group]
    tuned = [_line(recipe, f"goes on from {recipe.weights}") for recipe in TUNED.values()]
    groups = {
        "First runs": [_line(CHOSEN[name], text) for name, text in FIRST.items()],
        "This package's own": [_line(CHOSEN[name], text) for name, text in OWN.items()],
        "Published networks under their sources' recipes (docs/compare.md)": published + tuned,
    }
    about = (
        "RECIPE is PATH/recipe.json of another run, or one of these. Beside it stands its\n"
        "validation accuracy, or the accuracy that its source states, where there is one."
    )
    paragraphs = ("\n  ".join([title, *lines]) for title, lines in groups.items())
    return "\n\n".join([about, *paragraphs])


def _line(recipe: Recipe, text: str) -> str:
    accuracy = recipe.expected_accuracy
    reached = "" if accuracy is None else f"{100 * accuracy:.2f} %"
    return f"{recipe.name:22}{reached:9}{text}"
