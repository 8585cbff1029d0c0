"""Frames and their times, from files of every kind and from what is no video."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from clips import ffmpeg, frames, sway, write
from hypothesis import given
from hypothesis import strategies as st

from fer_tf.errors import FerError
from fer_tf.vision.video import video_reader as module
from fer_tf.vision.video.moments import LONGEST_GAP_S, Clock, Stretch
from fer_tf.vision.video.video_reader import VideoReader, _stretch

needs_ffmpeg = pytest.mark.skipif(
    not shutil.which("ffmpeg"), reason="ffmpeg is not on PATH: it makes this clip"
)
SMALL = (160, 120)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """50 frames of 160x120 pixels at 25 a second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    ramp = [np.full((120, 160, 3), (5 * i, 40, 200 - 3 * i), np.uint8) for i in range(50)]
    return write(path, iter(ramp))


def read(path):
    reader = VideoReader(str(path))
    return reader, list(reader.frames())


def test_a_plain_clip(clip):
    reader, got = read(clip)
    assert (reader.name, reader.path, reader.live, reader.fps) == ("clip", clip, False, 25)
    assert reader.expected == len(got) == 50
    assert [frame.index for frame in got] == list(range(50))
    np.testing.assert_allclose([frame.time for frame in got], np.arange(50) / 25, atol=1e-6)
    # RGB: what was written as blue comes last.
    assert got[40].pixels[60, 80] == pytest.approx([80, 40, 200], abs=12)
    assert got[0].pixels.shape == (120, 160, 3)
    assert reader.notes == []


@needs_ffmpeg
def test_rotation_is_obeyed(clip, tmp_path):
    path = tmp_path / "phone.mp4"
    ffmpeg("-i", clip, "-c:v", "mpeg4", tmp_path / "plain.mp4")
    ffmpeg("-i", tmp_path / "plain.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", path)
    if b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00" not in path.read_bytes():
        pytest.skip("this ffmpeg writes no rotation")
    _, got = read(path)
    assert {frame.pixels.shape for frame in got} == {(160, 120, 3)}


@needs_ffmpeg
@pytest.mark.parametrize(
    "ratio, shape",
    [("64/45", (120, 228)), ("8/9", (135, 160)), ("1/1", (120, 160)), ("9/1", (120, 160))],
)
def test_pixels_are_square(clip, tmp_path, ratio, shape):
    path = tmp_path / "pal.mp4"
    ffmpeg("-i", clip, "-c:v", "mpeg4", "-vf", f"setsar={ratio}", path)
    _, got = read(path)
    assert {frame.pixels.shape for frame in got} == {(*shape, 3)}


@pytest.mark.parametrize(
    "width, height, turned, stretch",
    [
        (64, 45, 0, (64 / 45, 1)),
        (64, 45, 90, (1, 64 / 45)),
        (64, 45, 270, (1, 64 / 45)),
        (64, 45, 180, (64 / 45, 1)),
        (45, 64, 0, (1, 64 / 45)),
        (0, 0, 0, (1, 1)),
        (-1, 1, 0, (1, 1)),
        (np.nan, 1, 0, (1, 1)),
    ],
)
def test_the_shape_of_pixels_of_a_video_that_is_turned(width, height, turned, stretch):
    told = {
        cv2.CAP_PROP_SAR_NUM: width,
        cv2.CAP_PROP_SAR_DEN: height,
        cv2.CAP_PROP_ORIENTATION_META: turned,
    }
    capture = SimpleNamespace(get=told.__getitem__)
    assert _stretch(capture) == pytest.approx(stretch)


@needs_ffmpeg
def test_a_rate_that_varies_keeps_its_times_and_is_not_called_cut(clip, tmp_path):
    path = tmp_path / "varies.mkv"
    choice = "select=lt(n\\,20)+not(mod(n\\,5))"
    ffmpeg("-i", clip, "-vf", choice, "-fps_mode", "vfr", "-c:v", "mpeg4", path)
    reader, got = read(path)
    assert len(got) == 26
    expected = [i / 25 for i in [*range(20), 20, 25, 30, 35, 40, 45]]
    np.testing.assert_allclose([frame.time for frame in got], expected, atol=2e-3)
    assert reader.notes == []


