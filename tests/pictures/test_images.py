"""`fer_tf.pictures.images` on each form that a picture comes in, and on each way it can be bad."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import struct
import sys
import threading
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, features

from fer_tf.errors import FerError
from fer_tf.pictures.finding import find_images
from fer_tf.pictures.images import MAX_PIXELS, listed, name_of, read_image

LOSSLESS = {
    "png": {},
    "bmp": {},
    "tiff": {"compression": "tiff_lzw"},
    "ppm": {},
    "webp": {"lossless": True},
}
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
needs_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 8, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """[24, 40, 3], which lossy formats keep to a few grey levels."""
    y, x = np.mgrid[:24, :40]
    return np.stack([x * 6, y * 10, 255 - x * 6], axis=-1).astype(np.uint8)


def encoded(picture: Image.Image | np.ndarray, form: str, **options) -> bytes:
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def refused(source, *words: str, bgr: bool = False) -> str:
    """The sentence with which `source` is refused; it is one line and has all `words`."""
    with pytest.raises(FerError) as caught:
        read_image(source, bgr=bgr)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence
    return sentence


def is_picture(array: np.ndarray) -> bool:
    own = array.flags.c_contiguous and array.flags.writeable
    return own and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3


class TestForms:
    @pytest.mark.parametrize("form", LOSSLESS)
    def test_keeps_every_pixel(self, rgb, form, tmp_path):
        data = encoded(rgb, form, **LOSSLESS[form])
        file = tmp_path / "picture"
        file.write_bytes(data)
        for source in (str(file), file, data, bytearray(data), memoryview(data), io.BytesIO(data)):
            found = read_image(source)
            assert is_picture(found)
            assert np.array_equal(found, rgb)

    @pytest.mark.parametrize("form", ["jpeg", "webp", pytest.param("avif", marks=needs_avif)])
    def test_lossy(self, smooth, form):
        found = read_image(encoded(smooth, form, quality=95))
        assert is_picture(found)
        assert np.abs(found.astype(int) - smooth).mean() < 4

    def test_says_the_same_as_pillow_of_a_real_photograph(self):
        import matplotlib

        path = pathlib.Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
        with Image.open(path) as picture:
            assert np.array_equal(read_image(path), np.asarray(picture.convert("RGB")))

    def test_heic_where_its_plugin_is_installed(self, smooth, tmp_path):
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Image.fromarray(smooth)).save(tmp_path / "a.heic", quality=95)
        found = read_image(tmp_path / "a.heic")
        assert is_picture(found)
        assert np.abs(found.astype(int) - smooth).mean() < 6

    @pytest.mark.parametrize("form", ["gif", "png", "webp", "tiff", "mpo"])
    def test_first_frame(self, form):
        frames = [Image.new("RGB", (8, 5), colour) for colour in ("red", "blue", "lime")]
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        red, green, blue = read_image(data)[2, 4].astype(int)
        assert red > 245 and green < 10 and blue < 10

    def test_pipe_and_stream_that_cannot_seek(self, rgb):
        read, write = os.pipe()
        with os.fdopen(write, "wb") as end:
            end.write(encoded(rgb, "png"))
        with os.fdopen(read, "rb") as stream:
            assert np.array_equal(read_image(stream), rgb)
            assert not stream.closed

    def test_file_object_is_read_from_where_it_stands(self, rgb):
        stream = io.BytesIO(b"header" + encoded(rgb, "png"))
        stream.seek(6)
        assert np.array_equal(read_image(stream), rgb)

    def test_pil_image(self, rgb, tmp_path):
        picture = Image.fromarray(rgb)
        assert np.array_equal(read_image(picture), rgb)
        picture.save(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as lazy:
            assert np.array_equal(read_image(lazy), rgb)

    def test_bgr_says_nothing_about_files(self, rgb):
        for source in (encoded(rgb, "png"), Image.fromarray(rgb)):
            assert np.array_equal(read_image(source, bgr=True), rgb)


def test_a_single_picture_is_a_list_of_one(rgb, tmp_path):
    grey = rgb[..., 0]
    picture = Image.fromarray(rgb)
    single = [
        "a.png",
        tmp_path,
        b"data",
        io.BytesIO(b""),
        picture,
        rgb,
        grey,
        grey[..., None],
        None,
    ]
    for each in single:
        found = listed(each)
        assert len(found) == 1 and found[0] is each
    several = [[], [rgb], np.stack([rgb, rgb]), np.stack([grey, grey]), np.empty(0), ("a.png",)]
    for each in several:
        assert listed(each) is each


class TestOrientation:
    @pytest.mark.parametrize("orientation", TURNS)
    @pytest.mark.parametrize(
        "form", ["jpeg", "png", "webp", "tiff", pytest.param("avif", marks=needs_avif)]
    )
    def test_all_eight(self, smooth, form, orientation):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        data = encoded(smooth, form, exif=exif)
        stored = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
        assert np.array_equal(read_image(data), stored)
        expected = TURNS[orientation](smooth).astype(int)
        assert np.abs(read_image(data) - expected).mean() < 12

    @pytest.mark.parametrize("orientation", TURNS)
    def test_of_a_pil_image(self, rgb, orientation):
        picture = Image.fromarray(rgb)
        picture.getexif()[ExifTags.Base.Orientation] = orientation
        assert np.array_equal(read_image(picture), TURNS[orientation](rgb))
        assert picture.size == (8, 5)

    def test_other_fields_that_pillow_could_not_write_again(self, smooth):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 3
        data = encoded(smooth, "jpeg", exif=exif, quality=100)
        picture = Image.open(io.BytesIO(data))
        picture.getexif()[ExifTags.Base.Make] = object()
        assert np.abs(read_image(picture) - smooth[::-1, ::-1].astype(int)).mean() < 4

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_unknown_number_is_upright(self, rgb, orientation):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        assert np.array_equal(read_image(encoded(rgb, "png", exif=exif)), rgb)

    @pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0" + b"\xff" * 40])
    def test_broken_exif_is_upright(self, smooth, exif):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_image(encoded(smooth, "jpeg", exif=exif, quality=100))
        assert np.abs(found.astype(int) - smooth).mean() < 4


class TestModes:
    """Of Pillow: what files hold besides RGB."""

    def test_grey_and_one_bit(self):
        grey = np.arange(40, dtype=np.uint8).reshape(5, 8)
        assert np.array_equal(read_image(encoded(grey, "png")), np.stack([grey] * 3, axis=-1))
        bits = Image.fromarray(grey % 3 == 0)
        assert bits.mode == "1"
        for form in ("png", "bmp", "tiff", "ppm"):
            expected = np.where(grey % 3 == 0, 255, 0)
            assert np.array_equal(read_image(encoded(bits, form))[..., 1], expected)

    def test_cmyk(self, smooth):
        picture = Image.fromarray(smooth).convert("CMYK")
        for form in ("jpeg", "tiff"):
            found = read_image(
                encoded(picture, form, **({"quality": 95} if form == "jpeg" else {}))
            )
            assert np.abs(found.astype(int) - smooth).mean() < 5

    def test_palette(self, rgb):
        few = (rgb // 128 * 255).astype(np.uint8)
        picture = Image.fromarray(few).quantize(8)
        for form in ("png", "gif", "bmp", "tiff"):
            assert np.array_equal(read_image(encoded(picture, form)), few)

    def test_other_colour_spaces(self, smooth):
        picture = Image.fromarray(smooth)
        for mode in ("YCbCr", "HSV"):
            found = read_image(picture.convert(mode))
            assert np.abs(found.astype(int) - smooth).mean() < 5
        lab = ImageCms.applyTransform(
            picture,
            ImageCms.buildTransform(
                ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
            ),
        )
        assert np.abs(read_image(lab).astype(int) - smooth).mean() < 9

    def test_alpha_shows_white(self, rgb):
        alpha = np.linspace(0, 255, 40).reshape(5, 8, 1)
        rgba = np.concatenate([rgb, alpha.astype(np.uint8)], axis=-1)
        share = rgba[..., 3:] / 255
        expected = rgb * share + 255 * (1 - share)
        for source in (rgba, Image.fromarray(rgba), encoded(rgba, "png"), encoded(rgba, "tiff")):
            found = read_image(source)
            assert is_picture(found)
            assert np.abs(found - expected).max() <= 1

    def test_grey_with_alpha(self):
        picture = Image.new("LA", (4, 3), (40, 0))
        picture.putpixel((1, 2), (40, 255))
        found = read_image(encoded(picture, "png"))
        assert found[2, 1].tolist() == [40] * 3
        assert (found.reshape(-1, 3)[:9] == 255).all()
        assert np.array_equal(read_image(picture.convert("La")), found)

    @pytest.mark.parametrize("form", ["png", "gif"])
    def test_transparent_colour_of_a_palette(self, form):
        picture = Image.new("P", (4, 3), 0)
        picture.putpalette([200, 0, 0, 0, 0, 200])
        picture.putpixel((1, 2), 1)
        found = read_image(encoded(picture, form, transparency=0))
        assert found[0, 0].tolist() == [255, 255, 255]
        assert found[2, 1].tolist() == [0, 0, 200]

    def test_transparency_of_each_colour_of_a_palette(self):
        picture = Image.new("P", (2, 1), 0)
        picture.putpalette([200, 0, 0, 0, 0, 200])
        picture.putpixel((1, 0), 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read_image(encoded(picture, "png", transparency=bytes([0, 255])))
        assert found[0].tolist() == [[255, 255, 255], [0, 0, 200]]

    def test_transparent_colour_without_alpha(self):
        picture = Image.new("RGB", (2, 1), (9, 8, 7))
        picture.putpixel((1, 0), (1, 2, 3))
        found = read_image(encoded(picture, "png", transparency=(9, 8, 7)))
        assert found[0].tolist() == [[255, 255, 255], [1, 2, 3]]

    @pytest.mark.parametrize("form", ["png", "tiff", "ppm"])
    def test_sixteen_bits_of_grey(self, form):
        values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
        found = read_image(encoded(values, form))
        assert is_picture(found)
        assert found[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
        assert np.array_equal(found, read_image(values))

    @pytest.mark.parametrize("bits", [8, 10, 12, 16])
    def test_fewer_bits_in_a_file_of_sixteen(self, bits):
        ramp = np.arange(256, dtype=np.uint8)[None]
        values = np.round(ramp / 255 * (2**bits - 1)).astype(np.uint16)
        for source in (values, encoded(values, "png"), encoded(values, "tiff")):
            assert np.array_equal(read_image(source)[..., 0], ramp)
        assert not read_image(np.zeros((2, 2), np.uint16)).any()

    @pytest.mark.parametrize("bits", [8, 10, 12])
    @pytest.mark.parametrize(
        "suffix, options",
        [(".png", []), (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 1]), (".tif", [])],
    )
    def test_fewer_bits_of_colour_in_a_file_of_sixteen(self, suffix, options, bits):
        colours = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
        colours[0, 0] = 255
        values = np.round(colours / 255 * (2**bits - 1)).astype(np.uint16)
        written, data = cv2.imencode(suffix, values[..., ::-1], options)
        assert written and np.array_equal(read_image(data.tobytes()), colours)

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_a_dark_picture_of_sixteen_bits_stays_dark(self, suffix):
        for values in (np.full((4, 4, 3), 2000, np.uint16), np.full((4, 4), 2000, np.uint16)):
            values[1, 2] = 4096
            found = read_image(cv2.imencode(suffix, values)[1].tobytes())
            assert found.max() == 16 and found[0, 0, 0] in (7, 8)

    def test_other_sixteen_bits(self):
        values = np.array([[0, 257, 65535]], np.uint16)
        swapped = Image.frombytes("I;16B", (3, 1), values.astype(">u2").tobytes())
        wide = Image.fromarray(values.astype(np.int32))
        assert wide.mode == "I"
        for picture in (swapped, wide):
            assert read_image(picture)[0, :, 0].tolist() == [0, 1, 255]
        refused(Image.fromarray(np.array([[0, 65536]], np.int32)), "from 0 to 65536", "65535")
        refused(encoded(np.array([[-1, 5]], np.int32), "tiff"), "from -1 to 5")

    def test_sixteen_bits_of_colour(self):
        row = np.array([[[0, 0x7FFF, 0xFFFF]]], ">u2")
        body = zlib.compress(b"\0" + row.tobytes())
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            chunk(kind, content)
            for kind, content in (
                (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)),
                (b"IDAT", body),
                (b"IEND", b""),
            )
        )
        assert read_image(data).tolist() == [[[0, 127, 255]]]

    def test_floats(self):
        found = read_image(encoded(np.array([[0, 0.5, 1]], np.float32), "tiff"))
        assert found[0, :, 0].tolist() == [0, 128, 255]
        refused(Image.fromarray(np.array([[0, 255]], np.float32)), "from 0 to 255", "[0, 1]")


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


class TestArrays:
    @pytest.mark.parametrize("shape", [(5, 8), (5, 8, 1)])
    def test_grey(self, shape):
        grey = np.arange(40, dtype=np.uint8).reshape(shape)
        found = read_image(grey)
        assert is_picture(found)
        assert np.array_equal(found, np.stack([grey.reshape(5, 8)] * 3, axis=-1))
        assert np.array_equal(found, read_image(grey, bgr=True))

    def test_opencv_order(self, rgb):
        assert np.array_equal(read_image(rgb[..., ::-1], bgr=True), rgb)
        assert is_picture(read_image(rgb, bgr=True))
        alpha = np.full((5, 8, 1), 255, np.uint8)
        bgra = np.concatenate([rgb[..., ::-1], alpha], axis=-1)
        assert np.array_equal(read_image(bgra, bgr=True), rgb)

    def test_is_a_copy(self, rgb):
        before = rgb.copy()
        read_image(rgb)[:] = 0
        assert np.array_equal(rgb, before)
        locked = rgb.copy()
        locked.flags.writeable = False
        assert is_picture(read_image(locked))

    def test_views(self, rgb):
        for view in (rgb[::-1], rgb[:, ::2], rgb.swapaxes(0, 1), np.asfortranarray(rgb)):
            found = read_image(view)
            assert is_picture(found)
            assert np.array_equal(found, view)

    @pytest.mark.parametrize("dtype", ["uint16", ">u2", "float16", "float32", "float64", ">f4"])
    def test_other_types_of_number(self, rgb, dtype):
        top = 257 if np.dtype(dtype).kind == "u" else 1 / 255
        found = read_image((rgb * np.float64(top)).astype(dtype))
        assert is_picture(found)
        assert np.array_equal(found, rgb)

    def test_bool(self):
        assert read_image(np.array([[True, False]]))[0].tolist() == [[255] * 3, [0] * 3]

    def test_floats_that_rounding_took_out_of_range(self):
        assert read_image(np.array([[-1e-7, 1 + 1e-7]]))[0, :, 0].tolist() == [0, 255]

    def test_what_converts_to_an_array(self, rgb):
        class Tensor:
            def __array__(self, dtype=None, copy=None):
                return rgb

        class OnAGraphicsCard:
            def __array__(self, dtype=None, copy=None):
                raise TypeError("copy it to the host\nfirst")

        assert np.array_equal(read_image(Tensor()), rgb)
        refused(OnAGraphicsCard(), "(copy it to the host)")

    @pytest.mark.parametrize(
        "shape", [(), (4,), (4, 5, 2), (4, 5, 5), (3, 48, 64), (2, 4, 5, 3), (0,)]
    )
    def test_wrong_shapes(self, shape):
        refused(np.zeros(shape, np.uint8), str(shape), "(height, width")

    @pytest.mark.parametrize("shape", [(0, 5), (5, 0, 3), (0, 0, 4)])
    def test_empty(self, shape):
        refused(np.zeros(shape, np.uint8), f"{shape[1]}x{shape[0]} pixels")

    @pytest.mark.parametrize(
        "dtype", ["int8", "int64", "uint32", "complex64", "object", "U3", "M8[s]"]
    )
    def test_wrong_types(self, dtype):
        refused(np.zeros((2, 2), dtype), "expected uint8")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, value):
        refused(np.array([[0, value]]), "NaN or infinite")

    @pytest.mark.parametrize("value", [-0.1, 1.1, 255.0])
    def test_floats_out_of_range(self, value):
        refused(np.array([[0.5, value]]), f"{value:g}", "[0, 1]")

    def test_limit(self):
        side = 9000
        refused(np.broadcast_to(np.uint8(0), (side, side)), "9000x9000", "81 megapixels")


class TestBadFiles:
    def test_absent(self, tmp_path):
        refused(tmp_path / "gone.jpg", f"{tmp_path / 'gone.jpg'}: no such file")
        refused("", "'': no such file")

    def test_a_folder(self, tmp_path):
        refused(tmp_path, f"{tmp_path}: a folder")

    def test_below_a_file(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"x")
        refused(tmp_path / "a.jpg" / "b.jpg", "can't be read")

    def test_impossible_names(self):
        refused("a\0b.jpg", "not the name of a file")
        refused("a" * 5000, "no name of a file")

    def test_a_name_of_two_lines_stays_on_one(self, tmp_path):
        refused(tmp_path / "a\nb.jpg", r"a\nb.jpg")

    @pytest.mark.parametrize("address", ["http://example.org/a.jpg", "HTTPS://example.org/a.jpg"])
    def test_web_address(self, address):
        refused(address, address, "download")
        refused(pathlib.Path(address), "download")

    def test_pipe_with_a_name_does_not_wait(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.jpg")
        refused(tmp_path / "pipe.jpg", "not a regular file")
        refused("/dev/zero", "not a regular file")

    @needs_user
    def test_no_permission(self, tmp_path):
        file, folder = tmp_path / "a.png", tmp_path / "folder"
        file.write_bytes(encoded(Image.new("RGB", (2, 2)), "png"))
        folder.mkdir()
        for path in (file, folder):
            path.chmod(0)
            refused(path, "Permission denied")
            path.chmod(0o700)

    def test_empty(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"")
        refused(tmp_path / "a.jpg", "an empty file")
        refused(b"", "the bytes given: an empty file")
        refused(io.BytesIO(), "an empty file")

    @pytest.mark.parametrize(
        "data", [b"emotion,pixels\n0,1 2 3", b"%PDF-1.7", b"\0" * 100, b"BMW is no bitmap", b"GIF8"]
    )
    def test_no_picture(self, tmp_path, data):
        (tmp_path / "a.jpg").write_bytes(data)
        refused(tmp_path / "a.jpg", "a.jpg: ", "expected")

    @pytest.mark.parametrize(
        "data",
        [
            b'<svg xmlns="http://www.w3.org/2000/svg"/>',
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<svg width="3"></svg>',
        ],
    )
    def test_svg(self, data):
        refused(data, "an SVG drawing")

    def test_heic_without_its_plugin(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
        refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "pillow-heif")

    def test_eps_starts_no_other_program(self):
        refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture")

    @pytest.mark.parametrize(
        "form", ["jpeg", "png", "gif", "bmp", "webp", "tiff", "ppm", "progressive"]
    )
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_truncated(self, tmp_path, form, share):
        random = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        if form == "progressive":
            data = encoded(random, "jpeg", progressive=True)
        else:
            data = encoded(random, form)
        file = tmp_path / f"a.{form}"
        file.write_bytes(data[: int(len(data) * share)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refused(file, f"a.{form}: a damaged or cut-off ")

    def test_lazy_pil_image_of_a_truncated_file(self, smooth, tmp_path):
        data = encoded(smooth, "jpeg", quality=100)
        (tmp_path / "a.jpg").write_bytes(data[:-200])
        with Image.open(tmp_path / "a.jpg") as picture:
            refused(picture, f"{tmp_path / 'a.jpg'}: a damaged or cut-off JPEG")

    def test_closed_pil_image(self, rgb, tmp_path):
        Image.fromarray(rgb).save(tmp_path / "a.png")
        picture = Image.open(tmp_path / "a.png")
        picture.close()
        refused(picture, "a.png: ")

    @pytest.mark.parametrize("source", [None, 3, ["a.jpg"], object()])
    def test_no_source_at_all(self, source):
        refused(source, f"the {type(source).__name__} given", "expected a path")

    def test_bad_file_objects(self, tmp_path):
        (tmp_path / "a.jpg").write_text("no")
        with open(tmp_path / "a.jpg") as text:
            refused(text, "a.jpg: ", "text", "'rb'")
        closed = io.BytesIO(b"x")
        closed.close()
        refused(closed, "can't be read")
        with open(tmp_path / "b.jpg", "wb") as writing:
            refused(writing, "b.jpg: can't be read")

        class Answers:
            def read(self):
                return None

        refused(Answers(), "NoneType")


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def gif_header(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\x00;"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0" * 6 + frame


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 58, 0, 54, 40, width, height, 1, 24, *[0] * 6)


BOMBS = {
    "100 megapixels": lambda: png_header(10_000, 10_000),
    "png": lambda: png_header(200_000, 200_000),
    "largest png": lambda: png_header(2**31 - 1, 2**31 - 1),
    # Pillow looks at this one itself, as it opens it.
    "gif": lambda: gif_header(65535, 65535),
    "bmp": lambda: bmp_header(50_000, 50_000),
    "ppm": lambda: b"P6 90000 90000 255\n" + b"\0" * 64,
    "webp": lambda: (
        b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0" + bytes.fromhex("2ffeffff0f0010d0d0fe07002222fa1f") * 2
    ),
    "tiff": lambda: tiff_header(60_000, 60_000),
}


def tiff_header(width: int, height: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4


class TestLimit:
    @pytest.mark.parametrize("form", BOMBS)
    def test_bombs_are_told_from_the_header(self, form, tmp_path):
        file = tmp_path / "bomb"
        file.write_bytes(BOMBS[form]())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            refused(file, f"{file}: ", "megapixels, expected at most")

    def test_says_the_sizes(self):
        refused(BOMBS["100 megapixels"](), "10000x10000 pixels, 100 megapixels", "at most 67")

    def test_one_row_too_many(self):
        refused(Image.new("1", (2**13, MAX_PIXELS // 2**13 + 1)), "megapixels")

    def test_pillows_settings_play_no_part_and_stay(self, rgb, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert np.array_equal(read_image(encoded(rgb, "png")), rgb)
        assert Image.MAX_IMAGE_PIXELS == 10
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False

    def test_threads(self, rgb):
        good, bomb = encoded(rgb, "png"), BOMBS["100 megapixels"]()
        wrong: list[object] = []

        def work() -> None:
            for _ in range(20):
                if not np.array_equal(read_image(good), rgb):
                    wrong.append("pixels")
                with contextlib.suppress(FerError):
                    wrong.append(read_image(bomb))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert not wrong


class TestNames:
    def test_name_of(self, rgb, tmp_path):
        file = tmp_path / "a.png"
        Image.fromarray(rgb).save(file)
        assert name_of(file) == name_of(str(file)) == str(file)
        with open(file, "rb") as stream:
            assert name_of(stream) == str(file)
        with open(os.open(file, os.O_RDONLY), "rb") as stream:
            assert name_of(stream) == ""
        with Image.open(file) as picture:
            assert name_of(picture) == ""
        for pixels in (rgb, b"bytes", io.BytesIO(), None):
            assert name_of(pixels) == ""


@pytest.fixture
def tree(tmp_path):
    """Pictures and other files, two folders deep."""
    for name in ("b.JPG", "a/2.png", "a/1.webp", "a/deep/x.jpeg", "c/z.heic"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    for name in ("notes.txt", ".hidden.jpg", "a/icon.svg", "a/noending"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "g.png").write_bytes(b"")
    return tmp_path


ALL = ["a/1.webp", "a/2.png", "a/deep/x.jpeg", "b.JPG", "c/z.heic"]


def found(paths, root) -> list[str]:
    return [os.path.relpath(path, root) for path in find_images(paths)]


class TestFindImages:
    def test_walks_in_order(self, tree):
        assert found([tree], tree) == ALL

    def test_given_files_whatever_they_are(self, tree):
        given = ["notes.txt", ".hidden.jpg", "gone.png", "a/noending"]
        assert found([tree / name for name in given], tree) == given

    def test_hidden_folder_that_is_given(self, tree):
        assert found([tree / ".git"], tree) == [".git/g.png"]

    def test_nothing_twice(self, tree):
        assert found([tree, tree], tree) == ALL
        assert found([tree, tree / "a", tree / "b.JPG"], tree) == ALL
        assert found([tree / "b.JPG", tree / "b.JPG"], tree) == ["b.JPG"]
        first = [tree / "a" / "deep", tree / "b.JPG", tree]
        assert sorted(found(first, tree)) == ALL
        assert found(first, tree)[:2] == ["a/deep/x.jpeg", "b.JPG"]
        assert found([tree, tree / "notes.txt"], tree) == [*ALL, "notes.txt"]
        assert found([tree, tree / ".git" / "g.png"], tree) == [*ALL, ".git/g.png"]

    def test_loops_of_links_end(self, tree):
        (tree / "a" / "up").symlink_to(tree, target_is_directory=True)
        (tree / "a" / "self.png").symlink_to(tree / "a" / "self.png")
        (tree / "a" / "gone.png").symlink_to(tree / "nowhere.png")
        assert sorted(found([tree], tree)) == sorted([*ALL, "a/self.png", "a/gone.png"])

    def test_linked_folder_is_walked(self, tree, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "e.png").write_bytes(b"")
        (tree / "d").symlink_to(elsewhere)
        assert found([tree], tree) == [*ALL, "d/e.png"]

    def test_is_lazy(self, tree):
        images = find_images([tree])
        next(images)
        (tree / "c" / "new.png").write_bytes(b"")
        assert "new.png" in [path.name for path in images]

    def test_nothing(self, tmp_path):
        assert found([tmp_path], tmp_path) == found([], tmp_path) == []

    @needs_user
    def test_folder_without_permission_is_reported(self, tree):
        (tree / "c").chmod(0)
        assert found([tree], tree) == [*ALL[:-1], "c"]
        (tree / "c").chmod(0o700)
