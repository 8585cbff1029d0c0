"""Pictures in: from a file, bytes, a PIL image or an array to upright RGB pixels."""

from __future__ import annotations

import errno
import importlib
import io
import os
import stat
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import cv2
import numpy as np

from fer_tf.errors import FerError, reason, shown_path
from fer_tf.installed import absent
from fer_tf.pictures.data_urls import LONGEST_PATH, decode_data_url, is_data_url
from fer_tf.pictures.jpeg_scans import check_scans
from fer_tf.pictures.refused import TooManyPixels, UnknownFormat

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 2**26
"""Of the largest picture that is read: 67 megapixels, a phone's 64 (9248x6936) still fits.

Its RGB array has 201 MB; while it is decoded, turned and freed of transparency, 0.9 GB are held.
"""

# Pillow has forty formats more; some start other programs (EPS), few are safe on strangers' files.
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM", "HEIF")
_PLUGINS = ("Jpeg", "Png", "WebP", "Avif", "Bmp", "Gif", "Tiff", "Ppm")
_EXPECTED = "expected JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PNM"
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WHITES = (255, 1023, 4095, 65535)  # of 8, 10, 12 and 16 bits
_SWAPPED = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B"}
_ROUNDING = 1e-3  # how far floats may leave [0, 1]: half a grey level is 2e-3


