"""A network's answers for many faces, with or without test-time augmentation."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from fer_tf.data.batches import evaluation
from fer_tf.errors import FerError

TTA = ("none", "flip", "ten-crop")
"""Test-time augmentations: none, the mean over a face and its mirror image, or over ten crops."""

CROP = 40 / 48
"""Side of each of the ten crops over the face's: 40 of 48 pixels (Khaireddin and Chen, 2021)."""


def predict_logits(
    model: keras.Model,
    images: np.ndarray,
    *,
    size: tuple[int, int],
    tta: str = "none",
    batch_size: int = 128,
) -> np.ndarray:
    """Logits for grey faces.

    Args:
        model: float32 pixels in [0, 255], [n, height, width, 3], to logits [n, classes].
        images: uint8 [n, h, w], grey.
        size: (height, width) to resize to.
        tta: one of `TTA`. The ten crops are the corners and the centre, each resized to `size`,
            and their mirror images.
        batch_size: faces in a batch.

    Returns:
        float32 [n, classes]; with `tta`, the logarithm of the views' mean probabilities.

    Raises:
        FerError: an unknown `tta`.
    """
    if tta not in TTA:
        raise FerError(f"tta: expected one of {', '.join(TTA)}, found {tta!r}")
    answers = [
        np.asarray(
            model.predict(
                evaluation(images, size=size, batch_size=batch_size, flip=flip, crop=crop),
                verbose=0,
            )[: len(images)],
            np.float32,
        )
        for flip, crop in _views(tta)
    ]
    if len(answers) == 1:
        return answers[0]
    mean = np.mean([softmax(logits) for logits in answers], axis=0)
    return np.log(np.maximum(mean, 1e-12)).astype(np.float32)


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
