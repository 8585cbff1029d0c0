"""One part to one file: the answers for its inputs, in constant memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from fer_tf.errors import FerError, reason
from fer_tf.scoring.input_lists import InputList
from fer_tf.scoring.places import Unreachable, is_gone, place_of, write_whole
from fer_tf.scoring.score_jobs import ScoreJob, sha256_of
from fer_tf.scoring.score_table import EMPTY, FACE, FAILED, answer_rows, row_of, to_parquet
from fer_tf.scoring.unpacking import Input, NamedBytes, unpacked
from fer_tf.vision.analyzer import FaceAnalyzer

BATCH, BATCH_BYTES = 32, 2**25
"""Pictures, and bytes of their files, with which a batch ends."""

_ROWS = 1024  # of a table: a table for each picture of a shard would take 20 kB a picture
_COPIED = 2**22  # bytes of a video at a time

Rows = list[dict[str, Any]]
Answer = Callable[[Input], Iterable[Rows]]
"""The rows of one input, a few at a time."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class PartTally:
    """What became of a part.

    Attributes:
        inputs: how many it has.
        faces: rows with a face.
        empty: inputs without a face.
        failed: inputs that could not be read, or not to their end.
    """

    inputs: int = 0
    faces: int = 0
    empty: int = 0
    failed: int = 0

    def __add__(self, other: PartTally) -> PartTally:
        return PartTally(
            self.inputs + other.inputs,
            self.faces + other.faces,
            self.empty + other.empty,
            self.failed + other.failed,
        )


def score_part(
    job: ScoreJob,
    number: int,
    *,
    answer: Answer | None = None,
    alive: Callable[[], None] = _nothing,
) -> PartTally:
    """Write a part's file. Two calls write the same one.

    Args:
        job: with its list of inputs in OUT.
        number: the part's.
        answer: gives the rows of one input; None for a `FaceAnalyzer` on this thread and one other,
            which stays open for the next part.
        alive: called whenever something was done.

    Raises:
        FerError: OUT or the list can't be read or written, or the network is not the job's.
        Unreachable: the file system gave none of the part's inputs, or ended in the middle of one.
    """
    entries = InputList(job.place).read(number)
    writer = _Part(job, number)
    outages: list[str] = []
    for batch in _batches(enumerate(unpacked(entries, job.column))):
        alive()
        for index, found, rows in _answered(batch, job, answer, alive):
            writer.add(index, found, rows)
            outages += [found.trouble] if found.outage else []
    nothing = 0 < writer.tally.inputs == writer.tally.failed
    if nothing and len(outages) == writer.tally.inputs:
        raise Unreachable(
            f"{outages[0]}; nothing of part {number} could be read, expected a file system that "
            "answers"
        )
    if nothing and is_gone(job.source):
        raise Unreachable(
            f"{job.source}: is not there any more, or empty: expected what was listed"
        )
    writer.finish()
    return writer.tally


def give_up(job: ScoreJob, number: int, why: str) -> PartTally:
    """Write a part's file without any answer: a row for each file in it, with the reason.

    Raises:
        FerError: OUT or the list can't be read or written.
    """
    writer = _Part(job, number)
    for index, entry in enumerate(InputList(job.place).read(number)):
        row = entry.row if entry.kind == "picture" else None
        writer.add(index, Input(entry.path, row=row), [row_of(FAILED, why)])
    writer.finish()
    return writer.tally


