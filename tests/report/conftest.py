"""Made-up predictions whose calibration is known."""

import numpy as np
import pytest

from fer_tf.tasks import FER2013


def draw(rows: int, sharpness: float = 1.0, seed: int = 0):
    """Labels drawn from Dirichlet probabilities, and those probabilities made `sharpness` surer.

    At sharpness 1 they are calibrated by construction: each label is drawn from its row.
    """
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(len(FER2013), 0.35), rows)
    labels = (true.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1).astype(np.uint8)
    told = true**sharpness
    return labels, (told / told.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def made_up():
    """`draw`."""
    return draw


@pytest.fixture
def predictions():
    """uint8 labels [300], float32 probabilities [300, 7] and uint8 noise images [300, 48, 48]."""
    images = np.random.default_rng(1).integers(0, 256, (300, 48, 48), np.uint8)
    return *draw(300), images
