"""What a network and data of another task have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fer_tf.data.faces import Faces
from fer_tf.data.mapped import MappedImages
from fer_tf.errors import FerError
from fer_tf.report.judging import judged
from fer_tf.report.value_scores import score_values
from fer_tf.tasks import AFFECT, TASKS, Task
from fer_tf.trained.inference import softmax

NETWORK = Task("own", ("glad", "Angry", "bored"), ("arousal", "valence", "dominance"))


def data() -> Faces:
    """Two training rows, and four to judge: anger, happiness, fear, happiness."""
    return Faces(
        images=np.full((6, 4, 4, 3), (200, 0, 0), np.uint8),
        labels=np.array([0, 1, 0, 1, 2, 1], np.uint8),
        split=np.array([0, 0, 1, 1, 1, 1], np.uint8),
        task=Task("other", ("anger", "GLAD", "fear"), AFFECT, (4, 4, 3)),
        values=np.array(
            [[-0.5, 0.5], [0.5, np.nan], [-0.4, 0.1], [0.6, 0.2], [-1, 1], [0.8, 0.3]], np.float32
        ),
    )


def test_classes_and_values_are_matched_by_name():
    common = judged(data(), "PublicTest", NETWORK, "faces")
    assert common.faces.task.labels == ("glad", "Angry")
    assert common.faces.task.values == ("arousal", "valence")
    assert common.faces.labels.tolist() == [1, 0, 0]
    np.testing.assert_allclose(common.faces.values, [[0.1, -0.4], [0.2, 0.6], [0.3, 0.8]])
    logits = np.log(np.array([[0.2, 0.3, 0.5]], np.float32))
    np.testing.assert_allclose(softmax(common.logits(logits)), [[0.4, 0.6]], rtol=1e-6)
    values = common.estimates(np.array([[1, 2, 3]] * 3) / 4)
    assert values is not None
    np.testing.assert_allclose(values.estimated, [[0.25, 0.5]] * 3)
    assert common.left_out == (
        "faces: has no 'bored': the network's answer to it is left out",
        "faces: has no 'dominance': the network's answer to it is left out",
        "faces: left out 1 of 'fear'",
    )


def test_a_class_stands_for_its_mean_value_in_training():
    values = judged(data(), "PublicTest", NETWORK, "faces").estimates(np.zeros((3, 3)))
    assert values is not None
    # No glad training face has an arousal: the mean of all that have one.
    np.testing.assert_allclose(values.class_means, [[0.5, -0.5], [0.5, 0.5], [0.5, 0.5]])
    arousal, valence = score_values(values, bootstrap=2)
    assert arousal.class_mean_ccc == 0 and valence.ccc.value == 0
    assert 0.8 < valence.class_mean_ccc < 1
    rows = data()
    alone = judged(rows.take(rows.split == 1), "PublicTest", NETWORK, "faces")
    np.testing.assert_allclose(alone.class_means[:, 1], [-0.4, 0.7, 0.7], rtol=1e-6)


def test_a_network_of_grey_faces_is_given_grey_ones():
    assert np.unique(judged(data(), "PublicTest", NETWORK, "faces").faces.images) == [60]
    colour = replace(NETWORK, face=(4, 4, 3))
    assert judged(data(), "PublicTest", colour, "faces").faces.images.shape == (3, 4, 4, 3)


def test_faces_in_a_file_are_judged_alike(tmp_path):
    rows = data()
    np.save(tmp_path / "faces.npy", rows.images)
    mapped = replace(rows, images=MappedImages(np.load(tmp_path / "faces.npy", mmap_mode="r")))
    for network in (NETWORK, replace(NETWORK, face=(4, 4, 3))):
        common, same = (judged(each, "PublicTest", network, "faces") for each in (mapped, rows))
        np.testing.assert_array_equal(common.faces.images, same.faces.images)


def test_two_classes_at_least_are_in_common():
    other = Task("mood", ("bored", "Fear"))
    with pytest.raises(FerError, match=r"has the classes anger, .* at least two of .* bored"):
        judged(data(), "PublicTest", other, "faces")
    with pytest.raises(FerError, match=r"no PrivateTest rows, only .*: expected --split with"):
        judged(data(), "PrivateTest", TASKS["fer2013"], "faces")
