"""What is scored, and how, as a value: it stands in OUT, and a part's file is a function of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from fer_tf import __version__
from fer_tf.errors import FerError, reason
from fer_tf.scoring.input_lists import FOLDER, LISTINGS, InputList
from fer_tf.scoring.places import Place, exists, place_of, read_whole, write_whole
from fer_tf.scoring.score_table import schema_of
from fer_tf.tasks import Task

JOB = "job.json"


@dataclass(frozen=True)
class ScoreJob:
    """One command's work.

    Attributes:
        source: as `fer_tf.scoring.input_lists.find_entries` takes it, absolute.
        out: the folder of the scores, absolute.
        task: what the network answers.
        model: the network's path, absolute, or the name of one that ships; None for the first.
        model_sha256: of its file, or of a folder's files.
        column: of tables; None for a usual one.
        part: pictures in a part.
        every: seconds from one frame of a video to the next.
        finding: keyword arguments of `FaceAnalyzer`, by name.
    """

    source: str
    out: str
    task: Task
    model: str | None
    model_sha256: str
    column: str | None = None
    part: int = 500
    every: float = 1.0
    finding: tuple[tuple[str, Any], ...] = ()

    @property
    def place(self) -> Place:
        """The folder of the scores."""
        return place_of(self.out)

    @property
    def schema(self) -> pa.Schema:
        """The table's columns."""
        return schema_of(self.task)

    @property
    def about(self) -> dict[str, Any]:
        """What the answers are a function of, beside the inputs, for JSON."""
        values = {**asdict(self), "finding": dict(self.finding), "fer_tf": __version__}
        del values["out"], values["model"]  # these may be moved; the model is told by its SHA-256
        return json.loads(json.dumps(values))

    def file(self, number: int) -> Place:
        """The file of a part."""
        return self.place / f"part-{number:07}.parquet"

    def missing(self, inputs: InputList) -> Iterator[int]:
        """The parts that have no file yet, ascending.

        Raises:
            FerError: OUT can't be listed.
        """
        try:
            infos = self.place.files.get_file_info(fs.FileSelector(self.place.path))
        except OSError as error:
            raise FerError(f"{self.out}: can't be listed: {reason(error)}") from None
        there = {info.base_name for info in infos}
        return (
            part for part in inputs.parts() if self.file(part).path.rpartition("/")[2] not in there
        )


def enter(job: ScoreJob) -> None:
    """Write down in OUT what is scored, or find that it is the same as before.

    Raises:
        FerError: OUT holds the scores of something else, or other files, or can't be written.
    """
    file = job.place / FOLDER / JOB
    if not exists(job.place / FOLDER / LISTINGS):  # as after a SOURCE that was mistyped
        _refuse_strangers(job.place)
        write_whole(file, json.dumps(job.about, indent=1).encode())
        return
    try:
        found, asked = _settings(json.loads(read_whole(file))), _settings(job.about)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FerError(f"{file.name}: can't be read: {reason(error)}") from None
    for key, value in asked.items():
        if found.get(key) != value:
            raise FerError(
                f"{job.out}: holds scores with {key} {_short(found.get(key))}, found "
                f"{_short(value)}: expected the same command, or another --out"
            )


def _settings(about: dict[str, Any]) -> dict[str, Any]:
    """By name, those of the search and the answers among them."""
    return {**about, **about["finding"], "finding": None}


def _refuse_strangers(out: Place) -> None:
    try:
        infos = out.files.get_file_info(fs.FileSelector(out.path, allow_not_found=True))
    except OSError as error:
        raise FerError(f"{out.name}: can't be listed: {reason(error)}; expected a folder") from None
    for name in sorted(info.base_name for info in infos):
        if not name.startswith(".") and name != FOLDER:
            raise FerError(
                f"{out.name}: holds {name}, and no scores: expected a folder that is absent, "
                "empty, or holds scores of the same SOURCE"
            )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, or over the names and sums of a folder's files.

    Raises:
        OSError: it can't be read.
    """
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file_ in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file_.relative_to(path).as_posix()} {sha256_of(file_)}\n".encode())
    return digest.hexdigest()


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