@needs_ffmpeg
def test_of_a_file_that_is_cut_off_what_is_there_is_read_and_said(tmp_path):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    write(tmp_path / "source.mp4", frames(50, *_face(), size=(320, 240)))
    ffmpeg("-i", tmp_path / "source.mp4", "-c", "copy", "-movflags", "+faststart", whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    reader, got = read(cut)
    assert 2 < len(got) < 45
    [note] = reader.notes
    assert f"ends after {len(got)} of 50 frames" in note


def _face():
    from clips import astronaut

    return [(astronaut(), sway)]


@needs_ffmpeg
def test_odd_sizes(clip, tmp_path):
    path = tmp_path / "odd.mkv"
    ffmpeg("-i", clip, "-vf", "scale=161:121", "-c:v", "ffv1", path)
    _, got = read(path)
    assert got[0].pixels.shape == (121, 161, 3)


@needs_ffmpeg
def test_without_timestamps_frames_are_counted(clip, tmp_path):
    path = tmp_path / "raw.mjpeg"
    ffmpeg("-i", clip, "-c:v", "mjpeg", path)
    reader, got = read(path)
    assert reader.expected == 0
    np.testing.assert_allclose(np.diff([frame.time for frame in got]), 1 / reader.fps, atol=1e-6)


@needs_ffmpeg
def test_a_size_that_changes_does_not_stop_it(clip, tmp_path):
    for name, size in (("a", "160:120"), ("b", "96:96")):
        ffmpeg("-i", clip, "-vf", f"scale={size}", "-c:v", "mpeg2video", tmp_path / f"{name}.ts")
    both = tmp_path / "both.ts"
    both.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    _, got = read(both)
    assert len(got) > 90
    assert (np.diff([frame.time for frame in got]) > 0).all()


def test_a_name_with_a_colon_or_a_dash(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a:b.mp4", "-c.mp4", "ü %03d.mp4"):
        shutil.copy(clip, tmp_path / name)
        assert len(read(name)[1]) == 50


def test_a_name_that_is_not_utf8_is_told(clip, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    shutil.copy(clip, path)
    for source in (str(path), os.fsdecode(b"http://127.0.0.1:9/\xe9")):  # OpenCV would crash
        with pytest.raises(FerError, match="is not UTF-8, expected another name"):
            VideoReader(source)


@pytest.mark.parametrize("told", ["is not there", "is empty", "is a folder", "can't be read as"])
def test_a_name_for_which_a_sentence_has_no_letters_is_escaped(tmp_path, monkeypatch, told):
    monkeypatch.chdir(tmp_path)
    name = "two\nlines\x1b[31m.mp4"
    if told == "is a folder":
        (tmp_path / name).mkdir()
    elif told != "is not there":
        (tmp_path / name).write_bytes(b"x" * 64 * (told != "is empty"))
    with pytest.raises(FerError, match=rf"^'two\\nlines\\x1b\[31m\.mp4': {told}"):
        VideoReader(name)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "is not there"),
        (b"", "is empty"),
        (b"What one calls a video is a text.\n" * 40, "can't be read as a video"),
        (bytes(range(256)) * 20, "can't be read as a video"),
    ],
)
def test_what_is_no_video(tmp_path, content, found):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FerError, match=found) as caught:
        VideoReader(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_file_without_an_index(tmp_path, clip):
    with pytest.raises(FerError, match="is a folder"):
        VideoReader(str(tmp_path))
    half = tmp_path / "half.mp4"
    half.write_bytes(clip.read_bytes()[:2000])
    with pytest.raises(FerError, match="can't be read as a video, expected a whole file"):
        VideoReader(str(half))


@needs_ffmpeg
def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sine.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", path)
    with pytest.raises(FerError, match="can't be read as a video"):
        VideoReader(str(path))


@needs_ffmpeg
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    "name, text",
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile {}\n"),
        ("list.sdp", "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{}\n"),
    ],
)
def test_a_playlist_is_refused_whatever_it_names(clip, tmp_path, name, text, inside):
    folder = tmp_path / "given"
    folder.mkdir()
    film = (folder if inside else tmp_path) / "film.ts"
    ffmpeg("-i", clip, "-c:v", "mpeg2video", film)
    assert len(read(film)[1]) == 50
    playlist = folder / name
    playlist.write_text(text.format("film.ts" if inside else film))
    with pytest.raises(FerError, match=f"{name}: can't be read as a video, .* no playlist"):
        VideoReader(str(playlist))


