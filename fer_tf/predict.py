"""Faces and their expressions in pictures or a video: `python -m fer_tf.predict photo.jpg`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.detecting import Detecting
from fer_tf.errors import FerError
from fer_tf.files import mark_for

if TYPE_CHECKING:
    from fer_tf.tasks import Task
    from fer_tf.vision.analyzer import FaceAnalyzer
    from fer_tf.vision.face_rows import RowWriter
    from fer_tf.vision.picture_folder import PictureFolder
    from fer_tf.vision.results import Face
    from fer_tf.vision.stream import Picture
    from fer_tf.vision.video.session import FaceRow

DEFAULT_FOLDER = Path("predictions")
NAMED = 0.05
"""Emotions after the first are named in words from this probability on."""


@dataclass(frozen=True)
class Predict:
    """Find the faces of pictures or of a video, and recognise each one's expression."""

    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE_OR_FOLDER")] = ()
    """These pictures are looked at, and all pictures in these folders and the folders in them."""
    video: str | None = None
    """A video is looked at in place of pictures: a file, a URL, "camera" or a camera's number."""
    out: Path | None = None
    """The annotated pictures, or the video and its timeline, are written into this folder. If not
    given, it is "predictions", unless the rows go to standard output or --show shows them."""
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
    """Expressions are recognised in every so many frames of a video; 3 keeps up with 25 frames a
    second at 224 px."""
    smoothing_s: float = 0.5
    """A person's probabilities in a video are averaged over so many seconds; 0 is no average."""
    cropped: bool = False
    """Each picture is a face already, cropped as FER2013's are, so that none is looked for."""
    model: Path | None = None
    """This network answers: a .tflite, .onnx or .keras file, a run folder or a servable. If not
    given, it is the network that ships."""
    detecting: Detecting = field(default_factory=Detecting)

    @property
    def folder(self) -> Path | None:
        """Where pictures or the video are written; None for nowhere."""
        silent = (self.json or self.csv) and not self.explain
        return self.out or (None if silent or self.show or unwritable() else DEFAULT_FOLDER)

    @property
    def rows_on_stdout(self) -> bool:
        """Whether standard output is for rows, and for nothing else."""
        return (self.json or self.csv) and self.out is None


def unwritable() -> bool:
    """Whether `DEFAULT_FOLDER` can't be written, or made in the working folder."""
    return not os.access(DEFAULT_FOLDER if DEFAULT_FOLDER.is_dir() else ".", os.W_OK)


@dataclass
class Tally:
    """What became of the pictures."""

    pictures: int = 0
    faces: int = 0
    empty: int = 0
    stopped: bool = False
    troubles: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [_count(self.pictures, "picture"), _count(self.faces, "face")]
        if self.empty:
            parts.append(f"{self.empty:,} without a face")
        if self.troubles:
            parts.append(f"{len(self.troubles):,} unreadable")
        return ", ".join(parts) + ("; stopped before the rest" if self.stopped else "")


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
    # What can't be encoded, of a file's name say, is written as an escape.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    from fer_tf.vision.analyzer import FaceAnalyzer

    analyzer = FaceAnalyzer(args.model, **asdict(args.detecting), cropped=args.cropped)
    if args.explain:
        # What can't be explained is told before the work.
        analyzer.explainer.open()
    with _rows(args, analyzer.task) as rows:
        if args.video is None:
            _predict_pictures(args, analyzer, rows)
        else:
            _predict_video(args, args.video, analyzer, rows)


def _check(args: Predict) -> None:
    if args.video is None and not args.paths:
        raise FerError("nothing to look at: expected pictures, folders or --video")
    if args.video is not None and args.paths:
        raise FerError(f"--video and {args.paths[0]}: expected a video or pictures, not both")
    if args.json and args.csv:
        raise FerError("--json and --csv: expected one of them")
    if args.show and args.video is None:
        raise FerError("--show is for --video: expected a video or a camera")
    if args.cropped and args.video is not None:
        raise FerError("--cropped is for pictures: expected no --video")
    for place in () if args.folder is None else (args.folder, *args.folder.parents):
        if os.path.exists(place) and not os.path.isdir(place):
            raise FerError(f"--out {args.folder}: {place} is a file, expected a folder")


