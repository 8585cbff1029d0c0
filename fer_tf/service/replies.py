"""Answers as JSON; the names are those of `fer_tf.vision.face_table`, some of them in objects."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from fer_tf.service.engine import Seen
from fer_tf.vision.explaining import ExplainedFace
from fer_tf.vision.face_table import rounded

EXAMPLE: dict[str, Any] = {
    "model": "mit_b0_fusion",
    "pictures": [
        {
            "source": "grace_hopper.jpg",
            "width": 512,
            "height": 600,
            "reason": "",
            "faces": [
                {
                    "face": 0,
                    "box": {"left": 182.8, "top": 120.6, "width": 171.1, "height": 212.7},
                    "score": 0.943588,
                    "label": "Neutral",
                    "certainty": 0.729311,
                    "probabilities": {
                        "angry": 0.066418,
                        "disgust": 0.010798,
                        "fear": 0.095453,
                        "happy": 0.042776,
                        "sad": 0.042078,
                        "surprise": 0.013166,
                        "neutral": 0.729311,
                    },
                    "values": {},
                }
            ],
        }
    ],
}


class BoxReply(BaseModel):
    """A rectangle, in pixels of the upright picture, beyond which it may reach."""

    left: float
    top: float
    width: float
    height: float


class SaliencyReply(BaseModel):
    """What an answer rests on.

    Attributes:
        target: the class that is explained.
        method: a key of `fer_tf.explanations.METHODS`.
        map: a grey PNG in base64, over `crop`: white is the most salient.
        crop: the face as the network was given it, a PNG in base64.
    """

    target: str
    method: str
    map: str
    crop: str


class FaceReply(BaseModel):
    """A face.

    Attributes:
        face: its index in the picture, from 0, best detector score first.
        box: where it is.
        score: the detector's, in [0, 1].
        label: the most probable class, or "unsure".
        certainty: the largest probability.
        probabilities: of each class, its name in lower case; their sum is 1.
        values: such as valence, each in [-1, 1]; often none.
        saliency: where it was asked for, of the first faces.
    """

    face: int
    box: BoxReply
    score: float
    label: str
    certainty: float
    probabilities: dict[str, float]
    values: dict[str, float]
    saliency: SaliencyReply | None = None


class PictureReply(BaseModel):
    """A picture.

    Attributes:
        source: its file's name, or "pictures[0]" and so on.
        width: of the upright picture, in pixels; 0 where it could not be read.
        height: likewise.
        reason: why there is no face, in one sentence; "" where there are some.
        faces: may be empty.
    """

    source: str
    width: int
    height: int
    reason: str
    faces: list[FaceReply]


class Reply(BaseModel):
    """What was found in the pictures of a request, in their order."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    model: str
    pictures: list[PictureReply]


def reply(model: str, pictures: Sequence[Seen]) -> dict[str, Any]:
    """A `Reply`, as a dictionary: saliency is left out where there is none."""
    return {"model": model, "pictures": [_picture(seen) for seen in pictures]}


def _picture(seen: Seen) -> dict[str, Any]:
    found = seen.analysis
    faces = [_face(rounded(row)) for row in found.to_dicts()]
    for face, explained in zip(faces, seen.explained, strict=False):
        face["saliency"] = _saliency(explained)
    return {
        "source": found.source,
        "width": found.width,
        "height": found.height,
        "reason": found.reason,
        "faces": faces,
    }


def _face(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "face": row["face"],
        "box": {side: row[side] for side in ("left", "top", "width", "height")},
        **{name: row[name] for name in ("score", "label", "certainty")},
        "probabilities": _named(row, "probability_"),
        "values": _named(row, "value_"),
    }


def _named(row: dict[str, Any], prefix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)
    }


def _saliency(explained: ExplainedFace) -> dict[str, str]:
    why = explained.explanation
    return {
        "target": why.task.labels[why.target],
        "method": why.method,
        "map": _png(np.rint(why.map * 255).astype(np.uint8)),
        "crop": _png(explained.crop.pixels[..., ::-1]),
    }


def _png(pixels: np.ndarray) -> str:
    """In base64; grey [h, w], or BGR [h, w, 3]."""
    return base64.b64encode(cv2.imencode(".png", pixels)[1].tobytes()).decode()
