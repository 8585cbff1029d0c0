"""data: URLs are read as pictures; other long texts get a short sentence."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from urllib.parse import quote_from_bytes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fer_tf.errors import FerError
from fer_tf.pictures.data_urls import decode_data_url
from fer_tf.pictures.images import name_of, read_image


@pytest.fixture(scope="module")
def png():
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_a_data_url_is_read(png):
    text = base64.b64encode(png).decode()
    for url in (
        f"data:image/png;base64,{text}",
        f"DATA:;BASE64,{text[:9]}\n{text[9:]}",
        f"data:image/png,{quote_from_bytes(png)}",
    ):
        np.testing.assert_array_equal(read_image(url), read_image(png))
        assert len(name_of(url)) < 40


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("data:", "no data after it"),
        ("data:image/png;base64", "no data after it"),
        ("data:image/png;base64,", "an empty file"),
        ("data:image/png;base64,@@@@", "not base64"),
        ("data:text/plain,hello", "not a picture"),
    ],
)
def test_what_is_no_picture_is_told(url, told):
    with pytest.raises(FerError, match=told):
        read_image(url)


@given(st.text(max_size=200))
def test_any_url_is_decoded_or_refused(text):
    try:
        assert isinstance(decode_data_url(f"data:{text}"), bytes)
    except FerError as error:
        assert len(str(error)) < 200


def test_base64_without_its_head_is_told_shortly():
    text = "aGVsbG8g" * 100_000
    for source in (text, Path(text)):  # the command line makes a path of it
        with pytest.raises(FerError, match=r"data:image/jpeg;base64,\.\.\.") as told:
            read_image(source)
        assert len(str(told.value)) < 200
    with pytest.raises(FerError, match="no name of a file"):
        read_image("aGVsbG8g" * 100)
