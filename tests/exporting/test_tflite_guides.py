"""The app guides name the files, the size and the labels of the export."""

from __future__ import annotations

import pytest

from fer_tf import FerError
from fer_tf.exporting.tflite_guides import GUIDES, write_guides
from fer_tf.tasks import TASKS

FILES = {"float16": "fer_float16.tflite", "int8": "fer_int8.tflite"}


def write(folder, channels=3):
    write_guides(folder, files=FILES, size=(64, 48), channels=channels, task=TASKS["fer2013"])
    return {name: (folder / name).read_text("utf-8") for name in GUIDES}


@pytest.mark.parametrize("channels", [3, 1])
def test_guides_name_files_size_and_labels(channels, tmp_path):
    pages = write(tmp_path, channels)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GUIDES)
    for page in pages.values():
        assert f"bytes [1, 64, 48, {channels}]" in page
        assert '"Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral"' in page
        assert "`fer_float16.tflite` (float16), `fer_int8.tflite` (int8)" in page
        assert ("ImageClassifier" in page) == (channels == 3)
        assert ("299 *" in page) == (channels == 1)
        assert "$files" not in page and len(page.splitlines()) < 75
    kotlin, swift = pages["android.md"], pages["ios.md"]
    assert 'CompiledModel.create(assets, "fer_float16.tflite"' in kotlin
    assert "createScaledBitmap(crop, 48, 64, true)" in kotlin
    assert 'forResource: "fer_float16", ofType: "tflite"' in swift
    assert "width: 48, height: 64, bitsPerComponent: 8" in swift


@pytest.mark.parametrize("channels", [3, 1])
def test_brackets_of_the_code_are_balanced(channels, tmp_path):
    for page in write(tmp_path, channels).values():
        for block in page.split("```")[1::2]:
            for pair in ("()", "[]", "{}"):
                count = block.count(pair[0]) - block.count(pair[1])
                assert count == 0, pair


def test_guides_replace_those_before(tmp_path):
    (tmp_path / "ios.md").write_text("old", "utf-8")
    assert "old" not in write(tmp_path)["ios.md"].split()[:1]


def test_a_folder_that_is_none_is_an_error(tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(FerError, match="guide cannot be written"):
            write(folder)
