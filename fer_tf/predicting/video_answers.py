"""Answers for a video: rows as it runs, then a line and a picture for each person."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf.errors import shown_path
from fer_tf.predicting.answer_texts import count

if TYPE_CHECKING:
    from fer_tf.predict import Predict
    from fer_tf.predicting.row_writer import RowWriter
    from fer_tf.vision.analyzer import FaceAnalyzer
    from fer_tf.vision.results import VideoFrame


def predict_video(
    args: Predict, source: str, analyzer: FaceAnalyzer, rows: RowWriter | None
) -> None:
    """Follow the video's people: rows, files and a summary as the flags say.

    Raises:
        FerError: as of `fer_tf.vision.video.session.run_video`.
        KeyboardInterrupt: Ctrl-C; what was done until then is kept.
    """
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.video.moments import Stretch
    from fer_tf.vision.video.people import People
    from fer_tf.vision.video.session import VideoOptions, run_video

    people = People(moments=args.explain)

    def keep(frame: VideoFrame) -> None:
        people.add(frame)
        if rows is not None and frame.faces:
            rows.write(frame.to_dicts())

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
        summary = run_video(
            options,
            analyzer,
            on_frame=keep,
            say=lambda text: print(text, file=sys.stderr),
            step=step,
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
    elif summary.video is not None:
        print(f"video and pictures in {shown_path(summary.video.parent)}", file=sys.stderr)
    if summary.interrupted:
        raise KeyboardInterrupt


def _explain_moments(
    video: Path, analyzer: FaceAnalyzer, moments: Sequence[VideoFrame]
) -> Iterator[str]:
    """Draw beside the video what each person's surest answer rests on; a line each."""
    from fer_tf.files import mark_of
    from fer_tf.progress_bar import progress_bar
    from fer_tf.vision.picture_folder import save_picture

    name, mark = Path(f"{video.stem}.png"), mark_of(video)
    with progress_bar(len(moments), unit="explanations") as (_, step):
        for frame in moments:
            assert frame.pixels is not None
            (why,), (person,) = analyzer.explain_found(frame.pixels, frame.faces), frame.tracks
            panels, ending = why.panels(frame.pixels), f"-explained-person{person}"
            written = save_picture(video.parent, panels, name, ending, mark=mark)
            step(1, len(moments))
            yield f"  person {person} at {frame.seconds:.1f} s explained in {shown_path(written)}"