def read_image(source: Any, *, bgr: bool = False, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a picture as upright RGB.

    Args:
        source: one of
            a path (str or PathLike) of a JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PNM file, or of
            a HEIC file where pillow-heif is installed; or a data: URL with one;
            such a file's bytes, or a binary file object (anything with `.read()`, read from where
            it stands to its end, not closed);
            a PIL image;
            an array, grey [h, w] or [h, w, 1], RGB [h, w, 3] or RGBA [h, w, 4], of bool, uint8,
            uint16 or floats in [0, 1] (NumPy's, or what has `__array__`).
        bgr: arrays of 3 or 4 channels have them in OpenCV's order, BGR(A). It says nothing about
            files and PIL images, which know their own order, so lists may mix them with arrays.
        max_pixels: of the largest picture that is read.

    Of an animation the first frame is read, of a file with several pages the first one. The EXIF
    orientation is obeyed, in PIL images too. What is transparent shows white, as on a page.
    16 bits of grey or of a colour become 8, and white is 65,535, or 4,095, 1,023 or 255 where no
    pixel is above that: so cameras of 12 and 10 bits fill their files. (What has 16 bits and
    nothing above a sixteenth of white would be all but black, and is brightened; with a single
    brighter pixel it stays.) Floats are multiplied by 255. Colour profiles are not applied. No
    other program is started, and nothing but a regular file opened.

    Pillow's global settings stay as they are. Only its GIF and TIFF readers ask MAX_IMAGE_PIXELS;
    whoever has set LOAD_TRUNCATED_IMAGES gets the half of a cut-off picture, as asked for.

    Returns:
        uint8 [h, w, 3], contiguous and writable, sharing no memory with `source`.

    Raises:
        FerError: absent, no picture (`UnknownFormat`), damaged, cut off, above `max_pixels`
            (`TooManyPixels`, told from the header, before decoding), empty, or an array of another
            form. Nothing else is raised, whatever the file holds.
    """
    name = _label(source)
    if is_data_url(source):
        return _decode(io.BytesIO(decode_data_url(source)), name, max_pixels)
    if isinstance(source, (str, os.PathLike)):
        return _read_file(source, name, max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode(io.BytesIO(source), name, max_pixels)
    if hasattr(source, "__array__"):
        return _from_array(_array(source, name), name, max_pixels, bgr=bgr)
    if hasattr(source, "read"):
        return _decode(io.BytesIO(_contents(source, name)), name, max_pixels)

    from PIL import Image

    if isinstance(source, Image.Image):
        return _from_pillow(source, name, max_pixels)
    raise FerError(
        f"{name}: can't be read as a picture, expected a path, bytes, a binary file object, a PIL "
        "image or an array"
    )


def listed(images: Any) -> Any:
    """The pictures of a collection; of what is a single one itself, a list of it.

    Args:
        images: an iterable of what `read_image` takes, an array of several grey pictures [n, h, w]
            or coloured ones [n, h, w, channels], or one picture. An array [h, w, 1, 3 or 4] is one.
    """
    if isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview)):
        return [images]
    if hasattr(images, "__array__"):
        shape = np.shape(images)
        single = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
        return [images] if single else images
    return [images] if hasattr(images, "read") or not hasattr(images, "__iter__") else images


def name_of(source: Any) -> str:
    """The path of a picture, or its file object's name; "" for bytes and pixels.

    Of a data: URL it is what stands before the data, and of a text that is too long for a path its
    beginning.
    """
    if is_data_url(source):
        source = source.partition(",")[0]
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        long = len(path) > LONGEST_PATH
        return f"{path[:40]}... ({len(path):,} characters)" if long else path
    name = getattr(source, "name", "") if hasattr(source, "read") else ""
    return name if isinstance(name, str) else ""


def _label(source: Any) -> str:
    """How a sentence names `source`, on one line."""
    name = name_of(source)
    if not name:
        filename = getattr(source, "filename", "")
        name = filename if isinstance(filename, str) else ""
    if name:
        return shown_path(name)
    if isinstance(source, (str, os.PathLike)):
        return "''"
    return f"the {type(source).__name__} given"


def _read_file(path: str | os.PathLike, name: str, max_pixels: int) -> np.ndarray:
    if name.lower().startswith(("http:/", "https:/")):  # a Path has one slash left
        raise FerError(f"{name}: a web address, expected a file: download the picture first")
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            # Raises what is the matter where `fer_tf.pictures.finding` could not list it.
            os.listdir(path)
            raise FerError(f"{name}: a folder, expected a picture")
        if not stat.S_ISREG(mode):
            raise FerError(f"{name}: not a regular file, expected a picture")
        # Pillow gets no name, or it would map the file, and die where that is cut short meanwhile.
        stream = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise FerError(f"{name}: no such file, expected a picture") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FerError(
                f"{name}: no name of a file, expected one; base64 text is read as a URL, "
                "data:image/jpeg;base64,..."
            ) from None
        raise FerError(f"{name}: can't be read ({error.strerror}), expected a picture") from error
    except FerError:
        raise
    except ValueError as error:
        raise FerError(f"{name}: not the name of a file ({reason(error)})") from error
    with stream:
        return _decode(stream, name, max_pixels)


def _array(source: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(source)
    except Exception as error:
        raise FerError(f"{name}: can't become a NumPy array ({reason(error)})") from error


def _contents(source: Any, name: str) -> bytes:
    try:
        data = source.read()
    except Exception as error:
        raise FerError(f"{name}: can't be read ({reason(error)}), expected a picture") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        found = "text" if isinstance(data, str) else type(data).__name__
        raise FerError(f"{name}: its read() gives {found}, expected bytes (opened with 'rb')")
    return bytes(data)


def _decode(stream: IO[bytes], name: str, max_pixels: int) -> np.ndarray:
    try:
        prefix = stream.read(1024)
    except OSError as error:
        raise FerError(f"{name}: can't be read ({reason(error)}), expected a picture") from error
    if not prefix:
        raise UnknownFormat(f"{name}: an empty file, expected a picture")
    plugin, factory = _plugin(prefix)
    if factory is None:
        raise UnknownFormat(f"{name}: {_kind(prefix)}, {_EXPECTED}")
    stream.seek(0)
    # PIL.Image.open would warn of large pictures, and a warning can be held back for the whole
    # process only, not for a thread.
    try:
        picture = factory(stream, "")
        tiles = _low_bytes(picture)
        pixels = _from_pillow(picture, name, max_pixels)
        if tiles is None or pixels.max() > _WHITES[2] >> 8:
            return pixels
        stream.seek(0)
        picture = factory(stream, "")
        picture.tile = tiles
    except FerError:
        raise
    except Exception as error:
        raise _damaged(name, plugin, error) from error
    low = _from_pillow(picture, name, max_pixels)
    return _from_array(pixels.astype(np.uint16) << 8 | low, name, max_pixels, bgr=False)


def _low_bytes(picture: Image) -> list | None:
    """What makes Pillow read the lower bytes of 16 bits a colour, of which it keeps the higher.

    That is the other order of bytes. None where there are no such colours.
    """
    tiles = []
    for tile in getattr(picture, "tile", []):
        args = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
        if args[0] not in _SWAPPED:
            return None
        tiles.append(tile._replace(args=(_SWAPPED[args[0]], *args[1:])))
    return tiles or None


def _plugin(prefix: bytes) -> tuple[str, Any]:
    """Pillow's name of the format that begins with `prefix` and what opens it, or ("", None)."""
    from PIL import Image

    for module in _PLUGINS:
        importlib.import_module(f"PIL.{module}ImagePlugin")
    if prefix[4:8] == b"ftyp" and "HEIF" not in Image.OPEN:
        with suppress(ImportError):
            importlib.import_module("pillow_heif").register_heif_opener()
    for plugin in _FORMATS:
        factory, accept = Image.OPEN.get(plugin, (None, None))
        # A text instead of True says that this Pillow was built without the format.
        if factory is not None and accept is not None and accept(prefix) is True:
            return plugin, factory
    return "", None


def _kind(prefix: bytes) -> str:
    """What a file is that Pillow does not open."""
    text = prefix.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in text:
        return "an SVG drawing, which has no pixels"
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIC:
        return f"a HEIC picture, which {absent('pillow-heif', 'heic')}"
    if prefix[4:8] == b"ftyp" and prefix[8:12] in (b"avif", b"avis"):
        return "an AVIF picture, which this Pillow was built without"
    return f"not a picture (it begins with {prefix[:12]!r})"


def _damaged(name: str, plugin: str | None, error: BaseException) -> FerError:
    from PIL import Image

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        limit = f"{MAX_PIXELS / 1e6:.0f} megapixels"
        return TooManyPixels(f"{name}: {plugin} frames far above {limit}, expected at most that")
    if isinstance(error, MemoryError):
        return FerError(f"{name}: more memory is needed than there is, expected fewer pixels")
    kind = plugin or "picture"
    return FerError(f"{name}: a damaged or cut-off {kind} ({reason(error)}), expected a whole one")


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise FerError(f"{name}: {width}x{height} pixels, expected at least one")
    if width * height > max_pixels:
        raise TooManyPixels(
            f"{name}: {width}x{height} pixels, {width * height / 1e6:,.0f} megapixels, "
            f"expected at most {max_pixels / 1e6:.0f}"
        )


def _from_pillow(picture: Image, name: str, max_pixels: int) -> np.ndarray:
    _check_size(*picture.size, name, max_pixels)
    stream = getattr(picture, "fp", None)  # None once it is loaded
    try:
        if picture.format in ("JPEG", "MPO") and stream is not None:
            check_scans(stream, name)
        picture.load()
        array = np.asarray(_simple(_upright(picture)))
    except FerError:
        raise
    except Exception as error:
        raise _damaged(name, picture.format, error) from error
    if array.dtype.kind == "i":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise FerError(f"{name}: 32-bit pixels from {low} to {high}, expected 0 to 65535")
        array = array.astype(np.uint16)
    return _from_array(array, name, max_pixels, bgr=False)


def _upright(picture: Image) -> Image:
    from PIL import ExifTags, Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    # PIL.ImageOps.exif_transpose writes the other EXIF fields anew, and fails where one is odd.
    try:
        turn = turns.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return picture
    return picture if turn is None else picture.transpose(turn)


def _simple(picture: Image) -> Image:
    """As RGB; 16 and 32 bits a pixel stay as they are."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return picture
    if picture.mode == "La":  # from which Pillow converts to LA only
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        return _on_white(picture.convert("RGBA"))
    # convert copies what is RGB already, a tenth of the time that a photograph takes.
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _on_white(picture: Image) -> Image:
    from PIL import Image

    page = Image.new("RGB", picture.size, "white")
    page.paste(picture, mask=picture.getchannel("A"))
    return page


def _from_array(array: np.ndarray, name: str, max_pixels: int, *, bgr: bool) -> np.ndarray:
    channels = 1 if array.ndim == 2 else array.shape[-1] if array.ndim == 3 else 0
    if channels not in (1, 3, 4):
        raise FerError(
            f"{name}: an array of shape {array.shape}, expected (height, width) or (height, width, "
            "1, 3 or 4)"
        )
    height, width = array.shape[:2]
    _check_size(width, height, name, max_pixels)
    pixels = np.ascontiguousarray(_as_uint8(array, name)).reshape(height, width, channels)
    # OpenCV gives new arrays, ten times as fast as NumPy's repeat and index do.
    if channels == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if channels == 4:
        from PIL import Image

        pixels = np.asarray(_on_white(Image.fromarray(pixels)))
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if bgr else np.array(pixels)


def _as_uint8(array: np.ndarray, name: str) -> np.ndarray:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and size == 1:
        return array
    if kind == "b":
        return array.astype(np.uint8) * 255
    if kind == "u" and size == 2:
        white = next(white for white in _WHITES if array.max() <= white)
        # Rounded to the nearest.
        return ((array.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
    if kind != "f":
        raise FerError(
            f"{name}: an array of {array.dtype}, expected uint8, uint16, bool or floats in [0, 1]"
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise FerError(f"{name}: floats that are NaN or infinite, expected them in [0, 1]")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise FerError(
            f"{name}: floats from {low:g} to {high:g}, expected them in [0, 1] (or uint8 up to 255)"
        )
    return np.rint(np.clip(array, 0, 1).astype(np.float32) * 255).astype(np.uint8)
