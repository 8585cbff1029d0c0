"""`fer_tf.vision.results`: what holds for every box, face and analysis."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fer_tf.tasks import FER2013
from fer_tf.vision.results import Analysis, Box, Detection, Face

# Eighths of a pixel are exact in binary, so that moved boxes overlap exactly as before.
PLACES = st.integers(-80_000, 80_000).map(lambda eighths: eighths / 8)
SIDES = st.integers(1, 80_000).map(lambda eighths: eighths / 8)
SCORES = st.floats(0, 1)
BOXES = st.builds(Box, left=PLACES, top=PLACES, width=SIDES, height=SIDES)
EYES = st.one_of(st.just(()), st.tuples(st.tuples(PLACES, PLACES), st.tuples(PLACES, PLACES)))
DETECTIONS = st.builds(Detection, box=BOXES, score=SCORES, eyes=EYES)
PROBABILITIES = (
    st.lists(st.floats(0, 1), min_size=7, max_size=7)
    .filter(lambda weights: sum(weights) > 0.01)
    .map(lambda weights: tuple(weight / sum(weights) for weight in weights))
)
FACES = st.builds(Face, box=BOXES, score=SCORES, probabilities=PROBABILITIES, eyes=EYES)
ANALYSES = st.builds(
    Analysis,
    faces=st.lists(FACES, max_size=4).map(tuple),
    reason=st.text(max_size=20),
    readable=st.booleans(),
    width=st.integers(0, 10_000),
    height=st.integers(0, 10_000),
    source=st.text(max_size=20),
)
VALUES = st.one_of(BOXES, DETECTIONS, FACES, ANALYSES)
quick = settings(max_examples=60, derandomize=True)


class TestBox:
    @quick
    @given(BOXES)
    def test_edges(self, box):
        assert box.right - box.left == box.width
        assert box.bottom - box.top == box.height
        assert box.center == ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        assert box.area == box.width * box.height > 0

    @quick
    @given(BOXES, BOXES)
    def test_iou_is_a_share_and_symmetric(self, one, other):
        assert 0 <= one.iou(other) <= 1
        assert one.iou(other) == other.iou(one)

    @quick
    @given(BOXES, PLACES, PLACES)
    def test_iou_of_boxes_apart_or_that_touch(self, box, far, up):
        beside = replace(box, left=box.right + abs(far), top=box.top + up)
        assert box.iou(beside) == 0

    @quick
    @given(BOXES, BOXES, PLACES, PLACES)
    def test_iou_moves_along(self, one, other, right, down):
        moved = [replace(box, left=box.left + right, top=box.top + down) for box in (one, other)]
        assert moved[0].iou(moved[1]) == one.iou(other)

    @quick
    @given(BOXES, st.integers(1, 8), st.integers(1, 8))
    def test_iou_with_a_part_is_the_share_of_its_area(self, box, across, down):
        part = replace(box, width=box.width / across, height=box.height / down)
        assert box.iou(part) == pytest.approx(1 / (across * down))

    @quick
    @given(BOXES, BOXES)
    def test_overlap_is_a_share_symmetric_and_no_less_than_iou(self, one, other):
        assert one.iou(other) <= one.overlap(other) <= 1
        assert one.overlap(other) == other.overlap(one)

    def test_overlap_by_hand(self):
        assert Box(0, 0, 4, 2).overlap(Box(2, 1, 2, 2)) == 0.5
        assert Box(0, 0, 10, 10).overlap(Box(3, 3, 2, 2)) == 1

    def test_iou_by_hand(self):
        assert Box(0, 0, 4, 2).iou(Box(2, 1, 4, 2)) == pytest.approx(2 / 14)
        assert Box(0, 0, 10, 10).iou(Box(-5, -5, 10, 10)) == pytest.approx(25 / 175)


class TestFace:
    @quick
    @given(FACES)
    def test_emotion_is_the_most_probable(self, face):
        assert face.certainty == face.by_emotion[face.emotion] == max(face.probabilities)
        assert face.emotion in face.labels

    @quick
    @given(FACES)
    def test_by_emotion_keeps_the_order(self, face):
        assert tuple(face.by_emotion) == face.labels == FER2013
        assert tuple(face.by_emotion.values()) == face.probabilities
        assert sum(face.by_emotion.values()) == pytest.approx(1)

    @quick
    @given(FACES, st.permutations(range(7)))
    def test_the_order_of_labels_says_nothing(self, face, order):
        assume(len(set(face.probabilities)) == 7)
        mixed = replace(
            face,
            labels=tuple(face.labels[i] for i in order),
            probabilities=tuple(face.probabilities[i] for i in order),
        )
        assert mixed.emotion == face.emotion
        assert mixed.by_emotion == face.by_emotion

    def test_first_of_two_alike(self):
        face = Face(Box(0, 0, 1, 1), 1, (0.1, 0.4, 0.4, 0.1, 0, 0, 0))
        assert face.emotion == FER2013[1]

    def test_other_labels(self):
        face = Face(Box(0, 0, 1, 1), 1, (0.3, 0.7), labels=("calm", "cross"))
        assert face.emotion == "cross"
        assert face.by_emotion == {"calm": 0.3, "cross": 0.7}

    def test_by_emotion_needs_one_label_each(self):
        with pytest.raises(ValueError, match="argument 2"):
            _ = Face(Box(0, 0, 1, 1), 1, (0.3, 0.7)).by_emotion

    @quick
    @given(FACES)
    def test_by_emotion_is_the_callers_own(self, face):
        face.by_emotion.clear()
        assert len(face.by_emotion) == 7


class TestAnalysis:
    @quick
    @given(ANALYSES)
    def test_is_a_sequence_of_its_faces(self, analysis):
        faces = analysis.faces
        assert isinstance(analysis, Sequence)
        assert len(analysis) == len(faces)
        assert bool(analysis) == bool(faces)
        assert tuple(analysis) == faces == analysis[:]
        assert tuple(reversed(analysis)) == faces[::-1] == analysis[::-1]
        assert [analysis[i] for i in range(-len(faces), len(faces))] == [*faces, *faces]
        for face in faces:
            assert face in analysis
            assert analysis.index(face) == faces.index(face)
            assert analysis.count(face) == faces.count(face)
        for beyond in (len(faces), -len(faces) - 1):
            with pytest.raises(IndexError):
                analysis[beyond]

    def test_nothing_found_is_false_and_no_exception(self):
        empty = Analysis((), reason="no face was found")
        assert not empty
        assert list(empty) == []
        assert empty.readable

    @quick
    @given(ANALYSES)
    def test_is_no_tuple(self, analysis):
        assert analysis != analysis.faces


class TestEveryValue:
    @quick
    @given(VALUES)
    def test_survives_pickle_and_copy(self, value):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.deepcopy(value) == copy.copy(value) == value

    @quick
    @given(VALUES)
    def test_alike_are_equal_and_hash_alike(self, value):
        twin = replace(value)
        assert twin is not value
        assert twin == value
        assert hash(twin) == hash(value)
        assert {value: 1}[twin] == 1

    @quick
    @given(VALUES, VALUES)
    def test_equal_only_where_every_field_is(self, one, other):
        alike = type(one) is type(other) and asdict(one) == asdict(other)
        assert (one == other) == alike

    @quick
    @given(VALUES)
    def test_frozen(self, value):
        for field in fields(value):
            with pytest.raises(FrozenInstanceError):
                setattr(value, field.name, None)
