"""Scans of a JPEG are counted as the decoder would find them, and bounded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_tf.errors import FerError
from fer_tf.pictures import jpeg_scans
from fer_tf.pictures.images import read_image
from fer_tf.pictures.jpeg_scans import MAX_MARKERS, MAX_SCANS, check_scans


def jpeg(*, progressive=True, size=(64, 48), **options):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*size, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", progressive=progressive, **options)
    return out.getvalue()


def with_scans(count):
    """A progressive JPEG whose last scan is repeated until it has `count`."""
    data = jpeg()
    last = data.rfind(b"\xff\xda")
    own, _ = jpeg_scans._count(io.BytesIO(data))
    return data[:-2] + data[last:-2] * (count - own) + b"\xff\xd9"


def test_what_encoders_write_is_read():
    assert jpeg_scans._count(io.BytesIO(jpeg(progressive=False)))[0] == 1
    assert 6 <= jpeg_scans._count(io.BytesIO(jpeg()))[0] <= 12
    large = jpeg(icc_profile=bytes(3_000_000), size=(700, 700))
    assert read_image(large).shape == (700, 700, 3)


@pytest.mark.filterwarnings("ignore")
def test_scans_are_bounded():
    assert read_image(with_scans(MAX_SCANS)).shape == (64, 48, 3)
    for picture in (with_scans(MAX_SCANS + 1), Image.open(io.BytesIO(with_scans(99)))):
        with pytest.raises(FerError, match="a JPEG of more than 32 scans"):
            read_image(picture)


def test_a_file_that_was_closed_is_a_sentence(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    picture = Image.open(tmp_path / "a.jpg")
    picture.fp.close()
    with pytest.raises(FerError, match="a damaged or cut-off JPEG"):
        read_image(picture)


def test_segments_are_bounded():
    data, comment = jpeg(), b"\xff\xfe\x00\x02"
    own = jpeg_scans._count(io.BytesIO(data))[1]
    most = data[:2] + comment * (MAX_MARKERS - own) + data[2:]
    assert read_image(most).shape == (64, 48, 3)
    with pytest.raises(FerError, match="a JPEG of more than 4,096 segments"):
        read_image(data[:2] + comment + most[2:])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 64))
def test_blocks_change_nothing(tail, block):
    """However the file is cut into blocks, the same is counted, and the stream stays in place."""
    data = b"\xff\xd8" + tail
    whole = jpeg_scans._count(io.BytesIO(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg_scans, "_BLOCK", block + 3)
        assert jpeg_scans._count(io.BytesIO(data)) == whole
    stream = io.BytesIO(data)
    stream.seek(1)
    check_scans(stream, "a.jpg")
    assert stream.tell() == 1
