"""A network's answers for many faces, with or without test-time augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from fer_tf.data.batches import evaluation
from fer_tf.data.geometry import CROP
from fer_tf.data.mapped import Images
from fer_tf.errors import FerError

TTA = ("none", "flip", "ten-crop")
"""Test-time augmentations: none, the mean over a face and its mirror image, or over ten crops."""


def predict_logits(model: keras.Model, images: Images, **keywords: Any) -> np.ndarray:
    """The logits of `predict_answers`, float32 [n, classes]; the arguments are the same."""
    return predict_answers(model, images, **keywords)[0]


def predict_answers(
    model: keras.Model,
    images: Images,
    *,
    size: tuple[int, int],
    tta: str = "none",
    batch_size: int = 128,
) -> tuple[np.ndarray, np.ndarray | None]:
    """A network's answers for faces.

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits [n, classes], or to
            {"logits": these, "values": [n, k]}.
        images: uint8 [n, h, w] or [n, h, w, 1], grey, or [n, h, w, 3], RGB; n at least 1.
        size: (height, width) to resize to.
        tta: one of `TTA`. The ten crops are the corners and the centre, each resized to `size`,
            and their mirror images.
        batch_size: faces in a batch.

    Returns:
        (logits, values), float32 [n, classes] and [n, k], or None for a network without values;
        with `tta`, the logarithm of the views' mean probabilities, and the values' mean.

    Raises:
        FerError: an unknown `tta`, or images of another type or shape.
    """
    if tta not in TTA:
        raise FerError(f"tta: expected one of {', '.join(TTA)}, found {tta!r}")
    shaped = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if images.dtype != np.uint8 or not shaped or not len(images):
        raise FerError(
            f"images: expected uint8 [n, h, w] or [n, h, w, 1 or 3], n at least 1, found "
            f"{images.dtype} {list(images.shape)}"
        )
    logits, values = [], []
    for flip, crop in _views(tta):
        batches = evaluation(images, size=size, batch_size=batch_size, flip=flip, crop=crop)
        answers = model.predict(batches, verbose=0)
        if isinstance(answers, dict):
            values.append(np.asarray(answers["values"][: len(images)], np.float32))
            answers = answers["logits"]
        logits.append(np.asarray(answers[: len(images)], np.float32))
    estimates = np.mean(values, axis=0) if values else None
    if len(logits) == 1:
        return logits[0], estimates
    mean = np.mean([softmax(each) for each in logits], axis=0)
    return np.log(np.maximum(mean, 1e-12)).astype(np.float32), estimates


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits [..., classes], same shape and dtype."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _views(tta: str) -> Iterator[tuple[bool, tuple[float, float, float] | None]]:
    """(flip, crop) of each view; crops as (zoom, shift_x, shift_y)."""
    if tta != "ten-crop":
        yield False, None
        if tta == "flip":
            yield True, None
        return
    # The shift is that of the magnified content: half of what the crop leaves out.
    far = (1 / CROP - 1) / 2
    for flip in (False, True):
        for x, y in ((0, 0), (-far, -far), (-far, far), (far, -far), (far, far)):
            yield flip, (1 / CROP, x, y)
