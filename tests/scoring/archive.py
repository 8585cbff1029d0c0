"""A small archive, and its scores without Ray."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from fer_tf.score import Score, job_of
from fer_tf.scoring.input_lists import InputList, find_entries
from fer_tf.scoring.part_scores import PartTally, score_part
from fer_tf.scoring.score_jobs import ScoreJob, enter


@cache
def photo(turned: bool = False) -> bytes:
    """A JPEG of 256x256 pixels with one face, NASA's Eileen Collins."""
    from skimage import data

    image = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    return encoded(image[:, ::-1] if turned else image)


def encoded(image: np.ndarray, ending: str = ".jpg") -> bytes:
    """A picture's file, from RGB."""
    return cv2.imencode(ending, np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


@cache
def blank() -> bytes:
    """A PNG that shows nobody."""
    return encoded(np.full((64, 64, 3), 200, np.uint8), ".png")


DAMAGED = b"\xff\xd8\xff no JPEG"


def write_archive(folder: Path) -> Path:
    """Five inputs: two faces, one picture of nobody, one damaged, and one that is no picture."""
    (folder / "more").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(photo())
    (folder / "b.png").write_bytes(blank())
    (folder / "more" / "c.jpg").write_bytes(DAMAGED)
    (folder / "more" / "d.jpg").write_bytes(photo(turned=True))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(photo())
    (folder / "z.webp").write_bytes(b"")
    return folder


def job_for(source: Any, out: Any, **flags: Any) -> ScoreJob:
    """The job of a command, written down in OUT."""
    job = job_of(Score(str(source), str(out), **flags))
    enter(job)
    return job


def listed(job: ScoreJob) -> InputList:
    """The list of inputs in OUT, made if there is none."""
    inputs = InputList(job.place)
    if not len(inputs):
        inputs.add(find_entries(job.source, job.column), job.part)
    return inputs


def score_all(job: ScoreJob) -> PartTally:
    """What the command does, without Ray."""
    return sum((score_part(job, part) for part in job.missing(listed(job))), PartTally())


def scores(out: Path) -> pa.Table:
    """The table, sorted by input and face."""
    table = parquet.read_table(out)
    return table.sort_by([(name, "ascending") for name in ("part", "input", "frame", "face")])


def brief(table: pa.Table, *columns: str) -> list[tuple]:
    """Some columns as tuples."""
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def tar_of(members: dict[str, bytes]) -> bytes:
    """A tar with these files."""
    import tarfile

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()
