"""Does an exported file answer as Keras does?"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from fer_tf.runtimes.graph import Answers
from fer_tf.runtimes.runner import Runner

TIMED_RUNS = 30
"""Single faces timed one after another, of which the median is told."""


@dataclass(frozen=True)
class Tolerance:
    """What a format may change.

    Attributes:
        difference: of a probability, or of a value, at most.
        agreement: share of the faces that get Keras' class, at least. A face whose class hangs on
            less than twice `difference` counts: rounding decides it.
        loss: of accuracy, a share, at most; looked at only where the whole split was run, since a
            face more or less of a few hundred is chance.
    """

    difference: float
    agreement: float
    loss: float


TOLERANCES = {
    "float32": Tolerance(difference=1e-4, agreement=1.0, loss=0.0003),
    "float16": Tolerance(difference=0.02, agreement=0.99, loss=0.001),
    "int8": Tolerance(difference=0.5, agreement=0.95, loss=0.005),
}
"""By precision."""


@dataclass(frozen=True)
class Parity:
    """How an exported file compares with Keras on the same faces.

    Attributes:
        faces: how many were run.
        difference: the largest of a probability.
        agreement: share of the faces of which the most probable class is the same.
        accuracy: share of the faces recognised; None where the labels mean nothing.
        keras_accuracy: the same for Keras.
        milliseconds: median of one face on one thread.
        failure: what is out of tolerance, or why the file could not be written, or "".
        value_difference: the largest of a value; None of a network without values.
    """

    faces: int
    difference: float
    agreement: float
    accuracy: float | None
    keras_accuracy: float | None
    milliseconds: float
    failure: str
    value_difference: float | None = None

    @property
    def measured(self) -> bool:
        """Whether there was a file to compare."""
        return not math.isnan(self.difference)


def unwritten(reason: str) -> Parity:
    """Of a form that could not be written, and why, in a sentence."""
    return Parity(0, math.nan, math.nan, None, None, math.nan, reason)


def check_parity(
    runner: Runner,
    images: np.ndarray,
    reference: Answers,
    *,
    precision: str,
    labels: np.ndarray | None = None,
    whole_split: bool = False,
) -> Parity:
    """Run the faces through an exported file and compare.

    Args:
        runner: the file, opened.
        images: uint8 [n, h, w, c], as `runner` takes them.
        reference: Keras' answers for the same faces.
        precision: a key of `TOLERANCES`.
        labels: integer [n], the true classes, where they are known.
        whole_split: the faces are a split of the data, whole: judge the accuracy too.
    """
    found = [runner.answer(part) for part in np.array_split(images, -(-len(images) // 64))]
    answers = np.concatenate([each.probabilities for each in found])
    expected = reference.probabilities
    ours, theirs = answers.argmax(axis=1), expected.argmax(axis=1)
    accuracies = None if labels is None else [float((c == labels).mean()) for c in (ours, theirs)]
    accuracy, keras_accuracy = accuracies or (None, None)
    allowed = TOLERANCES[precision]
    rows = np.arange(len(expected))
    tied = expected.max(axis=1) - expected[rows, ours] < 2 * allowed.difference
    failures = []
    differences = {"probability": float(np.abs(answers - expected).max())}
    if reference.values is not None:
        values = np.concatenate([each.values for each in found if each.values is not None])
        differences["value"] = float(np.abs(values - reference.values).max())
    for what, difference in differences.items():
        # Not "greater", which a nan never is.
        if not difference <= allowed.difference:
            failures.append(f"a {what} differs by {difference:.2g}, allowed {allowed.difference:g}")
    same = ours == theirs
    if precision == "float32":
        same |= tied
    if same.mean() < allowed.agreement:
        failures.append(f"{same.mean():.2%} of the classes agree, needed {allowed.agreement:.0%}")
    if whole_split and accuracy is not None and keras_accuracy is not None:
        lost = keras_accuracy - accuracy
        if lost > allowed.loss:
            failures.append(
                f"{100 * lost:.2f} points of accuracy lost, allowed {100 * allowed.loss:g}"
            )
    return Parity(
        faces=len(images),
        difference=differences["probability"],
        agreement=float((ours == theirs).mean()),
        accuracy=accuracy,
        keras_accuracy=keras_accuracy,
        milliseconds=_median_milliseconds(runner, images[:1]),
        failure="; ".join(failures),
        value_difference=differences.get("value"),
    )


def _median_milliseconds(runner: Runner, image: np.ndarray) -> float:
    times = []
    for _ in range(TIMED_RUNS):
        start = time.perf_counter()
        runner.answer(image)
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