def test_a_sequence_of_pictures_is_no_video(tmp_path):
    for name in ("face%d.png", "face1.png", "face2.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(FerError, match="can't be read as a video"):
        VideoReader(str(tmp_path / "face%d.png"))


def test_what_the_user_asks_of_ffmpeg_stays(clip, monkeypatch):
    monkeypatch.setenv(module._OPTIONS, "format_whitelist;avi")
    read(clip)
    assert os.environ[module._OPTIONS] == "format_whitelist;avi"


@pytest.mark.parametrize("address", ["file:///a.mp4", "concat:file:///a.mp4", "crypto+file://a"])
def test_only_addresses_of_streams_are_opened(address):
    with pytest.raises(FerError, match="can't be opened: expected a file, or an address"):
        VideoReader(address)


def test_a_fifo_is_no_video(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(FerError, match="is not a regular file"):
        VideoReader(str(tmp_path / "pipe.mp4"))


@pytest.mark.skipif(os.path.exists("/dev/video63"), reason="this machine has a camera 63")
def test_a_camera_that_is_not_there():
    with pytest.raises(FerError, match="camera 63 can't be opened"):
        VideoReader("63")


def test_a_number_that_is_no_cameras():
    with pytest.raises(FerError, match="20261127120000: is not there"):
        VideoReader("20261127120000")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.mp4", "rtsp://127.0.0.1:9/live", "no://x"])
def test_a_url_that_can_not_be_opened(url):
    with pytest.raises(FerError, match=r"can't be opened.* address"):
        VideoReader(url)


def test_refusing_prints_nothing_beside_the_error(tmp_path):
    # FFmpeg takes its level of talk when it is first used: so in a process of its own.
    (tmp_path / "clip.mp4").write_bytes(bytes(range(256)) * 20)
    script = """
import sys
from fer_tf.errors import FerError
from fer_tf.vision.video.video_reader import VideoReader
for source in sys.argv[1:]:
    try:
        VideoReader(source)
    except FerError:
        print("refused")
"""
    sources = [str(tmp_path / "clip.mp4"), "http://127.0.0.1:9/x.mp4", "63"]
    done = subprocess.run([sys.executable, "-c", script, *sources], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused\n" * 3, "")


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=30), st.floats(0.001, 1))
def test_times_start_at_zero_and_grow(stamps, step):
    clock = Clock(step)
    times = [clock.at(stamp) for stamp in stamps]
    assert times[:1] in ([], [0.0])
    gaps = np.diff(times)
    assert (gaps > 0).all()
    assert (gaps <= max(LONGEST_GAP_S, step) + 1e-6).all()


@given(st.lists(st.floats(0.01, 50), min_size=1, max_size=30), st.floats(0, 1000))
def test_good_timestamps_are_kept(gaps, start):
    stamps = np.concatenate([[0], np.cumsum(gaps)])
    clock = Clock(0.04)
    np.testing.assert_allclose([clock.at(start + s) for s in stamps], stamps, atol=1e-6)


@pytest.mark.parametrize("address", ["http://[::1", "rtsp://[", "http://[x]/a.mp4"])
def test_what_is_no_address_is_told(address):
    with pytest.raises(FerError, match="is no address"):
        VideoReader(address)


def test_frames_are_bounded(tmp_path, monkeypatch):
    path = write(tmp_path / "clip.mp4", frames(3, size=(64, 48)))
    monkeypatch.setattr(module, "MAX_PIXELS", 64 * 48)
    assert len(list(VideoReader(str(path)).frames())) == 3
    monkeypatch.setattr(module, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(FerError, match="frames of 64x48 pixels, 0 megapixels, expected at most"):
        VideoReader(str(path))


def test_8k_is_within_the_bound_and_8192_a_side_is_not():
    assert 7680 * 4320 <= module.MAX_PIXELS < 8192 * 8192


@pytest.fixture(scope="module", params=["mpeg4", "h264"])
def long_clip(request, tmp_path_factory):
    """15 seconds of 64x48 pixels, ten frames a second, each lighter than the one before."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    ramp = [np.full((48, 64, 3), 20 + 1.4 * i, np.uint8) for i in range(150)]
    write(path, iter(ramp), fps=10)
    if request.param == "mpeg4":
        return path
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not on PATH: it makes this clip")
    coded = path.with_name("coded.mp4")
    ffmpeg("-i", path, "-c:v", "libx264", "-g", "50", "-bf", "3", coded)
    return coded


def moments(path, wanted):
    return [(f.index, f.time, f.pixels.mean()) for f in VideoReader(str(path), wanted).frames()]


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        (Stretch(), range(150)),
        (Stretch(start=12.5), range(125, 150)),
        (Stretch(start=12.5, end=13.05), range(125, 131)),
        (Stretch(every=1.0, end=4.0), range(0, 41, 10)),
        (Stretch(every=0.25, start=11.0, end=12.0), (110, 113, 115, 118, 120)),
        (Stretch(every=0.01, end=0.5), range(6)),
    ],
)
def test_the_wanted_frames_are_those_of_the_whole(long_clip, wanted, indices):
    whole = moments(long_clip, Stretch())
    got = moments(long_clip, wanted)
    assert [index for index, *_ in got] == list(indices)
    np.testing.assert_allclose(got, [whole[index] for index in indices], atol=0.01)
    assert abs(VideoReader(str(long_clip), wanted).expected - len(got)) <= 1


def test_a_stretch_between_two_frames_is_told(clip):
    with pytest.raises(FerError, match=r"--to 0.55: .* has no frame between --from 0.53 and then"):
        moments(clip, Stretch(start=0.53, end=0.55))


@pytest.mark.parametrize("too_far", [0.0, 3.0])
def test_a_seek_that_goes_wrong_is_made_good(long_clip, monkeypatch, too_far):
    reader = VideoReader(str(long_clip), Stretch(start=11.0, end=11.3))
    capture = reader._capture

    class Bad:
        def __getattr__(self, name):
            return getattr(capture, name)

        def set(self, key, value):
            return bool(too_far) and capture.set(key, 1000 * (11.0 + too_far))

    reader._capture = Bad()
    monkeypatch.setattr(module, "_BEFORE_S", 0.5)
    assert [frame.index for frame in reader.frames()] == [110, 111, 112, 113]