@contextlib.contextmanager
def _rows(args: Predict, task: Task) -> Iterator[RowWriter | None]:
    if not (args.json or args.csv):
        yield None
        return
    from fer_tf.vision.face_rows import FILES, Format, RowWriter

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
        print(f"{_shown(rows.path)}: the rows, as {path} is of something else", file=sys.stderr)


def _predict_pictures(args: Predict, analyzer: FaceAnalyzer, rows: RowWriter | None) -> None:
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.picture_folder import PictureFolder
    from fer_tf.vision.stream import read_ahead

    tally = Tally()
    folder = None if args.folder is None else PictureFolder(args.folder)
    total = sum(1 for _ in _find(args)) if sys.stderr.isatty() else 0
    try:
        with (
            progress_bar(total) as (say, step),
            contextlib.closing(read_ahead(_find(args), analyzer.detect)) as chunks,
        ):
            for chunk in chunks:
                for picture, faces in _answer(analyzer, chunk, tally):
                    lines = _keep(args, picture, faces, folder, rows, analyzer)
                    if not args.rows_on_stdout:
                        say("\n".join(lines))
                    step(1)
                step(sum(bool(picture.trouble) for picture in chunk))
    except KeyboardInterrupt:
        tally.stopped = True
        raise
    finally:
        _sum_up(tally)
        if args.rows_on_stdout and tally.faces and folder is not None:
            print(f"pictures in {_shown(folder.root)}", file=sys.stderr)
    if not tally.pictures:
        raise FerError(_nothing_read(args, tally))


def _find(args: Predict) -> Iterator[Path]:
    """The pictures, but for those that an earlier run wrote to the same folder."""
    from fer_tf.files import MARK, mark_of
    from fer_tf.pictures.finding import find_images

    own = None if args.folder is None else os.path.join(os.path.abspath(args.folder), "")
    for path in find_images(args.paths):
        inside = own is not None and os.path.abspath(path).startswith(own)
        if not inside or path in args.paths or not mark_of(path).startswith(MARK):
            yield path


def _answer(
    analyzer: FaceAnalyzer, chunk: Sequence[Picture], tally: Tally
) -> Iterator[tuple[Picture, tuple[Face, ...]]]:
    """The faces of those pictures of a chunk that can be read."""
    tally.troubles += [picture.trouble for picture in chunk if picture.trouble]
    readable = [picture for picture in chunk if not picture.trouble]
    answers = analyzer.recognize(
        [picture.pixels for picture in readable], [picture.faces for picture in readable]
    )
    for picture, faces in zip(readable, answers, strict=True):
        yield picture, faces
        tally.pictures += 1
        tally.faces += len(faces)
        tally.empty += not faces


def _keep(
    args: Predict,
    picture: Picture,
    faces: tuple[Face, ...],
    folder: PictureFolder | None,
    rows: RowWriter | None,
    analyzer: FaceAnalyzer,
) -> list[str]:
    """Write one picture's rows and files; returns what there is to say."""
    from fer_tf.vision.drawing import draw_faces
    from fer_tf.vision.face_rows import Row
    from fer_tf.vision.results import NO_FACE

    name = os.fspath(picture.path)
    shown = _shown(picture.path)
    if rows is not None:
        rows.write(Row(name, index, face) for index, face in enumerate(faces))
    if not faces:
        return [f"{shown}: {NO_FACE}"]
    lines = [f"{shown}: {describe(face)}" for face in faces]
    if folder is not None:
        source = _relative(picture.path, args.paths)
        drawn = draw_faces(picture.pixels, faces)
        mark = mark_for([picture.path])
        lines.append(f"  drawn in {_shown(folder.save(drawn, source, '-faces', mark=mark))}")
        if args.explain:
            for number, why in enumerate(analyzer.explain_found(picture.pixels, faces), 1):
                ending = "-explained" if len(faces) == 1 else f"-explained-face{number}"
                panels = why.panels(picture.pixels)
                written = folder.save(panels, source.with_suffix(".png"), ending, mark=mark)
                lines.append(f"  explained in {_shown(written)}")
    return lines


