"""The same faces as another task: its classes in its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fer_tf.data.faces import Faces
from fer_tf.errors import FerError
from fer_tf.tasks import TASKS, Task


def relabel(faces: Faces, name: str, source: str, say: Callable[[str], None]) -> Faces:
    """Label faces by a task of `TASKS`; classes that it lacks are left out and counted.

    Args:
        faces: of any task; size and values stay theirs.
        name: of the task that is wanted, one of them.
        source: what messages call the data.
        say: is told what was left out.

    Raises:
        FerError: it has none of the faces' classes.
    """
    wanted, own = TASKS[name], faces.task
    if all(wanted.index(label) is None for label in own.labels):
        raise FerError(f"--task {name}: {source} has none of its classes, only {own.labels}")
    return with_classes(faces, wanted, source, say)


def with_classes(faces: Faces, wanted: Task, source: str, say: Callable[[str], None]) -> Faces:
    """Label faces by the classes of a task, matched by name; faces of others are left out.

    Args:
        faces: of any task; size and values stay theirs.
        wanted: whose classes, in their order, the faces get.
        source: what messages call the data.
        say: is told how many faces of each class without a match were left out.
    """
    own = faces.task
    found = [wanted.index(label) for label in own.labels]
    index = np.array([-1 if i is None else i for i in found])
    labels = index[faces.labels]
    for label in np.flatnonzero(index < 0):
        say(f"{source}: left out {(faces.labels == label).sum():,} of {own.labels[label]!r}")
    task = replace(wanted, values=own.values, face=own.face)
    relabelled = replace(faces, task=task, labels=np.maximum(labels, 0).astype(np.uint8))
    return relabelled if (labels >= 0).all() else relabelled.take(labels >= 0)
