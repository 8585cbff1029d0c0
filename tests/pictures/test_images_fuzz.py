"""Whatever a file or an array holds, `read_image` gives a picture or a FerError of one line."""

from __future__ import annotations

import io
import warnings
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes
from PIL import Image, features

from fer_tf.errors import FerError
from fer_tf.pictures import images
from fer_tf.pictures.images import read_image

FORMS: dict[str, list[dict]] = {
    "jpeg": [{}, {"progressive": True}],
    "png": [{}, {"optimize": True}],
    "gif": [{}],
    "bmp": [{}],
    "tiff": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}],
    "webp": [{}, {"lossless": True}],
    "ppm": [{}],
    **({"avif": [{}]} if features.check("avif") else {}),
}
MODES = {"jpeg": ("RGB", "L", "CMYK"), "tiff": ("RGB", "L", "CMYK"), "avif": ("RGB", "RGBA")}
OTHERS = ("RGB", "RGBA", "L", "P")


def valid() -> list[bytes]:
    """A small picture of each form, option and mode, with EXIF where it has any."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    y, x = np.mgrid[:9, :13]
    pixels = np.stack([x * 19, y * 28, (x + y) * 12, 255 - x * 9], axis=-1).astype(np.uint8)
    files = []
    for form, options in FORMS.items():
        for mode in MODES.get(form, OTHERS):
            picture = Image.fromarray(pixels).convert("RGB" if mode in "CMYKP" else "RGBA")
            for option in options:
                extra = {} if form in ("gif", "bmp", "ppm") else {"exif": exif}
                stream = io.BytesIO()
                try:
                    picture.convert(mode).save(stream, form, **option, **extra)
                except OSError:  # TIFF's JPEG has no such mode
                    continue
                files.append(stream.getvalue())
    return files


FILES = valid()


def fits(source: bytes | np.ndarray, *, bgr: bool = False) -> np.ndarray | None:
    """The picture, or None for a FerError; fails where it is neither."""
    # Small, so that a header of 8000x8000 pixels does not cost a second.
    with mock.patch.object(images, "MAX_PIXELS", 2**16), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_image(source, bgr=bgr)
        except FerError as error:
            assert str(error) and "\n" not in str(error)
            return None
    assert found.dtype == np.uint8 and found.flags.c_contiguous and found.flags.writeable
    height, width, channels = found.shape
    assert height > 0 and width > 0 and channels == 3
    return found


def test_the_files_are_good():
    assert len(FILES) > 30
    for data in FILES:
        assert read_image(data).shape in [(9, 13, 3), (13, 9, 3)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_random_bytes(data):
    fits(data)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.integers(2, 16), st.binary(max_size=100))
def test_random_bytes_behind_a_good_beginning(file, kept, data):
    fits(file[:kept] + data)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.data())
def test_cut_off(file, data):
    """No half-grey picture: where only what follows the pixels is cut off, they are all there."""
    found = fits(file[: data.draw(st.integers(0, len(file)))])
    whole = read_image(file)
    # A TIFF's orientation may stand behind its pixels.
    assert found is None or any(np.array_equal(np.rot90(found, turn), whole) for turn in (0, -1))


@settings(max_examples=175, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.data())
def test_flipped_bits(file, data):
    broken = bytearray(file)
    # Headers are where a bit matters most.
    places = st.one_of(st.integers(0, min(100, len(file) - 1)), st.integers(0, len(file) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        broken[place] ^= 1 << data.draw(st.integers(0, 7))
    fits(bytes(broken))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.sampled_from(FILES), st.data())
def test_spliced(file, other, data):
    cut = data.draw(st.integers(0, len(file)))
    fits(file[:cut] + other[data.draw(st.integers(0, len(other))) :])


@settings(max_examples=75, deadline=None, derandomize=True)
@given(
    arrays(
        st.one_of(scalar_dtypes(), st.sampled_from(["u1", "<u2", ">u2", "f4", "O", "U2"])),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        elements=None,
    ),
    st.booleans(),
)
def test_any_array(array, bgr):
    found = fits(array, bgr=bgr)
    if found is not None:
        assert found.shape[:2] == array.shape[:2]
