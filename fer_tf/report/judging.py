"""What a network can be judged on: the classes and values that it and the data have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from fer_tf.data.faces import SPLITS, Faces
from fer_tf.data.mapped import Images
from fer_tf.data.relabel import with_classes
from fer_tf.errors import FerError
from fer_tf.report.value_scores import Values
from fer_tf.tasks import Task, canonical


@dataclass(frozen=True, eq=False)
class Judged:
    """Faces that a network is judged on, and which of its answers count.

    Attributes:
        faces: of a split, those whose class the network has. Their task has the classes and
            values in common, by the network's names and in its order; `faces.values` are [n, k].
        classes: int [c], indices of these classes in the network's task.
        values: int [k], indices of these values there.
        class_means: float [n, k], the mean values of each face's class over the data's Training
            rows, or over the judged faces where there are none.
        left_out: a sentence about each class and value without a match.
    """

    faces: Faces
    classes: np.ndarray
    values: np.ndarray
    class_means: np.ndarray
    left_out: tuple[str, ...]

    def logits(self, logits: np.ndarray) -> np.ndarray:
        """Those of the network, [n, its classes], of the classes in common: [n, c].

        Their softmax is the network's probabilities, renormalised over these classes.
        """
        return logits[:, self.classes]

    def estimates(self, values: np.ndarray | None) -> Values | None:
        """The network's values, [n, its values], beside the true ones; None without any."""
        true = self.faces.values
        if values is None or true is None or not true.shape[1]:
            return None
        return Values(self.faces.task.values, true, values[:, self.values], self.class_means)


def judged(faces: Faces, split: str, task: Task, source: str) -> Judged:
    """What a network of a task can be judged on in data of this or another task.

    Classes are matched by name (`Task.index`), values too. A network that was trained on grey
    faces is given grey ones.

    Args:
        faces: the data, of all splits.
        split: as `Faces.of` takes it.
        task: the network's.
        source: what messages call the data.

    Raises:
        FerError: no rows of that split, or fewer than two classes in common.
    """
    try:
        rows, own = faces.of(split), faces.task
    except FerError as error:
        raise FerError(
            f"{source}: {error}: expected --split with a part that is there, or a run without "
            "--data, whose own faces are divided as for its training"
        ) from None
    given = np.zeros((len(rows), 0), np.float32) if rows.values is None else rows.values
    # (index in the network's task, index in the data's) of each class and value.
    classes = [(i, j) for i, name in enumerate(task.labels) if (j := own.index(name)) is not None]
    values = [
        (i, j)
        for i, name in enumerate(task.values)
        for j, other in enumerate(own.values)
        if canonical(name) == canonical(other) and np.isfinite(given[:, j]).sum() > 1
    ]
    if len(classes) < 2:
        raise FerError(
            f"{source}: has the classes {', '.join(own.labels)}: expected at least two of the "
            f"network's, {', '.join(task.labels)}"
        )
    common = replace(
        task,
        labels=tuple(task.labels[i] for i, _ in classes),
        values=tuple(task.values[i] for i, _ in values),
    )
    left_out = [
        f"{source}: has no {name!r}: the network's answer to it is left out"
        for name in (*task.labels, *task.values)
        if name not in (*common.labels, *common.values)
    ]
    mine, theirs = np.array(values, int).reshape(-1, 2).T
    means = _class_means(faces, rows)[[j for _, j in classes]][:, theirs]
    rows = with_classes(replace(rows, values=given[:, theirs]), common, source, left_out.append)
    if not len(rows):
        raise FerError(f"{source}: has no {split} rows of {', '.join(common.labels)}")
    images = _grey(rows.images) if task.face[2] == 1 and rows.images.ndim == 4 else rows.images
    return Judged(
        replace(rows, images=images, task=common),
        np.array([i for i, _ in classes]),
        mine,
        means[rows.labels],
        tuple(left_out),
    )


def _class_means(faces: Faces, rows: Faces) -> np.ndarray:
    """Mean values of each class, float [classes, values]; of all where it has none.

    Over the Training rows of `faces`, or over `rows` where there are none.
    """
    if faces.values is None or rows.values is None:
        return np.zeros((len(faces.task.labels), 0))
    training = faces.split == SPLITS.index("Training")
    labels, values = rows.labels, rows.values
    if training.any():
        labels, values = faces.labels[training], faces.values[training]
    members = (labels == np.arange(len(faces.task.labels))[:, None]).astype(float)
    counts = members @ np.isfinite(values)
    sums = members @ np.nan_to_num(values)
    overall = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), overall)


def _grey(images: Images) -> np.ndarray:
    """RGB, uint8 [n, h, w, 3], without colour: uint8 [n, h, w]."""
    return np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
