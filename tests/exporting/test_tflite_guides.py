"""The app guides name the files, the size and the labels of the export; Python's is run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fer_tf
from fer_tf import FaceAnalyzer
from fer_tf.exporting.face_detector_tflite import write_face_detector
from fer_tf.exporting.tflite_guides import GUIDES, write_guides
from fer_tf.shipped import shipped_model
from fer_tf.tasks import TASKS, Task

FILES = {"float16": "fer_float16.tflite", "int8": "fer_int8.tflite"}


def write(folder):
    write_guides(folder, files=FILES, size=(64, 48), task=TASKS["fer2013"])
    return {name: (folder / name).read_text("utf-8") for name in GUIDES}


def test_guides_name_files_size_and_labels(tmp_path):
    pages = write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GUIDES)
    for page in pages.values():
        assert '"Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"' in page
        assert "face_detector/LICENSE.txt" in page and "0.95 of the mean" in page.replace("\n ", "")
        assert "$" not in page.replace("$0", "") and len(page.splitlines()) < 115
    kotlin, swift, _ = (pages[name] for name in GUIDES)
    for page in (kotlin, swift):
        assert "bytes [1, 64, 48, 3]" in page and "ImageClassifier" in page
        assert "`fer_float16.tflite` (float16), `fer_int8.tflite` (int8)" in page
    assert 'Network(assets, "fer_float16.tflite")' in kotlin
    assert 'Network(assets, "face_detector_320.tflite")' in kotlin
    assert "Rect(0, 0, 48, 64), 48, 64)" in kotlin
    assert 'Network("fer_float16")' in swift and 'Network("face_detector_320")' in swift
    assert "rgb(face, width: 48, height: 64, in: whole)" in swift


def test_labels_are_texts_of_each_language(tmp_path):
    task = Task("own", ("a$b", 'say "no"'))
    write_guides(tmp_path, files=FILES, size=(64, 48), task=task)
    kotlin, swift, python = ((tmp_path / name).read_text("utf-8") for name in GUIDES)
    assert r'listOf("a\$b", "say \"no\"")' in kotlin
    assert r'labels = ["a$b", "say \"no\""]' in swift
    assert r'LABELS = ["a$b", "say \"no\""]' in python


def test_all_guides_tell_where_values_are(tmp_path):
    task = Task("own", ("calm", "tense"), values=("valence",))
    write_guides(tmp_path, files=FILES, size=(64, 48), task=task)
    for name in GUIDES:
        page = (tmp_path / name).read_text("utf-8")
        assert '"valence": in Python read\n  `answer["values"]`, elsewhere `outputs[1]`' in page


@pytest.mark.parametrize("bits", [8, 16])
def test_pythons_guide_answers_as_the_package_does(tmp_path, monkeypatch, capsys, bits):
    photo = Path(fer_tf.__file__).parent / "demo_files" / "grace_hopper.jpg"
    shutil.copy(photo, tmp_path / "photo.jpg")
    if bits == 16:  # Pillow tells a PNG by its content
        photo = tmp_path / "photo.jpg"
        grey = np.asarray(Image.open(photo).convert("L"), np.uint16)
        Image.fromarray(grey * 257).save(photo, "PNG")
    shutil.copy(shipped_model(), tmp_path / "fer.tflite")
    write_face_detector(tmp_path)
    analyzer = FaceAnalyzer(detect_size=320)
    files, size = {"int8": "fer.tflite"}, analyzer.recognizer.size
    write_guides(tmp_path, files=files, size=size, task=TASKS["fer2013"])
    code = (tmp_path / "python.md").read_text("utf-8").split("```")[1].removeprefix("python\n")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "python.md", "exec"), {})
    (line,) = capsys.readouterr().out.splitlines()
    (face,) = analyzer.analyze(photo)
    left, top, right, bottom = map(int, line.partition("]")[0].strip("[").split(","))
    side = 0.95 * (face.box.width + face.box.height) / 2
    assert (right - left, bottom - top) == pytest.approx((side, side), abs=4)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(face.box.center, abs=4)
    assert f" {face.emotion} " in line


def test_brackets_of_the_code_are_balanced(tmp_path):
    for page in write(tmp_path).values():
        for block in page.split("```")[1::2]:
            for pair in ("()", "[]", "{}"):
                count = block.count(pair[0]) - block.count(pair[1])
                assert count == 0, pair


def test_guides_replace_those_before(tmp_path):
    (tmp_path / "ios.md").write_text("old", "utf-8")
    assert "old" not in write(tmp_path)["ios.md"].split()[:1]
