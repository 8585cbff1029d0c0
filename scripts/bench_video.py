"""How many frames a second the whole way of a video takes: decode, follow, recognise, encode.

    python scripts/bench_video.py [--models 224=fer_224_int8.tflite] [--rounds 5]
    python scripts/bench_video.py --against WORKTREE     # another version, in turn
    python scripts/bench_video.py --details     # trackers and encoder presets, side by side

The clip: 640x480 pixels, 25 frames a second, 10 s, one face (scikit-image's astronaut, NASA,
public domain) that moves and comes nearer. Rounds of all forms alternate, and the median counts.
The times of the stages are those of the clock on the stage's own thread: the stages overlap, so
they don't add up, and what runs beside them slows them. The details are processor time.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from _machine import ROOT, header

sys.path.insert(0, str(ROOT / "tests" / "vision" / "video"))

from clips import astronaut, frames, sway, write

from fer_tf.detecting import DETECT_SIZE
from fer_tf.vision.analyzer import FaceAnalyzer
from fer_tf.vision.detectors.yunet import YunetDetector
from fer_tf.vision.results import Box
from fer_tf.vision.video import session, writer
from fer_tf.vision.video.flow import PointFlow
from fer_tf.vision.video.tracking import Tracker
from fer_tf.vision.video.video_reader import VideoReader

FACE = Box(45, 47, 97, 97)
"""The face in the astronaut's picture."""

STAGES: dict[str, tuple[Any, str]] = {
    "decode": (VideoReader, "_grab"),
    "convert": (VideoReader, "_retrieve"),
    "detect": (YunetDetector, "glance"),
    "track": (Tracker, "advance"),
    "recognise": (FaceAnalyzer, "recognize"),
    "draw": (session, "draw_faces"),
    "encode": (writer.VideoWriter, "write"),
    "finish": (writer.VideoWriter, "finish"),
}
"""What is timed: "encode" is handing frames over, "finish" waits for the last ones."""


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Within, the seconds that each stage takes are summed up."""
    seconds = dict.fromkeys(STAGES, 0.0)

    def wrap(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                seconds[stage] += time.perf_counter() - start

        return call

    with ExitStack() as stack:
        for stage, (owner, name) in STAGES.items():
            function = wrap(stage, getattr(owner, name))
            stack.enter_context(mock.patch.object(owner, name, function))
        yield seconds


def measure(
    clip: Path, analyzer: FaceAnalyzer, options: dict[str, Any], *, ffmpeg: bool
) -> tuple[float, dict[str, float]]:
    """Frames a second of one run, and milliseconds a frame of each stage."""
    path = os.environ["PATH"] if ffmpeg else ""
    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.dict(os.environ, PATH=path),
        timed() as seconds,
    ):
        start = time.perf_counter()
        summary = session.run_video(
            session.VideoOptions(str(clip), out=Path(out), **options), analyzer
        )
        elapsed = time.perf_counter() - start
    assert summary.tracks == 1
    stages = {stage: 1000 * spent / summary.frames for stage, spent in seconds.items()}
    return summary.frames / elapsed, stages


def compare(clip: Path, args: argparse.Namespace) -> None:
    """Print the frames a second of each model, with ffmpeg and without."""
    models: list[tuple[str, str | None]] = [("shipped", None)]
    models += [(name, path) for name, _, path in (text.partition("=") for text in args.models)]
    analyzers = {
        name: FaceAnalyzer(path, detect_size=args.detect_size, threads=args.threads)
        for name, path in models
    }
    options = {"detect_every": args.detect_every, "recognize_every": args.recognize_every}
    forms = [(name, ffmpeg) for name in analyzers for ffmpeg in (True, False)]
    results: dict[tuple[str, bool], list[tuple[float, dict[str, float]]]] = {f: [] for f in forms}
    for _ in range(args.rounds):
        for name, ffmpeg in forms:
            result = measure(clip, analyzers[name], options, ffmpeg=ffmpeg)
            results[name, ffmpeg].append(result)
    print(
        f"searched at {args.detect_size} px, every {args.detect_every} frames, recognition every "
        f"{args.recognize_every}, {args.threads} threads, median of {args.rounds} rounds"
    )
    print(f"{'model':10} {'px':>4} {'encoder':8} {'frames/s':>9}   " + "ms a frame")
    print(f"{'':34}   " + " ".join(f"{stage:>9}" for stage in STAGES))
    for (name, ffmpeg), rounds in results.items():
        fps = statistics.median(speed for speed, _ in rounds)
        stages = [statistics.median(times[stage] for _, times in rounds) for stage in STAGES]
        size = analyzers[name].recognizer.size[0]
        encoder = "ffmpeg" if ffmpeg else "OpenCV"
        row = " ".join(f"{ms:9.2f}" for ms in stages)
        print(f"{name:10} {size:4} {encoder:8} {fps:9.1f}   {row}")


ONE_RUN = """
import pathlib, sys, time
from fer_tf.vision.analyzer import FaceAnalyzer
from fer_tf.vision.video.session import VideoOptions, run_video
analyzer = FaceAnalyzer(threads=1)
for _ in range(2):  # the first one imports what draws the timeline
    start = time.perf_counter()
    summary = run_video(VideoOptions(sys.argv[1], pathlib.Path(sys.argv[2])), analyzer)
