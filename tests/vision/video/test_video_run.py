"""The whole way: from a clip to rows, an annotated video and a timeline, whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import FACE, astronaut, ffmpeg, frames, still, sway, write
from PIL import Image
from stub import PROBABILITIES, StubAnalyzer

from fer_tf.errors import FerError
from fer_tf.vision.video import session
from fer_tf.vision.video.session import VideoOptions, run_video
from fer_tf.vision.video.video_reader import VideoReader

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
COUNT = 50


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_frames_video_and_timeline(clip, tmp_path):
    seen, steps, said = [], [], []
    analyzer = StubAnalyzer(FACE)
    out = tmp_path / "out"
    summary = run_video(
        VideoOptions(str(clip), out=out),
        analyzer,
        on_frame=seen.append,
        step=lambda *numbers: steps.append(numbers),
        say=said.append,
    )
    assert [frame.frame for frame in seen] == list(range(COUNT))
    np.testing.assert_allclose([frame.seconds for frame in seen], np.arange(COUNT) / 25, atol=1e-6)
    assert {frame.tracks for frame in seen} == {(1,)}
    assert seen[-1][0].probabilities == pytest.approx(PROBABILITIES)
    assert seen[-1][0].box.iou(FACE) > 0.8
    assert steps == [(1, COUNT)] * COUNT
    assert said == []
    assert (summary.frames, summary.tracks) == (COUNT, 1)
    assert summary.seconds == pytest.approx(2)
    assert summary.fps > 0 and not summary.interrupted
    assert names(out) == ["clip-timeline.png", "clip.mp4"]
    assert (summary.video, summary.timeline) == (out / "clip.mp4", out / "clip-timeline.png")
    drawn = list(VideoReader(str(summary.video)).frames())
    source = list(VideoReader(str(clip)).frames())
    assert len(drawn) == COUNT
    # Something is drawn about the face, and far from it nothing.
    change = np.abs(drawn[20].pixels.astype(int) - source[20].pixels)
    assert change[60:140, 110:200].max() > 80
    assert np.median(change) < 8


def test_searches_and_recognises_as_often_as_told(clip):
    analyzer = StubAnalyzer(FACE)
    run_video(VideoOptions(str(clip), detect_every=10, recognize_every=5), analyzer)
    assert (analyzer.searched, analyzer.recognized) == (5, 10)


def test_without_matplotlib_the_timeline_is_left_out(clip, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    options = VideoOptions(str(clip), out=tmp_path)
    summary = run_video(options, StubAnalyzer(FACE), say=said.append)
    assert summary.timeline is None and names(tmp_path) == ["clip.mp4"]
    assert said == [
        "the timeline is left out: it needs matplotlib, which is not installed: "
        "`pip install fer_tf` adds it"
    ]


def test_without_anyone_there_is_no_timeline(clip, tmp_path):
    analyzer = StubAnalyzer()
    analyzer.detect = lambda image: []
    summary = run_video(VideoOptions(str(clip), out=tmp_path), analyzer)
    assert summary.timeline is None and summary.tracks == 0
    assert names(tmp_path) == ["clip.mp4"]


def test_without_a_folder_nothing_is_written(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summary = run_video(VideoOptions(str(clip)), StubAnalyzer(FACE))
    assert (summary.video, summary.timeline, summary.audio) == (None, None, "")
    assert names(tmp_path) == []


def test_is_steadier_the_longer_it_is_smoothed(clip):
    def jumps(seconds):
        analyzer = StubAnalyzer(FACE)
        rng = np.random.default_rng(0)
        steady = analyzer.recognize

        def noisy(images, detections):
            [[face]] = steady(images, detections)
            shares = rng.dirichlet(20 * np.array(PROBABILITIES))
            return [(type(face)(face.box, face.score, tuple(shares.tolist())),)]

        analyzer.recognize = noisy
        seen = []
        run_video(VideoOptions(str(clip), smoothing_s=seconds), analyzer, on_frame=seen.extend)
        assert all(sum(face.probabilities) == pytest.approx(1) for face in seen)
        return np.abs(np.diff([face.probabilities[3] for face in seen])).mean()

    assert jumps(1.0) < jumps(0.2) / 2 < jumps(0) / 4


@pytest.mark.parametrize("raised", [ZeroDivisionError, FerError])
@pytest.mark.parametrize("where", ["detect", "recognize", "on_frame"])
def test_errors_come_out_as_themselves_and_leave_nothing(clip, tmp_path, where, raised):
    analyzer = StubAnalyzer(FACE)
    calls = 0

    def fail(*arguments):
        nonlocal calls
        calls += 1
        if calls > 3:
            raise raised("told")
        return kept(*arguments)

    kept = getattr(analyzer, where, lambda frame: None)
    setattr(analyzer, where, fail)
    take = getattr(analyzer, "on_frame", lambda frame: None)
    with pytest.raises(raised, match="told"):
        run_video(VideoOptions(str(clip), out=tmp_path), analyzer, on_frame=take)
    assert names(tmp_path) == []


def test_ctrl_c_keeps_what_is_done(clip, tmp_path):
    def take(frame):
        if frame.frame == 20:
            raise KeyboardInterrupt

    summary = run_video(VideoOptions(str(clip), out=tmp_path), StubAnalyzer(FACE), on_frame=take)
    assert summary.interrupted
    assert summary.frames == 20
    assert names(tmp_path) == ["clip-timeline.png", "clip.mp4"]
    assert len(list(VideoReader(str(tmp_path / "clip.mp4")).frames())) == 20


SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[3]]
from stub import StubAnalyzer
from fer_tf.vision.video.session import VideoOptions, run_video
summary = run_video(
    VideoOptions(sys.argv[1], out=Path(sys.argv[2])), StubAnalyzer(),
    on_frame=lambda frame: print(frame.frame, flush=True),
)
print("interrupted" if summary.interrupted else "whole", summary.frames)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_a_real_ctrl_c_to_the_whole_terminal(tmp_path):
    long = write(tmp_path / "long.mp4", frames(600, (astronaut(), still), size=(320, 240)))
    command = [sys.executable, "-c", SCRIPT, str(long), str(tmp_path / "out")]
    command.append(str(Path(__file__).parent))
    run = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stdout is not None
    for line in run.stdout:
        if line == "30\n":
            # As a terminal does it: to every process of the group, an encoder among them.
            os.killpg(run.pid, signal.SIGINT)
            break
    out, err = run.communicate(timeout=60)
    word, count = out.splitlines()[-1].split()
    assert (word, run.returncode, err) == ("interrupted", 0, "")
    assert names(tmp_path / "out") == ["long-timeline.png", "long.mp4"]
    written = list(VideoReader(str(tmp_path / "out" / "long.mp4")).frames())
    assert abs(len(written) - int(count)) <= 1


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not on PATH: it makes the clip")
def test_sound_is_kept_and_a_cut_is_told(clip, tmp_path):
    sounding, cut = tmp_path / "sounding.mp4", tmp_path / "cut.mp4"
    ffmpeg(
        "-i", clip, "-f", "lavfi", "-i", "sine=d=2", "-c:v", "copy", "-c:a", "aac",
        "-movflags", "+faststart", sounding,
    )  # fmt: skip
    summary = run_video(VideoOptions(str(sounding), out=tmp_path / "a"), StubAnalyzer(FACE))
    assert summary.audio == "kept"
    cut.write_bytes(sounding.read_bytes()[: sounding.stat().st_size // 2])
    said = []
    options = VideoOptions(str(cut), out=tmp_path / "b")
    summary = run_video(options, StubAnalyzer(FACE), say=said.append)
    assert len(said) == 1 and "was cut off" in said[0]
    assert 0 < summary.frames < COUNT
    assert summary.video is not None and summary.video.exists()


def test_never_writes_over_what_it_reads(clip, tmp_path):
    path = tmp_path / "clip.mp4"
    shutil.copy(clip, path)
    for _ in range(2):  # a second run replaces what the first one wrote
        run_video(VideoOptions(str(path), out=tmp_path), StubAnalyzer(FACE))
        assert path.read_bytes() == clip.read_bytes()
        assert names(tmp_path) == ["clip-2-timeline.png", "clip-2.mp4", "clip.mp4"]


def test_the_longest_name_stops_nothing(clip, tmp_path):
    name = "n" * (255 - len(clip.suffix))
    long = shutil.copy(clip, tmp_path / f"{name}{clip.suffix}")
    run_video(VideoOptions(str(long), out=tmp_path / "out"), StubAnalyzer(FACE))
    kept = name[:200]
    assert names(tmp_path / "out") == [f"{kept}-timeline.png", f"{kept}.mp4"]


def test_videos_of_one_name_stay_apart(clip, tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(clip, tmp_path / place / "clip.mp4")
    out = tmp_path / "out"
    out.mkdir()
    mine = out / "clip-timeline.png"
    mine.write_bytes(b"mine")
    for place in ("a", "b", "b"):
        source = str(tmp_path / place / "clip.mp4")
        run_video(VideoOptions(source, out=out), StubAnalyzer(FACE))
    assert mine.read_bytes() == b"mine"
    assert names(out) == [
        "clip-2-timeline.png",
        "clip-2.mp4",
        "clip-timeline-2.png",
        "clip-timeline.png",
        "clip.mp4",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"detect_every": 0}, "--detect-every: found 0"),
        ({"recognize_every": -1}, "--recognize-every: found -1"),
        ({"smoothing_s": -0.5}, "--smoothing-s: found -0.5"),
        ({"smoothing_s": float("nan")}, "--smoothing-s: found nan"),
        ({"source": "absent.mp4"}, "absent.mp4: is not there"),
    ],
)
def test_bad_options_are_told_in_one_sentence(clip, change, told):
    with pytest.raises(FerError, match=told):
        run_video(VideoOptions(**{"source": str(clip), **change}), StubAnalyzer())


def test_the_shipped_network_on_a_real_face(tmp_path):
    from fer_tf.vision.analyzer import FaceAnalyzer

    clip = write(tmp_path / "clip.mp4", frames(30, (astronaut(), sway)))
    faces = []
    options = VideoOptions(str(clip), out=tmp_path / "out", detect_every=10)
    summary = run_video(options, FaceAnalyzer(threads=1), on_frame=faces.extend)
    assert summary.tracks == 1 and len(faces) == 30
    assert {face.emotion for face in faces} == {"Happy"}
    assert summary.timeline is not None
    with Image.open(summary.timeline) as picture:
        assert picture.width > 1000
