"""Answers as a person looks at them: a picture of PIL, and HTML for notebooks."""

from __future__ import annotations

import base64
import io
import os
from html import escape
from typing import Any

from PIL import Image

from fer_tf.errors import FerError, shown_path
from fer_tf.pictures.images import read_image
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.results import Analysis, VideoFrame

SIDE = 960
"""Pixels of a notebook's picture on its longer side, at most."""

QUALITY = 90
"""Of the JPEG in a notebook's HTML: the notebook keeps it, and it is a quarter of the PNG."""

ROWS = 20
"""Faces in a notebook's table, at most."""


def drawn(analysis: Analysis, image: Any = None) -> Image.Image:
    """The picture with what was found in it; see `Analysis.draw`."""
    frame = analysis if isinstance(analysis, VideoFrame) else None
    if image is None and frame is not None:
        image = frame.pixels
    if image is None and not os.path.isfile(analysis.source):
        name = shown_path(analysis.source) if analysis.source else "the picture"
        raise FerError(f"draw: {name} is no file, and pixels are not kept: expected draw(image)")
    pixels = read_image(analysis.source if image is None else image)
    height, width = pixels.shape[:2]
    if (width, height) != (analysis.width, analysis.height):
        raise FerError(
            f"draw: found a picture of {width}x{height} pixels, expected the one that was "
            f"analysed, {analysis.width}x{analysis.height}"
        )
    tracks = frame.tracks if frame is not None else ()
    return Image.fromarray(draw_faces(pixels, analysis.faces, tracks=tracks))


def as_html(analysis: Analysis) -> str:
    """The picture, where there is one, above a table of the faces."""
    try:
        picture = drawn(analysis)
    except FerError:
        shown = ""
    else:
        picture.thumbnail((SIDE, SIDE))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=QUALITY)
        data = base64.b64encode(file.getvalue()).decode()
        shown = f'<img style="max-width:100%" alt="" src="data:image/jpeg;base64,{data}">'
    name = escape(analysis.source)
    if not analysis.faces:
        return f"<div>{shown}<p>{name} {escape(analysis.reason)}</p></div>"
    tracks = analysis.tracks if isinstance(analysis, VideoFrame) else ()
    header = ["face", *["person"] * bool(tracks), "label", "certainty", "next", "box"]
    rows = []
    for index, face in list(enumerate(analysis.faces))[:ROWS]:
        _, (second, share), *_ = sorted(face.by_emotion.items(), key=lambda item: -item[1])
        box = face.box
        cells = [
            str(index),
            *[str(track) for track in tracks[index : index + 1]],
            ", ".join([face.label, *face.value_texts]),
            f"{face.certainty:.0%}",
            f"{second} {share:.0%}",
            f"{box.width:.0f}x{box.height:.0f} at {box.left:z.0f}, {box.top:z.0f}",
        ]
        rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
    rest = len(analysis.faces) - len(rows)
    more = f"<p>and {rest:,} more</p>" if rest else ""
    heads = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<div>{shown}<table><caption>{name}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table>{more}</div>"
    )