print(summary.frames / (time.perf_counter() - start), summary.tracks)
"""


def against(clip: Path, tree: Path, rounds: int) -> None:
    """Print the frames a second of two versions of this package, in processes that take turns."""
    speeds: dict[Path, list[float]] = {tree: [], ROOT: []}
    for _ in range(rounds):
        for version, values in speeds.items():
            with tempfile.TemporaryDirectory() as out:
                done = subprocess.run(
                    [sys.executable, "-c", ONE_RUN, str(clip), out],
                    env={**os.environ, "PYTHONPATH": str(version)},
                    cwd=version, capture_output=True, text=True, check=True,
                )  # fmt: skip
            fps, people = done.stdout.split()
            assert people == "1"
            values.append(float(fps))
    ratio = statistics.median(new / old for old, new in zip(*speeds.values(), strict=True))
    other, this = (statistics.median(values) for values in speeds.values())
    print(f"the other {other:.1f}, this {this:.1f} frames/s: {ratio:.2f} times as fast")


def truth(index: int) -> Box:
    """Where the face is in a frame."""
    left, top, scale = sway(index)
    return Box(
        left + scale * FACE.left, top + scale * FACE.top, scale * FACE.width, scale * FACE.height
    )


def trackers(pictures: list[np.ndarray]) -> None:
    """Print processor time and accuracy of trackers that start right and are never corrected."""

    class Ours:
        def init(self, picture: np.ndarray, box: tuple[int, ...]) -> None:
            self.box, self.flow = Box(*box), PointFlow()
            self.flow.advance(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), [])

        def update(self, picture: np.ndarray) -> tuple[bool, tuple[float, ...]]:
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            [motion] = self.flow.advance(grey, [self.box])
            self.box = motion.of(self.box) if motion else self.box
            box = self.box
            return motion is not None, (box.left, box.top, box.width, box.height)

    legacy = getattr(cv2, "legacy", None)
    makers = {
        "PointFlow (here)": Ours,
        "MIL": getattr(cv2, "TrackerMIL_create", None),
        "MedianFlow (contrib)": getattr(legacy, "TrackerMedianFlow_create", None),
        "MOSSE (contrib)": getattr(legacy, "TrackerMOSSE_create", None),
        "KCF (contrib)": getattr(cv2, "TrackerKCF_create", None),
        "CSRT (contrib)": getattr(cv2, "TrackerCSRT_create", None),
    }
    print(f"{'tracker':22} ms a frame   mean IoU, 100 frames   lowest")
    for name, make in makers.items():
        if make is None:
            print(f"{name:22} not in this OpenCV")
            continue
        tracker = make()
        start = truth(0)
        corners = tuple(round(side) for side in (start.left, start.top, start.width, start.height))
        tracker.init(pictures[0], corners)
        times, overlaps = [], []
        for index in range(1, 100):
            began = time.process_time()
            _, box = tracker.update(pictures[index])
            times.append(time.process_time() - began)
            overlaps.append(Box(*box).iou(truth(index)))
        mean, lowest = statistics.mean(overlaps), min(overlaps)
        print(f"{name:22} {1000 * statistics.median(times):10.2f}   {mean:20.3f}   {lowest:6.3f}")


def presets(pictures: list[np.ndarray]) -> None:
    """Print processor time and size of x264's presets on one thread."""
    planes = [cv2.cvtColor(p, cv2.COLOR_BGR2YUV_I420).tobytes() for p in pictures]
    print("x264 preset   ms a frame   KB a second")
    for preset in ("ultrafast", "superfast", "veryfast", "medium"):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.mp4"
            command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s"]
            command += ["640x480", "-r", "25", "-i", "-", "-c:v", "libx264", "-preset", preset]
            command += ["-crf", "20", "-threads", "1", str(out)]
            start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            subprocess.run(command, input=b"".join(planes), check=True)
            spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start
            size = out.stat().st_size / 1000 / (len(planes) / 25)
        print(f"{preset:13} {1000 * spent / len(planes):10.2f}   {size:11.0f}")


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="*", default=[], help="NAME=FILE beside the shipped one")
    parser.add_argument("--detect-size", type=int, default=DETECT_SIZE)
    parser.add_argument("--against", type=Path, help="a worktree of another version")
    parser.add_argument("--detect-every", type=int, default=session.VideoOptions("").detect_every)
    parser.add_argument("--recognize-every", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the network (default: 1)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of the clip")
    parser.add_argument("--details", action="store_true", help="compare trackers and presets")
    args = parser.parse_args()

    print(header(), "\n")
    pictures = list(frames(max(100, round(25 * args.seconds)), (astronaut(), sway)))
    if args.details:
        trackers(pictures)
        print()
        presets(pictures)
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "clip.mp4", iter(pictures))
        compare(clip, args)
        if args.against is not None:
            against(clip, args.against.resolve(), args.rounds)


if __name__ == "__main__":
    main()
