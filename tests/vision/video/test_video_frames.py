"""A video as an iterator of frames, which of them are wanted, and a table of them."""

from __future__ import annotations

import numpy as np
import pytest
from clips import FACE
from stub import PROBABILITIES, StubAnalyzer

from fer_tf import FaceAnalyzer, FerError, VideoFrame

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Stub(StubAnalyzer):
    cropped = False
    analyze_video = FaceAnalyzer.analyze_video


def test_gives_each_frame_with_its_tracks(clip):
    seen = list(Stub(FACE).analyze_video(clip))
    assert all(isinstance(frame, VideoFrame) for frame in seen)
    assert [frame.frame for frame in seen] == list(range(50))
    assert {frame.tracks for frame in seen} == {(1,)}
    assert seen[-1].seconds == pytest.approx(49 / 25)
    assert seen[-1][0].probabilities == pytest.approx(PROBABILITIES)
    assert (seen[0].width, seen[0].height, seen[0].source) == (320, 240, str(clip))
    assert np.asarray(seen[0].draw()).shape == (240, 320, 3)


def test_a_table_of_a_row_a_face_a_frame(clip):
    table = Stub(FACE).analyze_video(clip, every=0.5, start=0.5, end=1.6).to_pandas()
    assert table["seconds"].tolist() == pytest.approx([0.52, 1.0, 1.52])
    assert table["frame"].tolist() == [13, 25, 38]
    assert table["track"].tolist() == [1, 1, 1] and set(table["label"]) == {"Happy"}


def test_ends_when_it_is_closed(clip):
    with Stub(FACE).analyze_video(clip) as video:
        assert next(video).frame == 0
    assert list(video) == [] and video.to_dicts() == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"every": -1.0}, "--every: found -1.0"),
        ({"start": float("nan")}, "--from: found nan"),
        ({"start": 2.0, "end": 1.0}, "--to: found 1.0, expected seconds above --from 2"),
        ({"detect_every": 0}, "--detect-every: found 0"),
    ],
)
def test_numbers_that_can_not_be_meant(clip, change, told):
    with pytest.raises(FerError, match=told):
        Stub(FACE).analyze_video(clip, **change)


def test_an_option_that_it_lacks_is_no_silence(clip):
    with pytest.raises(TypeError, match="unexpected keyword argument 'show'"):
        Stub(FACE).analyze_video(clip, show=True)


def test_cropped_faces_have_no_video(clip):
    analyzer = Stub(FACE)
    analyzer.cropped = True
    with pytest.raises(FerError, match="a video of cropped faces"):
        analyzer.analyze_video(clip)


def test_a_start_after_the_end_is_told(clip):
    with pytest.raises(FerError, match=r"--from 9: .*clip.mp4 ends after 2.0 seconds"):
        list(Stub(FACE).analyze_video(clip, start=9.0))


def test_a_camera_is_given_by_its_number():
    with pytest.raises(FerError, match="camera 99 can't be opened"):
        Stub(FACE).analyze_video(99)
