"""Values beside the classes of a network for colours: answers, rows, pictures, a video, a page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from fer_tf.demo_page.answers import bars_html
from fer_tf.demo_page.service import Answer
from fer_tf.models.saving import save_model
from fer_tf.predicting.answer_texts import describe
from fer_tf.predicting.row_writer import RowWriter, to_json
from fer_tf.tasks import AFFECT, Task
from fer_tf.trained.inference import predict_answers, softmax
from fer_tf.vision.analyzer import FaceAnalyzer
from fer_tf.vision.drawing import draw_faces
from fer_tf.vision.face_table import columns, face_dict
from fer_tf.vision.results import Box, Face
from fer_tf.vision.video.smoothing import Smoother
from fer_tf.vision.video.timeline import Timeline, timeline_figure

TASK = Task("own", ("calm", "cross", "glad"), AFFECT, (20, 16, 3))
FACE = Face(
    Box(40, 30, 80, 80), 0.9, (0.1, 0.2, 0.7), TASK.labels, values=(0.44, -0.04), value_names=AFFECT
)
PLAIN = Face(FACE.box, FACE.score, FACE.probabilities, TASK.labels)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A .keras file whose classes and values follow the mean red, green and blue of a face."""
    images = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 127.5, -1)(images))
    logits = keras.layers.Dense(3, name="logits")(x)
    values = keras.layers.Dense(2, activation="tanh", name="values")(x)
    network = keras.Model(images, {"logits": logits, "values": values})
    network.set_weights([np.eye(3) * 3, np.zeros(3), np.eye(3, 2), np.zeros(2)])
    path = tmp_path_factory.mktemp("model") / "colours.keras"
    save_model(network, path, TASK)
    return path


def test_a_face_is_answered_in_its_colours(model):
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[20:50, 20:50] = (20, 30, 220)
    analyzer = FaceAnalyzer(model, size=(20, 16))
    assert analyzer.task == TASK
    (face,) = analyzer.analyze(picture, boxes=[(24, 24, 20, 20)])
    assert (face.emotion, face.labels, face.value_names) == ("glad", TASK.labels, AFFECT)
    logits, values = predict_answers(
        analyzer.recognizer.trained.network(), picture[25:45, 25:45][None], size=(20, 16)
    )
    np.testing.assert_allclose(face.values, values[0], atol=0.02)
    np.testing.assert_allclose(face.probabilities, softmax(logits)[0], atol=0.02)
    assert face.by_value == dict(zip(AFFECT, face.values, strict=True))
    (whole,) = analyzer.analyze_faces([picture[25:45, 25:45]])
    assert whole.emotion == "glad" and len(whole.values) == 2
    assert analyzer.analyze(picture, boxes=[]).faces == ()


def test_rows_have_a_column_for_each_value(tmp_path):
    row = face_dict(FACE, 0, source="a.png")
    read = json.loads(to_json(row))
    assert (read["value_valence"], read["value_arousal"]) == (0.44, -0.04)
    assert not any(name.startswith("value") for name in face_dict(PLAIN, 0))
    path = tmp_path / "rows.csv"
    with RowWriter("csv", path, mark="", task=TASK) as rows:
        rows.write([row])
    (read,) = csv.DictReader(io.StringIO(path.read_text("utf-8")))
    names = ("probability_glad", "value_valence", "value_arousal")
    assert tuple(read) == columns(TASK) and (*read,)[-3:] == names
    assert [read[name] for name in names] == ["0.7", "0.44", "-0.04"]


def test_people_read_them_in_words_and_on_the_picture():
    assert FACE.value_texts == ("valence +0.4", "arousal +0.0")
    assert describe(FACE).startswith(
        "glad 70%, cross 20%, calm 10%, valence +0.4, arousal +0.0 (80"
    )
    canvas = np.full((240, 320, 3), 90, np.uint8)
    with_values, without = draw_faces(canvas, [FACE]), draw_faces(canvas, [PLAIN])
    changed = np.flatnonzero((with_values != without).any(axis=(1, 2)))
    assert len(changed) > 8, "a second line makes the label higher"


def test_a_video_averages_and_draws_them():
    smoother = Smoother(0.5)
    smoother.smooth(0.0, FACE)
    other = Face(FACE.box, 0.9, (0.7, 0.2, 0.1), TASK.labels, (), (-1.0, 1.0), AFFECT)
    mean = smoother.smooth(0.1, other)
    assert -1 < mean.values[0] < 0.44 and -0.04 < mean.values[1] < 1
    assert sum(mean.probabilities) == pytest.approx(1)
    timeline = Timeline(TASK.labels, AFFECT)
    for index in range(50):
        for track in (1, 2):
            timeline.add(track, index / 25, np.array((*FACE.probabilities, *FACE.values)))
    panels = timeline_figure(timeline).axes
    assert [panel.get_ylim() for panel in panels] == [(0, 1.2), (-1, 1)] * 2
    lines = {line.get_label(): line.get_ydata() for line in panels[1].lines}
    np.testing.assert_allclose(lines["valence"], 0.44)
    assert len(timeline_figure(Timeline(TASK.labels)).axes) == 1


def test_the_demo_page_shows_them():
    answer = Answer((FACE,), 320, 240, "own", 1.0, 2.0)
    page = bars_html(answer)
    assert "<dt>valence</dt><dd>+0.44</dd>" in page and "<dt>arousal</dt><dd>-0.04</dd>" in page
    assert "valence" not in bars_html(Answer((PLAIN,), 320, 240, "own", 1.0, 2.0))
