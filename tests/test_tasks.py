"""Tasks: what they refuse, what they are found by, and their JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.errors import FerError
from fer_tf.tasks import FER2013, TASKS, Task, from_json, task_of_classes

NAMES = st.text("abcdefgh ÄßЖ愛'-_", min_size=1, max_size=20).filter(str.strip)


@given(
    labels=st.lists(NAMES, min_size=2, max_size=6, unique=True),
    values=st.lists(NAMES, max_size=3, unique=True),
    face=st.tuples(st.integers(1, 500), st.integers(1, 500), st.sampled_from((1, 3))),
)
def test_a_task_goes_through_json(labels, values, face):
    task = Task("own", tuple(labels), tuple(values), face)
    assert from_json(task.to_json(), source="x") == task


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_named_tasks_go_through_json(task):
    assert from_json(task.to_json(), source="x") == task


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": ["one"]}, "has 1 classes: expected 2 to 1000"),
        ({"labels": ["a", "a"]}, "names two alike"),
        ({"labels": ["a", " "]}, "1 to 100 printable characters"),
        ({"labels": ["a", "b\n"]}, "1 to 100 printable characters"),
        ({"labels": "ab"}, "is no task"),
        ({"labels": ["a", 1]}, "is no task"),
        ({"face": [48, 48, 2]}, "expected .height, width, 1 or 3"),
        ({"face": [48.0, 48, 1]}, "is no task"),
        ({"face": [48, 48]}, "is no task"),
        ({"more": 1}, "is no task"),
    ],
)
def test_what_is_no_task_is_refused(change, sentence):
    fields = json.loads(TASKS["fer2013"].to_json()) | change
    with pytest.raises(FerError, match=sentence) as caught:
        from_json(json.dumps(fields), source="there")
    assert str(caught.value).startswith("there")


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_anything_is_a_task_or_a_sentence(text):
    with pytest.raises(FerError, match=r"^there"):
        from_json(text, source="there")


def test_classes_are_found_by_the_variants_of_their_names():
    assert [TASKS["affectnet8"].index(name) for name in FER2013] == [6, 5, 4, 1, 2, 3, 0]
    found = [TASKS["rafdb"].index(name) for name in ("happy", "SURPRISED", "contempt")]
    assert found == [3, 0, None]


def test_a_network_that_names_nothing_has_fer2013s_classes():
    assert task_of_classes(7, "a") is TASKS["fer2013"]
    with pytest.raises(FerError, match="a: has 5 classes and does not name them"):
        task_of_classes(5, "a")


def test_lists_of_names_are_the_same_task():
    task = Task("own", ["calm", "cross"], ["valence"], [20, 16, 3])  # type: ignore[arg-type]
    assert task == Task("own", ("calm", "cross"), ("valence",), (20, 16, 3))
    assert {task} and task.same_answers(from_json(task.to_json(), source="itself"))
