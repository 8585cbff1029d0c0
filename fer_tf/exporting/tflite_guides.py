"""The pages that tell an app's author what to write: the templates in `tflite_files`, filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from string import Template

from fer_tf.errors import FerError
from fer_tf.files import write_beside

GUIDES = ("android.md", "ios.md")

KOTLIN_BYTES = {
    3: """
            ByteArray(pixels.size * 3) { (pixels[it / 3] shr (16 - 8 * (it % 3))).toByte() }
        """,
    1: """
            ByteArray(pixels.size) {
                val (r, g, b) = Triple(pixels[it] shr 16, pixels[it] shr 8, pixels[it])
                ((299 * (r and 255) + 587 * (g and 255) + 114 * (b and 255) + 500) / 1000).toByte()
            }
        """,
}
"""The input of a colour and of a grey network from a bitmap's pixels, 0xAARRGGBB."""

SWIFT_BYTES = {
    3: "stride(from: 0, to: rgba.count, by: 4).flatMap { rgba[$0..<$0 + 3] }",
    1: """stride(from: 0, to: rgba.count, by: 4).map { i in
      let (r, g, b) = (Int(rgba[i]), Int(rgba[i + 1]), Int(rgba[i + 2]))
      return UInt8((299 * r + 587 * g + 114 * b + 500) / 1000)
    }""",
}
"""The same from bytes in the order red, green, blue, unused."""

COLOURS = {3: "RGB, or grey in all three channels", 1: "grey: 0.299 R + 0.587 G + 0.114 B"}

MEDIAPIPE = """\
- The labels are in the file as well, as metadata: MediaPipe's `ImageClassifier` loads it as it is
  (tested in Python, MediaPipe 1.2.2).
"""
"""For colour only: MediaPipe takes no grey networks."""


def write_guides(
    directory: str | Path,
    *,
    files: Mapping[str, str],
    size: tuple[int, int],
    channels: int,
    labels: Sequence[str],
) -> None:
    """Write `GUIDES` into `directory`, each beside its place and then renamed.

    Args:
        directory: an existing folder, that of the TFLite files.
        files: from a format, such as "float16", to the name of its file. The code in the guides
            loads the first.
        size: (height, width) of the input in pixels.
        channels: of the input, 3 or 1.
        labels: the classes in the order of the output.

    Raises:
        FerError: a guide cannot be written.
    """
    first = next(iter(files.values()))
    height, width = size
    values = {
        "files": ", ".join(f"`{file}` ({kind})" for kind, file in files.items()),
        "file": first,
        "stem": Path(first).stem,
        "height": height,
        "width": width,
        "channels": channels,
        "colours": COLOURS[channels],
        "classes": len(labels),
        "labels": ", ".join(json.dumps(label, ensure_ascii=False) for label in labels),
        "kotlin_bytes": KOTLIN_BYTES[channels],
        "swift_bytes": SWIFT_BYTES[channels],
        "mediapipe": MEDIAPIPE if channels == 3 else "",
    }
    for name in GUIDES:
        template = (package_files("fer_tf.exporting") / "tflite_files" / name).read_text("utf-8")
        path = Path(directory) / name
        try:
            write_beside(path, Template(template).substitute(values))
        except OSError as error:
            raise FerError(f"{path}: the guide cannot be written, {error.strerror}") from error