class _Part:
    """A part's table as it grows."""

    def __init__(self, job: ScoreJob, number: int):
        self._job, self._number = job, number
        self._schema = job.schema
        self._tables: list[pa.Table] = []
        self._rows: Rows = []
        self._last = -1
        self.tally = PartTally()

    def add(self, index: int, found: Input, rows: Rows) -> None:
        """Rows of an input; those of one that has many come in several calls."""
        own = {
            "part": self._number,
            "input": index,
            "source": found.source,
            "member": found.member,
            "row": found.row,
            "task": self._job.task.name,
            "model": self._job.model_sha256,
        }
        self._rows += [{**row, **own} for row in rows]
        if len(self._rows) >= _ROWS:
            self._flush()
        statuses = [row["status"] for row in rows]
        self.tally += PartTally(
            int(index != self._last),
            statuses.count(FACE),
            statuses.count(EMPTY),
            statuses.count(FAILED),
        )
        self._last = index

    def finish(self) -> None:
        """Write the file."""
        self._flush()
        data = to_parquet(self._tables, self._schema, self._job.about)
        write_whole(self._job.file(self._number), data)

    def _flush(self) -> None:
        self._tables.append(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _batches(inputs: Iterable[tuple[int, Input]]) -> Iterator[list[tuple[int, Input]]]:
    """Pictures together, up to `BATCH` or `BATCH_BYTES`; a video alone."""
    batch: list[tuple[int, Input]] = []
    size = 0
    for index, found in inputs:
        video = found.data is None and not found.trouble
        if batch and video:
            yield batch
            batch, size = [], 0
        batch.append((index, found))
        size += len(found.data or b"")
        if video or len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _answered(
    batch: list[tuple[int, Input]], job: ScoreJob, answer: Answer | None, alive: Callable[[], None]
) -> Iterator[tuple[int, Input, Rows]]:
    """The rows of each input of a batch, in its order."""
    inputs = [found for _, found in batch if not found.trouble]
    each: Iterator[Iterable[Rows]]
    if answer is not None:
        each = map(answer, inputs)
    elif inputs and inputs[0].data is None:
        each = iter([video_rows(inputs[0], job, alive)])
    else:
        each = ([rows] for rows in picture_rows(inputs, job))
    for index, found in batch:
        if found.trouble:
            yield index, found, [row_of(FAILED, found.trouble)]
        else:
            for rows in next(each):
                yield index, found, rows


def picture_rows(pictures: list[Input], job: ScoreJob) -> list[Rows]:
    """The rows of each picture, which has bytes; one that fails anyhow is a row with the reason."""
    analyzer = analyzer_of(job)
    try:
        analyses = analyzer.analyze_batch([NamedBytes(picture) for picture in pictures])
        return [answer_rows(analysis) for analysis in analyses]
    except Exception as error:
        if len(pictures) == 1:
            return [[row_of(FAILED, pictures[0].failed(error).trouble)]]
        return [picture_rows([picture], job)[0] for picture in pictures]


def video_rows(video: Input, job: ScoreJob, alive: Callable[[], None] = _nothing) -> Iterator[Rows]:
    """The rows of a video's faces, a frame's at a time; one without any is a single row.

    Where it can't be read to its end, the last row has the reason.

    Raises:
        Unreachable: it lies elsewhere, and can't be copied.
    """
    analyzer = analyzer_of(job)
    faces, path = 0, video.source
    notes: list[str] = []
    try:
        with (
            _on_disk(video.source, alive) as path,
            analyzer.analyze_video(path, every=job.every) as frames,
        ):
            for frame in frames:
                alive()
                if frame.faces:
                    faces += len(frame.faces)
                    yield answer_rows(frame)
            notes += frames.notes
    except Unreachable:
        raise
    except Exception as error:  # also OpenCV's: it is about this video, and no other input
        notes.append(video.failed(error).trouble)
    if notes:
        yield [row_of(FAILED, " ".join(notes).replace(path, video.source))]
    elif not faces:
        yield [row_of()]


@contextmanager
def _on_disk(source: str, alive: Callable[[], None]) -> Iterator[str]:
    """A video's path; one that lies elsewhere is copied into the temporary folder meanwhile."""
    place = place_of(source)
    if place.local:
        yield place.path
        return
    ending = Path(place.path).suffix
    with tempfile.NamedTemporaryFile(prefix="fer_tf-", suffix=ending) as copy:
        try:
            with place.files.open_input_stream(place.path) as stream:
                while data := stream.read(_COPIED):
                    copy.write(data)
                    alive()
            copy.flush()
        except OSError as error:
            raise Unreachable(f"{source}: can't be copied: {reason(error)}") from None
        yield copy.name


@lru_cache(maxsize=1)
def analyzer_of(job: ScoreJob) -> FaceAnalyzer:
    """The job's analyzer, which computes with one thread.

    Raises:
        FerError: it can't be opened, or its network is not the job's.
    """
    analyzer = FaceAnalyzer(job.model, **dict(job.finding), threads=1)
    if (found := sha256_of(analyzer.recognizer.path)) != job.model_sha256:
        raise FerError(
            f"{analyzer.recognizer.path}: has the SHA-256 {found}, expected {job.model_sha256}: "
            "the network must be the same on all machines, and stay so"
        )
    return analyzer
