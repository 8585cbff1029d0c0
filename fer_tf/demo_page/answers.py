"""Answers as HTML: the picture with a box around each face, the bars, the times."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from jinja2 import Environment, FunctionLoader

from fer_tf.demo_page.service import Answer
from fer_tf.pictures.reducing import reduced
from fer_tf.vision.drawing import class_colours
from fer_tf.vision.results import Box, Face

LONGEST_SIDE = 1280
"""Pixels of a picture on the page; a larger one is reduced."""
JPEG_QUALITY = 88
ROOMY = 0.16
"""Share of the picture's width from which a box shows its label, even if it is not chosen."""
LABEL = (0.2, 0.07)
"""Shares of the picture's width and height that a label takes, about."""


@dataclass(frozen=True)
class Reason:
    """What the chosen face's answer rests on.

    Attributes:
        pictures: (data URI, caption) pairs; empty where there are none.
        sentence: a sentence about them, or why there are none.
    """

    pictures: tuple[tuple[str, str], ...]
    sentence: str


def data_uri(pixels: np.ndarray) -> str:
    """A picture, uint8 RGB [h, w, 3], as a JPEG inside an address."""
    bgr = cv2.cvtColor(reduced(pixels, LONGEST_SIDE), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def picture_html(answer: Answer, picture: str, chosen: int, reason: Reason | None) -> str:
    """The picture with its boxes, and the chosen face's answer.

    Args:
        answer: to show.
        picture: its address: `data_uri`.
        chosen: index of the face whose bars are shown.
        reason: what to show below them.
    """
    return _template("picture.html").render(
        answer=answer, picture=picture, chosen=chosen, reason=reason
    )


def boxes_html(answer: Answer) -> str:
    """The boxes alone, to lie over the camera's film."""
    return _template("boxes.html").render(answer=answer, chosen=0)


def bars_html(answer: Answer) -> str:
    """The answer for the face with the best detector score, without a picture."""
    return _template("bars.html").render(answer=answer, chosen=0)


def message_html(title: str, sentence: str, *, bad: bool = False, empty: bool = False) -> str:
    """A card with a sentence instead of an answer: of what is wrong, or large while it is empty."""
    return _template("message.html").render(title=title, sentence=sentence, bad=bad, empty=empty)


def examples_html(examples: dict[str, tuple[str, str]]) -> str:
    """Buttons with small pictures: (address, what it shows) by name."""
    return _template("examples.html").render(examples=examples)


@cache
def _environment() -> Environment:
    files = resources.files(__package__) / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (files / name).read_text("utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"colours": class_colours, "roomy": ROOMY}
    environment.filters |= {"place": _place, "percent": _percent, "crowded": _crowded}
    return environment


def _template(name: str):
    return _environment().get_template(name)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", "\N{NARROW NO-BREAK SPACE}%")


def _place(face: Face, answer: Answer) -> str:
    """The part of the box that lies in the picture, in CSS."""
    left, top = max(face.box.left, 0), max(face.box.top, 0)
    right, bottom = min(face.box.right, answer.width), min(face.box.bottom, answer.height)
    return (
        f"left:{left / answer.width:.3%};top:{top / answer.height:.3%};"
        f"width:{max(right - left, 0) / answer.width:.3%};"
        f"height:{max(bottom - top, 0) / answer.height:.3%}"
    )


def _crowded(face: Face, answer: Answer) -> bool:
    """Whether a label above the box would leave the picture or cover another face."""
    width, height = LABEL[0] * answer.width, LABEL[1] * answer.height
    label = Box(face.box.left, face.box.top - height, width, height)
    others = (other.box for other in answer.faces if other is not face)
    return label.top < 0 or any(label.iou(box) > 0 for box in others)
