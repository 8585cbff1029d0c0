"""A part that killed its worker: each input is answered in a process of its own, with limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import cv2

from fer_tf.errors import FerError
from fer_tf.scoring.part_scores import Answer, Rows, picture_rows, video_rows
from fer_tf.scoring.score_jobs import ScoreJob
from fer_tf.scoring.score_table import FAILED, row_of
from fer_tf.scoring.unpacking import Input
from fer_tf.worker_pool import WorkerPool

PICTURE_S, VIDEO_S = 60.0, 3600.0
"""Seconds that an input may take."""

MEMORY = 2**32
"""Bytes that the process may hold."""


def answer_alone(name: str, job: ScoreJob, found: Input) -> Rows:
    """The rows of one input."""
    cv2.setNumThreads(1)
    if found.data is None:
        return [row for rows in video_rows(found, job) for row in rows]
    return picture_rows([found], job)[0]


@contextmanager
def isolated(job: ScoreJob) -> Iterator[Answer]:
    """What answers for each input in a process; one that ends it is a row with the reason."""
    with ExitStack() as stack:
        pools: dict[float, WorkerPool[Rows]] = {}

        def answer(found: Input) -> Iterator[Rows]:
            seconds = VIDEO_S if found.data is None else PICTURE_S
            if seconds not in pools:
                pools[seconds] = stack.enter_context(
                    WorkerPool(
                        answer_alone, workers=1, seconds=seconds, memory=MEMORY, patience=seconds
                    )
                )
            try:
                yield pools[seconds](found.name, job, found)
            except FerError as error:
                yield [row_of(FAILED, str(error))]

        yield answer