def describe(face: Face) -> str:
    """An answer in words, for a person: "Happy 95%, Neutral 3% (115x115 pixels at 223, 85)"."""
    ranked = sorted(face.by_emotion.items(), key=lambda item: -item[1])
    likely = [pair for index, pair in enumerate(ranked) if index == 0 or pair[1] >= NAMED]
    answer = ", ".join(f"{name} {share:.0%}" for name, share in likely[:3])
    box = face.box
    answer = ", ".join([answer, *face.value_texts])
    return f"{answer} ({box.width:.0f}x{box.height:.0f} pixels at {box.left:.0f}, {box.top:.0f})"


def _shown(path: Path) -> str:
    """The path on one line, and without what a terminal would take for a command."""
    name = os.fspath(path)
    return name if name.isprintable() else repr(name)


def _relative(path: Path, given: Sequence[Path]) -> Path:
    """Of a picture, its place in the folder that was given; its name, if it was given itself."""
    if path not in given:
        for folder in given:
            if path.is_relative_to(folder):
                return path.relative_to(folder)
    return Path(path.name)


def _sum_up(tally: Tally) -> None:
    """On stderr, where it is more than one picture: counts, and what could not be read."""
    if tally.pictures + len(tally.troubles) > 1 or tally.stopped:
        print(tally, file=sys.stderr)
        for trouble in tally.troubles:
            print(f"unreadable: {trouble}", file=sys.stderr)


def _nothing_read(args: Predict, tally: Tally) -> str:
    if len(tally.troubles) == 1:
        return tally.troubles[0]
    if tally.troubles:
        return f"none of {_count(len(tally.troubles), 'picture')} can be read"
    return (
        f"{', '.join(map(str, args.paths))}: no pictures in there, expected JPEG, PNG or the like"
    )


def _predict_video(
    args: Predict, source: str, analyzer: FaceAnalyzer, rows: RowWriter | None
) -> None:
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.face_rows import Row
    from fer_tf.vision.video.people import People
    from fer_tf.vision.video.session import VideoOptions, run_video

    people = People(moments=args.explain)
    frame, index = -1, 0

    def keep(row: FaceRow) -> None:
        nonlocal frame, index
        frame, index = row.frame, index + 1 if row.frame == frame else 0
        people.add(row)
        if rows is not None:
            rows.write([Row(source, index, row.face, row.time, row.track)])

    options = VideoOptions(
        source,
        args.folder,
        args.show,
        detect_every=args.detect_every,
        recognize_every=args.recognize_every,
        smoothing_s=args.smoothing_s,
    )
    with progress_bar(0, unit="frames") as (_, step):
        done = 0

        def progress(frames: int, total: int) -> None:
            nonlocal done
            step(frames - done, total)
            done = frames

        summary = run_video(
            options,
            analyzer,
            rows=keep,
            say=lambda text: print(text, file=sys.stderr),
            progress=progress,
        )
    if rows is not None:
        rows.write(())
    lines = [
        f"{source}: {_count(summary.frames, 'frame')} of {summary.seconds:.1f} s, "
        f"{_count(summary.tracks, 'person', 'people')}, {summary.fps:.0f} frames a second",
        *(f"{source}: {line}" for line in people.lines()),
    ]
    if summary.video is not None:
        sound = "" if summary.audio == "kept" else f" (no sound: {summary.audio})"
        lines.append(f"  drawn in {_shown(summary.video)}{sound}")
    if summary.timeline is not None:
        lines.append(f"  over time in {_shown(summary.timeline)}")
    if summary.video is not None:
        lines += _explain_moments(summary.video, analyzer, people.moments())
    if not args.rows_on_stdout:
        print("\n".join(lines))
    if summary.interrupted:
        raise KeyboardInterrupt


def _explain_moments(
    video: Path, analyzer: FaceAnalyzer, moments: Sequence[FaceRow]
) -> Iterator[str]:
    """Draw beside the video what each person's surest answer rests on; a line each."""
    from fer_tf.files import mark_of
    from fer_tf.vision.picture_folder import PictureFolder

    folder = PictureFolder(video.parent)
    for row in moments:
        (why,) = analyzer.explain_found(row.pixels, [row.face])
        name, ending = Path(f"{video.stem}.png"), f"-explained-person{row.track}"
        written = folder.save(why.panels(row.pixels), name, ending, mark=mark_of(video))
        yield f"  person {row.track} at {row.time:.1f} s explained in {_shown(written)}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


if __name__ == "__main__":
    cli.run(main)
