"""From any kind of picture to faces with expressions, on real photographs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fer_tf
from fer_tf import FaceAnalyzer, FerError
from fer_tf.tasks import FER2013
from fer_tf.vision.recognizer import Recognizer
from fer_tf.vision.results import Box, Detection

ASTRONAUT = Box(176, 64, 100, 100)
"""Where her face is in skimage's picture, about."""


@pytest.fixture(scope="module")
def analyzer() -> FaceAnalyzer:
    return FaceAnalyzer()


class OneBox:
    """A detector of one's own: one face, at one place of every picture that is large enough."""

    name, margin = "mine", 0.1

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.seen.append(image.shape)
        return [Detection(ASTRONAUT, 0.5)] if image.shape[0] > 300 else []


@pytest.mark.parametrize("numbers", [{"threads": 0}, {"min_certainty": 2}, {"tta": "ten"}])
def test_numbers_that_can_not_be_meant(numbers) -> None:
    with pytest.raises(FerError, match=f"{next(iter(numbers))}: found"):
        FaceAnalyzer(**numbers)


def test_a_smile_is_found_and_called_happy(analyzer, astronaut) -> None:
    analysis = analyzer.analyze(astronaut)
    (face,) = analysis
    assert face.box.iou(ASTRONAUT) > 0.6
    assert face.emotion == "Happy" and face.certainty > 0.7
    assert sum(face.probabilities) == pytest.approx(1, abs=1e-5)
    assert (analysis.width, analysis.height, analysis.readable, analysis.reason) == (
        512,
        512,
        True,
        "",
    )


def test_every_kind_of_image_gets_the_same_answer(analyzer, astronaut, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    picture = Image.fromarray(astronaut)
    picture.save(path)
    expected = analyzer.analyze(astronaut)
    assert analyzer.analyze(str(path)).source == str(path)
    with path.open("rb") as file:
        assert analyzer.analyze(file).faces == expected.faces
    for image in (path, path.read_bytes(), io.BytesIO(path.read_bytes()), picture):
        assert analyzer.analyze(image).faces == expected.faces
    assert analyzer.analyze(astronaut[:, :, ::-1], bgr=True).faces == expected.faces


def test_no_face_is_an_answer_with_a_reason(analyzer) -> None:
    analysis = analyzer.analyze(np.full((120, 160, 3), 128, np.uint8))
    assert len(analysis) == 0 and analysis.readable
    assert analysis.reason == "no face was found"


def test_a_batch_goes_on_after_bad_files_and_equals_single_answers(
    analyzer, astronaut, hopper, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    grey = np.full((90, 90), 7, np.uint8)
    images = [astronaut, tmp_path / "text.jpg", grey, hopper, tmp_path, b"", tmp_path / "no.png"]
    calls = []
    recognize = Recognizer.answer
    monkeypatch.setattr(
        Recognizer, "answer", lambda *args: calls.append(len(args[1])) or recognize(*args)
    )
    answers = analyzer.analyze_batch(images)
    monkeypatch.undo()
    assert calls == [2], "one batch"
    assert [a.readable for a in answers] == [True, False, True, True, False, False, False]
    assert [len(a) for a in answers] == [1, 0, 0, 1, 0, 0, 0]
    for answer, image in ((answers[0], astronaut), (answers[3], hopper)):
        assert answer.faces[0].box == analyzer.analyze(image).faces[0].box
        np.testing.assert_allclose(
            answer.faces[0].probabilities,
            analyzer.analyze(image).faces[0].probabilities,
            atol=1e-5,
        )
    assert "text.jpg" in answers[1].reason and answers[1].source.endswith("text.jpg")
    assert all("\n" not in a.reason and a.reason for a in answers if not len(a))


def test_an_unreadable_image_alone_is_an_error(analyzer, tmp_path: Path) -> None:
    with pytest.raises(FerError, match=r"no\.jpg"):
        analyzer.analyze(tmp_path / "no.jpg")


def test_given_boxes_are_taken_without_looking(astronaut) -> None:
    detector = OneBox()
    analyzer = FaceAnalyzer(detector=detector)
    analysis = analyzer.analyze(astronaut, boxes=[(176, 64, 100, 100), Box(0, 0, 512, 512)])
    assert not detector.seen
    assert [face.box for face in analysis] == [ASTRONAUT, Box(0, 0, 512, 512)]
    assert [face.score for face in analysis] == [1.0, 1.0]
    assert analysis[0].emotion == "Happy"
    assert analyzer.analyze(astronaut, boxes=[]).reason == "no face was found"


@pytest.mark.parametrize("box", [(1, 2, 3), "four", (1, 2, 3, "x"), (0, 0, 0, 10), (600, 0, 9, 9)])
def test_a_box_that_is_none_is_refused(box, astronaut) -> None:
    with pytest.raises(FerError, match="box"):
        FaceAnalyzer(detector=OneBox()).analyze(astronaut, boxes=[box])


def test_a_detector_of_ones_own(astronaut) -> None:
    detector = OneBox()
    faces = FaceAnalyzer(detector=detector).analyze(astronaut).faces
    assert [(face.box, face.score) for face in faces] == [(ASTRONAUT, 0.5)]
    assert detector.seen == [(512, 512, 3)]


def test_crops_are_recognised_whole(astronaut) -> None:
    detector = OneBox()
    analyzer = FaceAnalyzer(detector=detector)
    crop = astronaut[64:164, 176:276]
    colour, grey = analyzer.analyze_faces([crop, crop.mean(axis=2).astype(np.uint8)])
    assert not detector.seen
    assert (colour.box, colour.score) == (Box(0, 0, 100, 100), 1.0)
    assert colour.emotion == grey.emotion == "Happy"
    assert analyzer.analyze_faces([]) == []


def test_one_picture_is_answered_as_one(analyzer, astronaut) -> None:
    (analysis,) = analyzer.analyze_batch(astronaut)
    assert [face.emotion for face in analysis] == ["Happy"]
    assert [face.emotion for face in analyzer.analyze_faces(astronaut[64:164, 176:276])] == [
        "Happy"
    ]


def test_cropped_pictures_are_a_face_each(astronaut) -> None:
    detector = OneBox()
    analyzer = FaceAnalyzer(detector=detector, cropped=True)
    crop = astronaut[64:164, 176:266]
    (expected,) = analyzer.analyze_faces([crop])
    assert tuple(analyzer.analyze(crop)) == (expected,)
    assert [tuple(each) for each in analyzer.analyze_batch([crop])] == [(expected,)]
    assert not detector.seen and expected.box == Box(0, 0, 90, 100)
    with pytest.raises(FerError, match="boxes of cropped faces: expected none"):
        analyzer.analyze(crop, boxes=[(0, 0, 9, 9)])
    with pytest.raises(FerError, match="boxes of cropped faces: expected none"):
        analyzer.explain(crop, boxes=[(0, 0, 9, 9)], cropped=True)


def test_labels_are_fer2013s(analyzer, astronaut) -> None:
    (face,) = analyzer.analyze(astronaut)
    assert face.labels == FER2013 and list(face.by_emotion) == list(FER2013)


def test_it_is_public() -> None:
    assert {"FaceAnalyzer", "Analysis", "Box", "Face"} <= {*fer_tf.__all__}
