"""A live stream that breaks is opened again, says so, and gives up after a while."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from clips import FPS
from stub import StubAnalyzer

from fer_tf.errors import FerError
from fer_tf.vision.video import video_reader as module
from fer_tf.vision.video.moments import Stretch
from fer_tf.vision.video.session import VideoOptions, run_video
from fer_tf.vision.video.video_reader import VideoReader

RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")


class Server:
    """A process that serves a stream on the loopback."""

    protocol = "rtsp"

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"{self.protocol}://127.0.0.1:{self.port}/live/film"
        self.process = None

    def start(self):
        """Serve a stream without an end."""
        self._run([sys.executable, str(RTSP_SERVER), str(self.port)])

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _run(self, command):
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not self._listens() and time.monotonic() < end:
            time.sleep(0.05)

    def _listens(self):
        # ffmpeg takes one connection and no other, so that a look would use it up. Where nobody
        # listens yet, what is bound with this option keeps nobody from it.
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False


class RtmpServer(Server):
    """ffmpeg, for one reader."""

    protocol = "rtmp"

    def start(self, seconds=30):
        """Serve a film of so many seconds, as fast as it would be played."""
        source = f"testsrc=size=160x120:rate={FPS}:duration={seconds}"
        sound = f"anullsrc=r=16000:cl=mono:d={seconds}"
        self._run(
            [
                *("ffmpeg", "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", source),
                *("-f", "lavfi", "-i", sound, "-c:v", "libx264", "-preset", "ultrafast"),
                *("-g", "5", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv"),
                *("-listen", "1", self.url),
            ]
        )


@pytest.fixture
def server(request):
    kind = getattr(request, "param", RtmpServer)
    if kind is RtmpServer and not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not on PATH: it serves this stream")
    running = kind()
    yield running
    running.stop()


@pytest.mark.parametrize("server", [Server, RtmpServer], ids=["rtsp", "rtmp"], indirect=True)
def test_a_stream_that_breaks_goes_on_and_says_so(server):
    server.start()
    said = []

    def say(sentence):
        said.append(sentence)
        if "broke off" in sentence:
            server.start()

    reader = VideoReader(server.url, Stretch(), say)
    assert reader.live
    frames = reader.frames()
    seen = [next(frames) for _ in range(10)]
    server.stop()
    while len(said) < 2:
        seen.append(next(frames))
    seen.append(next(frames))
    frames.close()
    assert f"{server.url}: the stream broke off" in said[0] and "goes on after" in said[1]
    assert reader.notes == said
    times = [frame.time for frame in seen]
    assert times == sorted(times) and seen[-1].pixels.shape == (120, 160, 3)
    # The clock goes on while the stream is away, which it is for the first wait at least.
    assert max(b - a for a, b in itertools.pairwise(times)) >= 1.0


def test_a_stream_that_stays_away_ends_with_what_was_seen(server, monkeypatch):
    monkeypatch.setattr(module, "RECONNECT_S", 0.5)
    server.start(1)
    said = []
    seen = list(VideoReader(server.url, Stretch(), said.append).frames())
    assert len(seen) > 10
    assert "broke off" in said[0] and "did not come back" in said[-1]


def test_a_run_tells_it_once_and_keeps_what_was_seen(server, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "RECONNECT_S", 0.5)
    server.start(1)
    said = []
    options = VideoOptions(server.url, out=tmp_path)
    summary = run_video(options, StubAnalyzer(), say=said.append)
    assert len(said) == 2
    assert summary.frames > 0 and summary.video == tmp_path / "film.mp4"


def test_stop_ends_the_tries_at_once(server):
    server.start(1)
    broken = threading.Event()
    reader = VideoReader(server.url, Stretch(), lambda _: broken.set())
    thread = threading.Thread(target=lambda: list(reader.frames()))
    thread.start()
    assert broken.wait(30)
    reader.stop()
    thread.join(20)
    assert not thread.is_alive()


def test_a_stream_begins_now():
    with pytest.raises(FerError, match="--from 3: rtsp://camera/live is live, expected a file"):
        VideoReader("rtsp://camera/live", Stretch(start=3.0))
