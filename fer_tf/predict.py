"""Faces and their expressions in pictures or a video: `python -m fer_tf.predict photo.jpg`."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.detecting import Finding
from fer_tf.errors import FerError, shown_path
from fer_tf.files import mark_for
from fer_tf.predicting.opening import open_analyzer
from fer_tf.predicting.picture_answers import predict_pictures
from fer_tf.predicting.video_answers import predict_video

if TYPE_CHECKING:
    from fer_tf.predicting.row_writer import RowWriter
    from fer_tf.tasks import Task

DEFAULT_FOLDER = Path("predictions")


@dataclass(frozen=True)
class Predict:
    """Find the faces of pictures or of a video, and recognise each one's expression."""

    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE_OR_FOLDER")] = ()
    """These pictures are looked at, and all pictures in these folders and the folders in them."""
    video: str | None = None
    """A video is looked at in place of pictures: a file, a URL, "camera" or a camera's number."""
    out: Path | None = None
    """The annotated pictures, or the video and its timeline, are written into this folder. If not
    given, it is "predictions"; but without --explain nothing is written where the rows go to
    standard output or --show shows the video."""
    json: bool = False
    """One row for each face is written as JSON Lines, to OUT/faces.jsonl, or to standard output
    without --out."""
    csv: bool = False
    """One row for each face is written as CSV, to OUT/faces.csv, or to standard output without
    --out."""
    explain: bool = False
    """A picture of what the answer rests on is written for each face, or for each person's surest
    moment in a video. It takes seconds, and Keras."""
    show: bool = False
    """The video is shown in a window while it is worked on; the key q ends it."""
    detect_every: int = 10
    """Faces are searched in every so many frames of a video, and followed in between."""
    recognize_every: int = 1
    """Expressions are recognised in every so many frames of a video."""
    smoothing_s: float = 0.5
    """A person's probabilities in a video are averaged over so many seconds; 0 is no average."""
    every: float = 0.0
    """One frame of a video is looked at in so many seconds; 0 is every frame."""
    start: Annotated[float, arg(name="from")] = 0.0
    """A video is looked at from this second on."""
    end: Annotated[float, arg(name="to")] = math.inf
    """A video is looked at up to this second; a camera or a stream for so many seconds."""
    model: str | None = None
    """This network answers: a .tflite, .onnx or .keras file, a run folder or a servable, or "nano",
    the small one that ships. If not given, it is mit_b0_fusion, which ships, too."""
    detecting: Finding = field(default_factory=Finding)

    @functools.cached_property
    def given(self) -> frozenset[Path]:
        """`paths`, to be asked of each of thousands of pictures whether it is one of them."""
        return frozenset(self.paths)

    @property
    def folder(self) -> Path | None:
        """Where pictures or the video are written; None for nowhere."""
        elsewhere = (self.json or self.csv or self.show) and not self.explain
        return self.out or (None if elsewhere or unwritable() else DEFAULT_FOLDER)

    @property
    def rows_on_stdout(self) -> bool:
        """Whether standard output is for rows, and for nothing else."""
        return (self.json or self.csv) and self.out is None


def unwritable() -> bool:
    """Whether `DEFAULT_FOLDER` can't be written, or made in the working folder."""
    return not os.access(DEFAULT_FOLDER if DEFAULT_FOLDER.is_dir() else ".", os.W_OK)


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `predict`.
    """
    predict(cli.parse(Predict, argv, "python -m fer_tf.predict"))


def predict(args: Predict) -> None:
    """Answer for every picture, or for the video.

    Raises:
        FerError: flags that do not fit together; a model, detector, video or folder that can't be
            used; not one picture that can be read.
        KeyboardInterrupt: Ctrl-C; what was done until then is kept, and has been summed up.
    """
    _check(args)
    if args.folder is None and (args.explain or not (args.json or args.csv or args.show)):
        print(
            f"{DEFAULT_FOLDER}: can't be written here: answers only, expected --out FOLDER for "
            "the pictures",
            file=sys.stderr,
        )
    analyzer = open_analyzer(args.model, args.detecting, explain=args.explain)
    with _rows(args, analyzer.task) as rows:
        if args.video is None:
            predict_pictures(args, analyzer, rows)
        else:
            predict_video(args, args.video, analyzer, rows)


def _check(args: Predict) -> None:
    if args.video is None and not args.paths:
        raise FerError("nothing to look at: expected pictures, folders or --video")
    if args.video is not None and args.paths:
        raise FerError(f"--video and {args.paths[0]}: expected a video or pictures, not both")
    if args.json and args.csv:
        raise FerError("--json and --csv: expected one of them")
    if args.video is None and (args.every or args.start or args.end < math.inf):
        raise FerError("--every, --from and --to are for --video: expected a video")
    if args.show and args.video is None:
        raise FerError("--show is for --video: expected a video or a camera")
    if args.detecting.cropped and args.video is not None:
        raise FerError("--cropped is for pictures: expected no --video")
    for place in () if args.folder is None else (args.folder, *args.folder.parents):
        if os.path.exists(place) and not os.path.isdir(place):
            raise FerError(f"--out {args.folder}: {place} is a file, expected a folder")


@contextlib.contextmanager
def _rows(args: Predict, task: Task) -> Iterator[RowWriter | None]:
    if not (args.json or args.csv):
        yield None
        return
    from fer_tf.predicting.row_writer import FILES, Format, RowWriter

    format_: Format = "json" if args.json else "csv"
    path = None if args.out is None else args.out / FILES[format_]
    if args.video is None:
        mark = mark_for(args.paths)
    else:
        from fer_tf.vision.video.video_reader import is_live

        mark = mark_for([args.video], live=is_live(args.video))
    with RowWriter(format_, path, mark=mark, task=task) as rows:
        yield rows
    if rows.path is not None and rows.path != path:
        print(f"{shown_path(rows.path)}: the rows, as {path} is of something else", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
