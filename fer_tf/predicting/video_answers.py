"""Answers for a video: rows as it runs, then a line and a picture for each person."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_tf.predicting.answer_texts import count, shown_path

if TYPE_CHECKING:
    from fer_tf.predict import Predict
    from fer_tf.predicting.row_writer import RowWriter
    from fer_tf.vision.analyzer import FaceAnalyzer
    from fer_tf.vision.video.session import FaceRow


def predict_video(
    args: Predict, source: str, analyzer: FaceAnalyzer, rows: RowWriter | None
) -> None:
    """Follow the video's people: rows, files and a summary as the flags say.

    Raises:
        FerError: as of `fer_tf.vision.video.session.run_video`.
        KeyboardInterrupt: Ctrl-C; what was done until then is kept.
    """
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.face_table import face_dict
    from fer_tf.vision.video.moments import Stretch
    from fer_tf.vision.video.people import People
    from fer_tf.vision.video.session import VideoOptions, run_video

    people = People(moments=args.explain)
    frame, index = -1, 0

    def keep(row: FaceRow) -> None:
        nonlocal frame, index
        frame, index = row.frame, index + 1 if row.frame == frame else 0
        people.add(row)
        if rows is not None:
            place: dict[str, Any] = {"source": source, "frame": frame, "seconds": row.time}
            rows.write([face_dict(row.face, index, **place, track=row.track)])

    options = VideoOptions(
        source,
        args.folder,
        args.show,
        detect_every=args.detect_every,
        recognize_every=args.recognize_every,
        smoothing_s=args.smoothing_s,
        wanted=Stretch(args.every, args.start, args.end),
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
    shown = shown_path(source)
    lines = [
        f"{shown}: {count(summary.frames, 'frame')} of {summary.seconds:.1f} s, "
        f"{count(summary.tracks, 'person', 'people')}, {summary.fps:.1f} frames a second",
        *(f"{shown}: {line}" for line in people.lines()),
    ]
    if summary.video is not None:
        sound = "" if summary.audio == "kept" else f" (no sound: {summary.audio})"
        lines.append(f"  drawn in {shown_path(summary.video)}{sound}")
    if summary.timeline is not None:
        lines.append(f"  over time in {shown_path(summary.timeline)}")
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
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.picture_folder import PictureFolder

    folder = PictureFolder(video.parent)
    with progress_bar(len(moments), unit="explanations") as (_, step):
        for row in moments:
            (why,) = analyzer.explain_found(row.pixels, [row.face])
            name, ending = Path(f"{video.stem}.png"), f"-explained-person{row.track}"
            written = folder.save(why.panels(row.pixels), name, ending, mark=mark_of(video))
            step(1, len(moments))
            yield f"  person {row.track} at {row.time:.1f} s explained in {shown_path(written)}"
