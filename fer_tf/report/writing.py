"""The folder of an evaluation: numbers, pictures and the page that shows them together."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from fer_tf.data.mapped import Images
from fer_tf.errors import FerError
from fer_tf.files import refuse_strangers
from fer_tf.report import figures, value_figures
from fer_tf.report.evaluation_page import Picture, drawn, report_page
from fer_tf.report.metrics import Metrics, evaluate
from fer_tf.report.value_scores import Values

FILES = (
    "metrics.json",
    "classification_report.csv",
    "confusion_matrix.png",
    "reliability.png",
    "curves.png",
    "circumplex.png",
    "residuals.png",
    "examples.png",
    "report.html",
)
"""All that a report folder may hold; curves.png only where there is a history, and the two
pictures of values where there are any."""

NOBODYS = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that macOS and Windows put into a folder that somebody looks into."""


def write_report(
    directory: str | Path,
    labels: np.ndarray,
    probabilities: np.ndarray,
    images: Images,
    names: Sequence[str],
    *,
    values: Values | None = None,
    history: str | Path | None = None,
    title: str = "Evaluation",
    facts: Mapping[str, str] | None = None,
) -> Metrics:
    """Evaluate predictions and write `FILES` into `directory`, replacing the report there.

    The folder is built beside its place and then renamed, so that whatever stops the writing
    leaves the report before it whole.

    Args:
        directory: the folder to write; made with its parents where it is missing.
        labels: integer [n], the true classes.
        probabilities: float [n, k], each row with sum 1.
        images: uint8 [n, h, w], grey, or [n, h, w, 3], RGB: the faces that were judged.
        names: the k classes.
        values: of the same faces, where the task has any.
        history: a run's history.csv, for the curves.
        title: heading of the page.
        facts: what was evaluated on what, listed at the end of the page.

    Raises:
        FerError: the arrays do not fit together, the history is malformed, or `directory` cannot
            be written or holds files that are no report's.
    """
    directory = Path(directory).resolve()
    check_directory(directory)
    if len(images) != len(labels):
        raise FerError(f"there are {len(images)} images for {len(labels)} labels: expected as many")
    metrics = evaluate(labels, probabilities, names, values=values)
    pictures = _pictures(metrics, labels, probabilities, images, names, values, history)
    page = report_page(title, metrics, list(pictures.values()), facts or {})
    files = {
        "metrics.json": (json.dumps(metrics.to_dict(), indent=2) + "\n").encode(),
        "classification_report.csv": classification_csv(metrics).encode(),
        **{name: picture.light for name, picture in pictures.items()},
        "report.html": page.encode(),
    }
    try:
        replace_folder(directory, files)
    except OSError as error:
        raise FerError(f"{directory}: the report cannot be written: {error}") from error
    return metrics


def check_directory(directory: Path) -> None:
    """Refuse a place that a report must not replace; a command calls it before long work.

    Raises:
        FerError: `directory` can't be listed, is a disk, or holds files that are no report's.
    """
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FerError(
            f"{directory}: can't be listed ({error.strerror}), expected a folder to write the "
            "report into"
        ) from error
    if os.path.ismount(directory):
        raise FerError(
            f"{directory}: is where a disk begins, which can't be replaced: expected a folder in "
            f"it, such as {directory / 'report'}"
        )
    foreign = sorted({*names} - {*FILES, *NOBODYS})
    if foreign:
        raise FerError(
            f"{directory}: holds {foreign[0]!r}, which is no part of a report: expected a new or "
            "empty folder, or one with an earlier report to replace"
        )
    refuse_strangers(directory, FILES, sign="metrics.json", text='"macro_f1"')


def classification_csv(metrics: Metrics) -> str:
    """The scores of each class and their means as CSV, four decimals.

    The row "macro avg" is over the classes that have rows, "weighted avg" by support.
    """
    present = [c for c in metrics.classes if c.support]
    support = [c.support for c in present]

    def mean(field: str, weights: Sequence[int] | None) -> float:
        return float(np.average([getattr(c, field) for c in present], weights=weights))

    fields = ("precision", "recall", "f1")
    rows = [(c.name, *(getattr(c, field) for field in fields), c.support) for c in metrics.classes]
    for name, weights in (("macro avg", None), ("weighted avg", support)):
        rows.append((name, *(mean(field, weights) for field in fields), metrics.rows))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("class", *fields, "support"))
    writer.writerows((name, *(f"{s:.4f}" for s in scores), n) for name, *scores, n in rows)
    return out.getvalue()


def replace_folder(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make `directory` a folder of exactly `files`; an error leaves the one before it in place.

    Raises:
        OSError: the file system refuses.
    """
    new, old = (directory.with_name(f".{directory.name}.{age}") for age in ("new", "old"))
    if old.exists() and not directory.exists():  # killed between the two renames below
        old.rename(directory)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        new.mkdir(parents=True)
        for name, data in files.items():
            (new / name).write_bytes(data)
        if directory.exists():
            directory.rename(old)
        try:
            new.rename(directory)
        except OSError:
            old.rename(directory)
            raise
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _pictures(
    metrics: Metrics,
    labels: np.ndarray,
    probabilities: np.ndarray,
    images: Images,
    names: Sequence[str],
    values: Values | None,
    history: str | Path | None,
) -> dict[str, Picture]:
    pictures = {
        "confusion_matrix.png": drawn(
            partial(figures.confusion_figure, metrics),
            "Confusion matrix",
            "Where the faces of each class (row) were put.",
        ),
        "reliability.png": drawn(
            partial(figures.reliability_figure, metrics),
            "Reliability",
            "How often the network is right when it is this sure.",
        ),
    }
    table = None if history is None else figures.read_history(Path(history))
    if table is not None and len(table):
        pictures["curves.png"] = drawn(
            partial(figures.curves_figure, table),
            "Training",
            "By epoch, at the input size of that time, which stands above and changes at a dotted "
            "line. The scores of this page are of the input size that it names at its end, so they "
            "can differ from the last point.",
        )
    if values is not None:
        pictures["circumplex.png"] = drawn(
            partial(value_figures.circumplex_figure, values, labels, names),
            " and ".join(values.names).capitalize(),
            "Every face by its true and by its estimated values, coloured by its class.",
        )
        pictures["residuals.png"] = drawn(
            partial(value_figures.residuals_figure, values),
            "Residuals",
            "Estimated less true value, by the true one; the line is the mean.",
        )
    pictures["examples.png"] = drawn(
        partial(figures.examples_figure, labels, probabilities, images, names, values),
        "The surest mistakes",
        "Faces whose wrong class got the greatest probability.",
    )
    return pictures
