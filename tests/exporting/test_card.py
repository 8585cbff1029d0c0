"""What a model card says of a run."""

from __future__ import annotations

import pytest
from tiny import run_folder

from fer_tf.exporting.card import _class_row, _epochs, _size
from fer_tf.recipes.schema import Recipe
from fer_tf.trained.model import open_trained


@pytest.mark.parametrize("keep, kept", [("best", "best one on PublicTest"), ("last", "last one")])
def test_the_epoch_that_was_kept_is_named(tmp_path, keep, kept):
    run_folder(tmp_path / "run", Recipe(keep=keep, stages=((24, 1), (40, 2))))
    (tmp_path / "run" / "best.keras").touch()
    trained = open_trained(str(tmp_path / "run"))
    assert _epochs(trained).endswith(f"2 epochs; the {kept} was kept.")
    assert _size(trained) == f" at 40x40, the size of its {keep} epoch"


def test_a_class_without_faces_has_no_shares():
    scores = {"name": "bored", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert _class_row(scores) == ("bored", "-", "-", "-", "0")
    scores |= {"precision": 0.25, "support": 4}
    assert _class_row(scores) == ("bored", "25%", "0%", "0%", "4")


def test_a_bar_in_the_name_of_a_class_stays_in_its_cell():
    scores = {"name": "sad|tired", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert _class_row(scores)[0] == r"sad\|tired"
