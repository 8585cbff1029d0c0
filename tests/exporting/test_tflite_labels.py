"""Any label of one line comes back from a TFLite file; what is no such file or label is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tflite import described, small_file

from fer_tf import FerError
from fer_tf.exporting.delegation import delegation
from fer_tf.exporting.tflite_model import delegate_input, sign
from fer_tf.runtimes.task_files import tflite_task


@pytest.fixture(scope="module")
def three_classes() -> bytes:
    return delegate_input(small_file(3))


LINE = st.text(
    st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=30
)
LABEL = st.lists(LINE, min_size=1, max_size=3).map(" ".join).filter(str.isprintable)


@settings(max_examples=60, deadline=None)
@given(st.lists(LABEL, min_size=3, max_size=3, unique=True))
def test_any_label_of_one_line_comes_back(three_classes, labels):
    task = tflite_task(described(three_classes, labels), Path("file.tflite"))
    assert task is not None and task.labels == tuple(labels)


def test_mediapipe_shows_labels_in_any_script(three_classes, tmp_path):
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    labels = ("怒り, と", "joie é", "😀 1")
    file = tmp_path / "file.tflite"
    file.write_bytes(described(three_classes, labels))
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(file)))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        data = np.zeros((2, 2, 3), np.uint8)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)
        (head,) = classifier.classify(picture).classifications
    assert {category.category_name for category in head.categories} == set(labels)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (("a", "b", "a"), "names two alike"),
        (("a", "b", ""), "''"),
        (("a", "b", "c\nd"), r"'c\\nd'"),
        (("a", "b", "c\u2028d"), "printable characters"),
        (("a", "b", " c"), "' c'"),
        (("a", "b", "c\0"), "printable characters"),
        (("a", "b", "\ud800"), "printable characters"),
    ],
)
def test_other_labels_are_refused(labels, says, three_classes):
    with pytest.raises(FerError, match=says):
        described(three_classes, labels)


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x18\0\0\0TFL3" * 9, b"PK\x05\x06" + 18 * b"\0"]
)
def test_what_is_no_tflite_file_is_refused(content, tmp_path):
    (tmp_path / "bad.tflite").write_bytes(content)
    for work in (sign, delegate_input, described, lambda _: delegation(tmp_path / "bad.tflite")):
        with pytest.raises(FerError, match=r"expected .*TFLite file"):
            work(content)
    assert tflite_task(content, tmp_path / "bad.tflite") is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_off_is_refused(three_classes, data):
    length = data.draw(st.integers(0, len(three_classes) // 2))
    with pytest.raises(FerError, match="expected the content of a TFLite file"):
        described(three_classes[:length])


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        ({"dtype": "float32"}, r"FLOAT32 \[1, 2, 2, 3\], "),
        ({"outputs": 3}, r"FLOAT32 \[1, 3\], .*FLOAT32"),
    ],
)
def test_other_inputs_and_outputs_are_refused(graph, says):
    content = small_file(3, **graph)
    for work in (sign, delegate_input, lambda content: described(content, ("a", "b", "c"))):
        with pytest.raises(FerError, match=says):
            work(content)
