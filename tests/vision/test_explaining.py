"""What FaceAnalyzer's answers rest on, with the network that ships."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fer_tf import FaceAnalyzer, FerError
from fer_tf.shipped import shipped_model
from fer_tf.tasks import TASKS
from fer_tf.vision.explaining import answer_index


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


def test_each_face_is_explained_with_its_own_answer(analyzer, astronaut) -> None:
    (expected,) = analyzer.analyze(astronaut)
    (why,) = analyzer.explain(astronaut, method="gradient")
    assert why.face == expected
    assert why.explanation.probabilities == expected.probabilities
    assert expected.labels[why.explanation.target] == expected.emotion
    saliency = why.explanation.map
    assert saliency.shape == analyzer.recognizer.size and saliency.dtype == np.float32
    assert saliency.min() >= 0 and saliency.max() == 1 and saliency.std() > 0.01
    panels = why.panels(astronaut)
    assert panels.dtype == np.uint8 and panels.shape[1] > 2 * panels.shape[0]


def test_another_emotion_gives_another_map(analyzer, astronaut) -> None:
    (happy,) = analyzer.explain(astronaut, method="gradient")
    (sad,) = analyzer.explain(astronaut, method="gradient", target="Sad")
    assert sad.face == happy.face and sad.explanation.target == 4
    assert np.abs(sad.explanation.map - happy.explanation.map).max() > 0.1


def test_a_crop_is_explained_whole(analyzer, astronaut) -> None:
    crop = astronaut[64:164, 176:276]
    (why,) = analyzer.explain(crop, method="gradient", cropped=True)
    assert why.face == analyzer.analyze_faces([crop])[0]
    assert (why.face.box.width, why.face.box.height) == (100, 100)


def test_no_face_no_explanation(analyzer) -> None:
    assert analyzer.explain(np.full((90, 90, 3), 99, np.uint8)) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": "Bored"}, "does not answer 'Bored': expected one of Angry, Disgust"),
        ({"method": "magic"}, "magic"),
    ],
)
def test_what_is_unknown_is_refused(analyzer, astronaut, arguments, sentence) -> None:
    with pytest.raises(FerError, match=sentence):
        analyzer.explain(astronaut, **arguments)


def test_classes_and_values_are_found_by_name() -> None:
    task = TASKS["affectnet8"]
    names = ("neutral", "Angry", "contempt", "Valence", "arousal")
    assert [answer_index(task, name) for name in names] == [0, 6, 7, 8, 9]
    with pytest.raises(
        FerError, match=r"not answer 'dominance': expected one of Neutral, .* arousal"
    ):
        answer_index(task, "dominance")


def test_a_model_without_gradients_is_refused(astronaut) -> None:
    analyzer = FaceAnalyzer(shipped_model())
    with pytest.raises(FerError, match=r"int8\.tflite: is no Keras network"):
        analyzer.explain(astronaut)


def test_without_keras_it_says_what_is_missing(astronaut, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "fer_tf.models.registry", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(FerError, match=r"needs keras, .* not installed: `pip install fer_tf`"):
        FaceAnalyzer().explain(astronaut)
