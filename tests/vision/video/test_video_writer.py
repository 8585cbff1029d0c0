"""Files that are whole, with their sound, at the right times, or not there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from clips import ffmpeg

from fer_tf.errors import FerError
from fer_tf.files import mark_for
from fer_tf.vision.video import writer as module
from fer_tf.vision.video.video_reader import VideoReader
from fer_tf.vision.video.writer import VideoWriter

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="ffmpeg or ffprobe is not on PATH: they write and check the sound",
)


def grey(level, width=64, height=48):
    return np.full((height, width, 3), level, np.uint8)


def streams(path):
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]


def levels(path):
    return [int(frame.pixels.mean()) for frame in VideoReader(str(path)).frames()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


MARK = mark_for(["clip.mp4"])


@pytest.fixture(params=["ffmpeg", "opencv"])
def encoder(request, monkeypatch):
    """Each encoder in turn."""
    if request.param == "opencv":
        monkeypatch.setattr(module.shutil, "which", lambda name: None)
    elif not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not on PATH")
    return request.param


def test_writes_each_frame_at_its_time(tmp_path, encoder):
    path = tmp_path / "new" / "out.mp4"
    writer = VideoWriter(path, 10, mark=MARK)
    # The third comes late, the fifth too early: repeated, and left out.
    for time, level in [(0, 20), (0.1, 60), (0.5, 100), (0.6, 140), (0.62, 180), (0.7, 220)]:
        writer.write(grey(level), time)
    writer.finish()
    assert names(path.parent) == ["out.mp4"]
    expected = [20, 60, 60, 60, 60, 100, 180, 220]
    assert levels(path) == pytest.approx(expected, abs=6)


@pytest.mark.parametrize("size", [(65, 48), (64, 49), (33, 33)])
def test_odd_sizes_gain_a_pixel(tmp_path, encoder, size):
    path = tmp_path / "odd.mp4"
    writer = VideoWriter(path, 25, mark=MARK)
    for index in range(4):
        writer.write(grey(120, *size), index / 25)
    writer.finish()
    [first, *_] = VideoReader(str(path)).frames()
    assert first.pixels.shape[:2] == ((size[1] + 1) // 2 * 2, (size[0] + 1) // 2 * 2)
    assert first.pixels.mean() == pytest.approx(120, abs=4)


def test_another_size_is_fitted_in(tmp_path, encoder):
    path = tmp_path / "out.mp4"
    writer = VideoWriter(path, 25, mark=MARK)
    writer.write(grey(200), 0)
    assert not writer.resized
    writer.write(grey(200, 48, 48), 0.04)
    assert writer.resized
    writer.finish()
    _, second = (frame.pixels for frame in VideoReader(str(path)).frames())
    assert second[:, 12:52].mean() == pytest.approx(200, abs=12)
    assert second[:, :6].mean() < 20


def test_colours_survive(tmp_path, encoder):
    path = tmp_path / "out.mp4"
    writer = VideoWriter(path, 25, mark=MARK)
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 60, 40), (30, 120, 210)
    writer.write(picture, 0)
    writer.finish()
    [frame] = VideoReader(str(path)).frames()
    assert frame.pixels[24, 12].tolist() == pytest.approx([200, 60, 40], abs=8)
    assert frame.pixels[24, 52].tolist() == pytest.approx([30, 120, 210], abs=8)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "container", "kept"),
    [("aac", "mp4", "aac"), ("pcm_s16le", "mkv", "aac"), ("libmp3lame", "mkv", "mp3")],
)
def test_sound_is_copied_or_becomes_aac(tmp_path, codec, container, kept):
    source = tmp_path / f"source.{container}"
    ffmpeg(
        "-f", "lavfi", "-i", "color=c=red:s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=2",
        "-c:v", "mpeg4", "-c:a", codec, "-shortest", source,
    )  # fmt: skip
    path = tmp_path / "out" / "out.mp4"
    writer = VideoWriter(path, 25, source, mark=MARK)
    for index in range(25):
        writer.write(grey(5 * index), index / 25)
    assert writer.finish() == "kept"
    assert names(path.parent) == ["out.mp4"]
    video, audio = streams(path)
    assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
    assert audio["codec_name"] == kept
    # As long as the picture, which was stopped after half.
    assert float(audio["duration"]) == pytest.approx(1, abs=0.1)
    assert float(video["duration"]) == pytest.approx(1, abs=0.01)
    # The index comes first: a player starts before it has all.
    head = path.read_bytes()[:4096]
    assert b"moov" in head


@needs_ffmpeg
def test_sound_shorter_than_the_picture_does_not_shorten_it(tmp_path):
    source = tmp_path / "source.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", "color=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=0.5",
        "-c:v", "mpeg4", "-c:a", "aac", source,
    )  # fmt: skip
    writer = VideoWriter(tmp_path / "out.mp4", 25, source, mark=MARK)
    for index in range(50):
        writer.write(grey(index), index / 25)
    assert writer.finish() == "kept"
    assert float(streams(tmp_path / "out.mp4")[0]["duration"]) == pytest.approx(2, abs=0.01)


@needs_ffmpeg
def test_says_why_there_is_no_sound(tmp_path, monkeypatch):
    silent = tmp_path / "silent.mp4"
    writer = VideoWriter(silent, 25, mark=MARK)
    writer.write(grey(1), 0)
    assert "camera" in writer.finish()
    writer = VideoWriter(tmp_path / "out.mp4", 25, silent, mark=MARK)
    writer.write(grey(1), 0)
    assert writer.finish() == "the video has no sound"
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    writer = VideoWriter(tmp_path / "out.mp4", 25, silent, mark=MARK)
    writer.write(grey(1), 0)
    assert writer.finish() == "ffmpeg is not on PATH"


def test_aborted_leaves_nothing_and_what_was_there_stays(tmp_path, encoder):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"of before")
    writer = VideoWriter(path, 25, mark=MARK)
    writer.write(grey(1), 0)
    writer.write(grey(1), 1)
    writer.abort()
    assert names(tmp_path) == ["out.mp4"]
    assert path.read_bytes() == b"of before"


def test_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "two\nlines").touch()
    with pytest.raises(FerError, match=r"^'.*two\\nlines.out\.mp4': can't be written"):
        VideoWriter(tmp_path / "two\nlines" / "out.mp4", 25, mark=MARK)


@needs_ffmpeg
def test_sound_of_a_file_whose_name_is_not_utf8(tmp_path):
    source = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    source.write_text("no video")
    writer = VideoWriter(tmp_path / "out.mp4", 25, source, mark=MARK)
    writer.write(grey(1), 0)
    assert writer.finish() == "the video has no sound"
    # And where the folder is called so, which OpenCV would crash of.
    with pytest.raises(FerError, match="is not UTF-8"):
        module._OpenCv(source, (64, 48), 25)


def in_place_of_ffmpeg(folder, monkeypatch, script, encoders="libx264"):
    told = f'case "$*" in *-encoders) echo "  {encoders}  "; exit;; esac'
    encoder = folder / "bin/ffmpeg"
    encoder.parent.mkdir()
    encoder.write_text(f"#!/bin/sh\n{told}\n{script}")
    encoder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{encoder.parent}:{os.environ['PATH']}")
    return encoder


@needs_ffmpeg
@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no shell's scripts")
def test_an_ffmpeg_without_libx264_gives_the_sound_alone(tmp_path, monkeypatch):
    source = tmp_path / "in.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=d=1:s=64x48", "-f", "lavfi", "-i", "sine=d=1", source)
    real = shutil.which("ffmpeg")
    in_place_of_ffmpeg(tmp_path, monkeypatch, f'exec "{real}" "$@"\n', encoders="libopenh264")
    writer = VideoWriter(tmp_path / "out.mp4", 25, source, mark=MARK)
    for index in range(25):
        writer.write(grey(100), index / 25)
    assert writer.finish() == "kept"
    assert [each["codec_name"] for each in streams(tmp_path / "out.mp4")] == ["mpeg4", "aac"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows runs no shell's scripts")
def test_an_encoder_that_fails_at_the_end_is_told_with_the_files_own_name(tmp_path, monkeypatch):
    script = "cat > /dev/null\necho no room >&2\nexit 1\n"
    in_place_of_ffmpeg(tmp_path, monkeypatch, script)
    writer = VideoWriter(tmp_path / "out.mp4", 25, mark=MARK)
    writer.write(grey(1), 0)
    with pytest.raises(FerError, match=r"[/\\]out\.mp4: can't be written: no room"):
        writer.finish()
    writer.abort()
    assert names(tmp_path) == ["bin"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how full a pipe is")
def test_ctrl_c_within_a_frame_leaves_it_whole(tmp_path, monkeypatch):
    import fcntl
    import termios

    # In ffmpeg's place: waits until it may read, and keeps what it is given.
    script = 'until [ -e "$0.go" ]; do sleep 0.01; done\nfor out; do :; done\n'
    encoder = in_place_of_ffmpeg(tmp_path, monkeypatch, f'{script}exec cat > "${{out#file:}}"\n')
    frame = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    writer = VideoWriter(tmp_path / "out.mp4", 25, mark=MARK)
    writer.write(frame, 0)

    def interrupt():
        full = bytearray(4)
        while not int.from_bytes(full, sys.byteorder):  # until the frame has been begun
            fcntl.ioctl(writer._encoder._process.stdin, termios.FIONREAD, full)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        writer.write(frame, 0.04)
    thread.join()
    encoder.with_name("ffmpeg.go").touch()
    writer.finish()
    whole = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes()
    assert (tmp_path / "out.mp4").read_bytes().startswith(whole * 2)


@needs_ffmpeg
def test_an_encoder_that_dies_is_told_in_one_sentence(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", 25, mark=MARK)
    writer.write(grey(1), 0)
    writer._encoder._process.kill()
    with pytest.raises(FerError, match=r"out\.mp4: can't be written"):
        for index in range(1, 2000):
            writer.write(grey(1), index / 25)
    writer.abort()
    assert names(tmp_path) == []
