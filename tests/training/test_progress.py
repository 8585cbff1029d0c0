"""Plateau, early stop and the faces of a run, by hand."""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf import FerError
from fer_tf.data.faces import Faces
from fer_tf.recipes import RECIPES
from fer_tf.training.progress import Progress, digest_of

PAPER = RECIPES["mit_b0_fusion"]


def walk(accuracies: list[float], **changes) -> tuple[Progress, list[float], list[bool]]:
    """Finish an epoch for each accuracy: the end, the rates after each, and which were better."""
    recipe = replace(PAPER, **changes)
    progress = Progress(data="", precision="float32", rate=recipe.learning_rate)
    rates, better = [], []
    for epoch, accuracy in enumerate(accuracies):
        assert not progress.finished(recipe), f"stopped after {epoch}"
        row = {"epoch": epoch + 1, "val_accuracy": accuracy, "seconds": 1.5 * (epoch + 1)}
        better.append(progress.finish_epoch(row, recipe))
        rates.append(progress.rate)
    return progress, rates, better


def test_plateau_acts_after_more_than_two_epochs_without_a_better_accuracy() -> None:
    progress, rates, better = walk([0.3, 0.4, 0.4, 0.39, 0.2, 0.41, 0.2, 0.2])
    assert better == [True, True, False, False, False, True, False, False]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-4, 1e-4, 1e-5, 1e-5, 1e-5, 1e-5])
    assert (progress.best, progress.best_epoch, progress.epoch) == (0.41, 6, 8)
    assert progress.seconds == 12.0 and progress.step == 0


def test_plateau_stops_at_the_least_rate() -> None:
    _, rates, _ = walk([0.5] + [0.1] * 7, min_learning_rate=2e-5)
    assert rates == pytest.approx([1e-4, 1e-4, 1e-4, 2e-5, 2e-5, 2e-5, 2e-5, 2e-5])


def test_a_run_by_the_clock_ends_when_half_an_epoch_would_be_too_much() -> None:
    recipe = replace(PAPER, schedule="cosine", minutes=0.5)
    progress, _, _ = walk([0.5, 0.1, 0.1], minutes=10.0)
    assert progress.seconds == 4.5 and not progress.finished(recipe)
    assert progress.clock(recipe) == pytest.approx((4.5 + 0.75) / 30)
    progress.seconds = 29.3
    assert progress.finished(recipe)


def test_only_plateau_changes_the_rate() -> None:
    _, rates, _ = walk([0.5, 0.1, 0.1, 0.1], schedule="constant")
    assert rates == [1e-4] * 4


@pytest.mark.parametrize("minutes", [None, 10.0])
def test_early_stop_counts_from_the_best_epoch(minutes: float | None) -> None:
    recipe = replace(PAPER, early_stop=3, minutes=minutes)
    progress, _, _ = walk([0.1, 0.3, 0.3, 0.2], early_stop=3, minutes=minutes)
    assert not progress.finished(recipe)
    progress.finish_epoch({"val_accuracy": 0.3, "seconds": 0.0}, recipe)
    assert progress.finished(recipe)
    assert not progress.finished(replace(recipe, early_stop=None))


def test_the_recipes_end_is_the_end() -> None:
    progress, _, _ = walk([0.1, 0.2, 0.3], stages=((32, 2), (48, 2)))
    assert not progress.finished(replace(PAPER, stages=((32, 2), (48, 2))))
    assert progress.finished(replace(PAPER, stages=((32, 2), (48, 1))))


def faces(**changes) -> Faces:
    images = np.arange(2 * 48 * 48).reshape(2, 48, 48).astype(np.uint8)
    base = Faces(images, np.array([1, 2], np.uint8), np.zeros(2, np.uint8))
    return replace(base, **changes)


def test_other_faces_labels_or_votes_are_refused() -> None:
    assert digest_of(faces()) == digest_of(faces())
    progress = Progress(data=digest_of(faces()), validation=digest_of(faces()), precision="float32")
    progress.check_faces(faces(), faces(), "runs/one")
    other = faces().images.copy()
    other[1, 47, 47] ^= 1
    for changed in (
        faces(images=other),
        faces(labels=np.array([1, 3], np.uint8)),
        faces(votes=np.zeros((2, 10), np.uint8)),
    ):
        with pytest.raises(FerError, match=r"runs/one was trained on other faces"):
            progress.check_faces(changed, faces(), "runs/one")
        with pytest.raises(FerError, match=r"runs/one was validated on other faces"):
            progress.check_faces(faces(), changed, "runs/one")


GOOD = asdict(Progress(data="d", precision="float32"))
ROW = {"epoch": 1, "size": 48, "seconds": 2.0, "val_accuracy": 0.5}


def test_a_state_comes_back():
    assert Progress.from_state({**GOOD, "history": [ROW]}, "p").history == [ROW]
    assert Progress.from_state({"data": "d", "precision": "float32"}, "p") == Progress(**GOOD)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ([], "holds no state"),
        ({**GOOD, "flavour": 1}, "has 'flavour', which this version does not know"),
        ({"data": "d"}, "lacks 'precision'"),
        ({**GOOD, "epoch": "two"}, "has epoch 'two'"),
        ({**GOOD, "step": True}, "has step True"),
        ({**GOOD, "precision": "int4"}, "has precision 'int4'"),
        ({**GOOD, "history": [1]}, "has a history with 1"),
        ({**GOOD, "history": [{}]}, "has a history with {}"),
        ({**GOOD, "history": [{**ROW, "mood": 1}]}, "has a history with"),
        ({**GOOD, "history": [{**ROW, "seconds": None}]}, "has a history with"),
    ],
)
def test_the_state_of_another_version_is_told(state, told):
    with pytest.raises(FerError, match=re.escape(f"the newest checkpoint {told}")):
        Progress.from_state(state, "checkpoints")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), JSON), JSON)
def test_any_state_is_taken_or_refused(changes, state):
    for tried in ({**GOOD, **changes}, state):
        with contextlib.suppress(FerError):
            assert isinstance(Progress.from_state(tried, "p"), Progress)
