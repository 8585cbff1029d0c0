"""Faces and expressions of archives, as a table: `python -m fer_tf.score SOURCE --out DIR`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.detecting import Detecting
from fer_tf.errors import FerError
from fer_tf.installed import absent

if TYPE_CHECKING:
    from fer_tf.scoring.part_scores import PartTally
    from fer_tf.scoring.score_jobs import ScoreJob


@dataclass(frozen=True)
class Score:
    """Score an archive into a table of Parquet files, a row for each face. The same command goes on
    after whatever stopped it."""

    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """A folder, a quoted glob, a picture, a video, a tar shard, a zip, or a CSV or Parquet table of
    paths or bytes: a path or an address such as s3://bucket/photos."""
    out: str
    """The table is written into this folder, which may be an address, too."""
    column: str | None = None
    """This column of a table holds the paths or bytes. If not given, it is one of a usual name."""
    every: float = 1.0
    """One frame of a video is looked at in so many seconds."""
    part: int = 500
    """So many pictures are a part, which becomes a file and is scored again if its worker dies."""
    relist: bool = False
    """SOURCE is listed again, and what has come since is added."""
    workers: int | None = None
    """So many parts are scored at a time, each with a core. If not given, all cores are used."""
    ray_address: str | None = None
    """This Ray cluster is joined; "auto" finds one on this machine. If not given, Ray is started
    here."""
    model: str | None = None
    """This network answers, on the CPU: a .tflite, .onnx or .keras file, a run folder or a
    servable, or "nano", the small one that ships. If not given, it is mit_b0_fusion, which ships,
    too."""
    cropped: bool = False
    """Each picture is a face already, cropped as FER2013's are, so none is looked for."""
    min_certainty: float = 0.0
    """A label is "unsure" if its probability is below this, in [0, 1]."""
    tta: Literal["none", "flip"] = "none"
    """With flip, a face's answer is the mean over the face and its mirror image, which is right
    more often, and takes a second run of the network."""
    detecting: Detecting = field(default_factory=Detecting)


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `score`.
    """
    score(cli.parse(Score, argv, "python -m fer_tf.score"))


def score(args: Score) -> PartTally:
    """Score what has no score yet.

    Returns:
        The sums over the parts that were scored now.

    Raises:
        FerError: flags that can't be meant; SOURCE, OUT, the network or Ray can't be used; OUT
            holds something else.
        KeyboardInterrupt: Ctrl-C; the parts that were done are kept.
    """
    _check(args)
    from fer_tf.predicting.answer_texts import count
    from fer_tf.progress_bar import progress_bar
    from fer_tf.scoring.input_lists import InputList, find_entries
    from fer_tf.scoring.part_scores import PartTally
    from fer_tf.scoring.ray_parts import run_parts
    from fer_tf.scoring.score_jobs import enter

    job = job_of(args)
    enter(job)
    inputs = InputList(job.place)
    if args.relist or not len(inputs):
        print(f"listing {args.source}", file=sys.stderr)
        inputs.add(find_entries(job.source, job.column), job.part)
    if not len(inputs):
        raise FerError(f"{args.source}: nothing to score in there, expected pictures or videos")
    waiting = sum(1 for _ in job.missing(inputs))
    done = PartTally()
    if waiting:
        with progress_bar(waiting, unit="parts") as (_, step):

            def add(part: PartTally) -> None:
                nonlocal done
                done += part
                step(1, waiting)

            try:
                run_parts(
                    job,
                    job.missing(inputs),
                    workers=args.workers,
                    address=args.ray_address,
                    done=add,
                    say=lambda sentence: print(sentence, file=sys.stderr),
                )
            except (FerError, KeyboardInterrupt, SystemExit):
                print(f"{_told(done)} until it ended; the same command goes on", file=sys.stderr)
                raise
    print(f"{args.out}: {count(len(inputs), 'part')}, {waiting:,} scored now: {_told(done)}")
    return done


def _told(done: PartTally) -> str:
    from fer_tf.predicting.answer_texts import count

    return (
        f"{count(done.inputs, 'input')}, {count(done.faces, 'face')}, {done.empty:,} without a "
        f"face, {done.failed:,} failed"
    )


def job_of(args: Score) -> ScoreJob:
    """The work as a value; the network is opened for that.

    Raises:
        FerError: the network or an address can't be opened.
    """
    from fer_tf.scoring.places import place_of
    from fer_tf.scoring.score_jobs import ScoreJob, sha256_of
    from fer_tf.shipped import SHIPPED
    from fer_tf.vision.analyzer import FaceAnalyzer

    os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")
    model = args.model
    if model is not None and model not in SHIPPED:
        model = os.path.abspath(model)
    finding = {
        **asdict(args.detecting),
        "cropped": args.cropped,
        "min_certainty": args.min_certainty,
        "tta": args.tta,
    }
    if detector := args.detecting.detector:
        # Its name, or a path that the other machines find, too.
        finding["detector"] = os.path.abspath(detector) if detector.exists() else str(detector)
    analyzer = FaceAnalyzer(model, **finding, threads=1)
    return ScoreJob(
        source=place_of(args.source).name,
        out=place_of(args.out).name,
        task=analyzer.task,
        model=model,
        model_sha256=sha256_of(analyzer.recognizer.path),
        column=args.column,
        part=args.part,
        every=args.every,
        finding=tuple(finding.items()),
    )


def _check(args: Score) -> None:
    for package in ("ray", "pyarrow"):
        if find_spec(package) is None:
            raise FerError(f"score: {absent(package, 'scale')}")
    for flag, number in (("--part", args.part), ("--workers", args.workers)):
        if number is not None and number < 1:
            raise FerError(f"{flag}: found {number}, expected 1 or more")
    if not 0 <= args.every < float("inf"):
        raise FerError(f"--every: found {args.every:g}, expected seconds, at least 0")


if __name__ == "__main__":
    cli.run(main)
