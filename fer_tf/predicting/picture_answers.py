"""Answers for pictures: a few at a time are held, and what became of all is summed up."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.errors import FerError, shown_path
from fer_tf.files import mark_for
from fer_tf.predicting.answer_texts import count, describe

if TYPE_CHECKING:
    from fer_tf.predict import Predict
    from fer_tf.predicting.row_writer import RowWriter
    from fer_tf.vision.analyzer import FaceAnalyzer
    from fer_tf.vision.results import Face
    from fer_tf.vision.stream import Picture

EMPTY_NAMED = 20
"""Files without a face that are named at the end, at most."""


@dataclass
class Tally:
    """What became of the pictures."""

    pictures: int = 0
    faces: int = 0
    empty: list[str] = field(default_factory=list)
    stopped: bool = False
    troubles: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [count(self.pictures, "picture"), count(self.faces, "face")]
        if self.empty:
            parts.append(f"{len(self.empty):,} without a face")
        if self.troubles:
            parts.append(f"{len(self.troubles):,} unreadable")
        return ", ".join(parts) + ("; stopped before the rest" if self.stopped else "")


def predict_pictures(args: Predict, analyzer: FaceAnalyzer, rows: RowWriter | None) -> None:
    """Answer for every picture: lines on standard output, files and rows as the flags say.

    Raises:
        FerError: not one picture can be read, or a file can't be written.
        KeyboardInterrupt: Ctrl-C; what was done until then is kept, and has been summed up.
    """
    from fer_tf.pictures.finding import find_new
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.stream import read_ahead

    tally, folder = Tally(), args.folder
    found = partial(find_new, args.paths, folder)
    total = sum(1 for _ in found()) if sys.stderr.isatty() else 0
    try:
        with (
            progress_bar(total) as (say, step),
            contextlib.closing(read_ahead(found(), analyzer.detect)) as chunks,
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
        if not tally.stopped:
            _name_videos(args)
        if args.rows_on_stdout and tally.faces and folder is not None:
            print(f"pictures in {shown_path(folder)}", file=sys.stderr)
    if not tally.pictures:
        raise FerError(_nothing_read(args, tally))


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
        if not faces:
            tally.empty.append(shown_path(picture.path))


def _keep(
    args: Predict,
    picture: Picture,
    faces: tuple[Face, ...],
    folder: Path | None,
    rows: RowWriter | None,
    analyzer: FaceAnalyzer,
) -> list[str]:
    """Write one picture's rows and files; returns what there is to say."""
    from fer_tf.vision.drawing import draw_faces
    from fer_tf.vision.face_table import face_dict
    from fer_tf.vision.picture_folder import save_picture
    from fer_tf.vision.results import NO_FACE

    name = os.fspath(picture.path)
    shown = shown_path(picture.path)
    if rows is not None:
        rows.write(face_dict(face, index, source=name) for index, face in enumerate(faces))
    if not faces:
        return [f"{shown}: {NO_FACE}"]
    lines = [f"{shown}: {describe(face)}" for face in faces]
    if folder is not None:
        source = _relative(picture.path, args)
        drawn = draw_faces(picture.pixels, faces)
        mark = mark_for([picture.path])
        written = save_picture(folder, drawn, source, "-faces", mark=mark)
        lines.append(f"  drawn in {shown_path(written)}")
        if args.explain:
            for number, why in enumerate(analyzer.explain_found(picture.pixels, faces), 1):
                ending = "-explained" if len(faces) == 1 else f"-explained-face{number}"
                panels, as_png = why.panels(picture.pixels), source.with_suffix(".png")
                written = save_picture(folder, panels, as_png, ending, mark=mark)
                lines.append(f"  explained in {shown_path(written)}")
    return lines


def _relative(path: Path, args: Predict) -> Path:
    """Of a picture, its place in the folder that was given; its name, if it was given itself."""
    if path not in args.given:
        for folder in args.paths:
            if path.is_relative_to(folder):
                return path.relative_to(folder)
    return Path(path.name)


def _sum_up(tally: Tally) -> None:
    """On stderr, where it is more than one picture: counts, and the files without an answer."""
    if tally.pictures + len(tally.troubles) > 1 or tally.stopped:
        print(tally, file=sys.stderr)
        for trouble in tally.troubles:
            print(f"unreadable: {trouble}", file=sys.stderr)
        for path in tally.empty[:EMPTY_NAMED]:
            print(f"without a face: {path}", file=sys.stderr)
        if len(tally.empty) > EMPTY_NAMED:
            print(
                f"without a face: {len(tally.empty) - EMPTY_NAMED:,} more; --json or --csv give a "
                "row for each face that was found",
                file=sys.stderr,
            )


def _name_videos(args: Predict) -> None:
    """On stderr, of the folders: they are looked at one at a time, by another flag."""
    from fer_tf.pictures.finding import find_new
    from fer_tf.vision.stream import VIDEO_SUFFIXES

    folders = [path for path in args.paths if path.is_dir()]
    if videos := sum(1 for _ in find_new(folders, args.folder, VIDEO_SUFFIXES)):
        print(f"passed over: {count(videos, 'video')}, expected as --video FILE", file=sys.stderr)


def _nothing_read(args: Predict, tally: Tally) -> str:
    if len(tally.troubles) == 1:
        return tally.troubles[0]
    if tally.troubles:
        return f"none of {count(len(tally.troubles), 'picture')} can be read"
    given = ", ".join(map(shown_path, args.paths))
    return f"{given}: no pictures in there, expected JPEG, PNG or the like"
