"""TFLite files that LiteRT dies of, never ends with or takes all memory for are one sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fer_tf.errors import FerError
from fer_tf.runtimes import litert_child
from fer_tf.shipped import shipped_model
from fer_tf.vision.recognizer import open_recognizer


@pytest.fixture
def path(tmp_path) -> Path:
    """A good file that is not where the package keeps its own."""
    copy = tmp_path / "own.tflite"
    copy.write_bytes(shipped_model().read_bytes())
    return copy


def test_a_good_one_passes_and_the_one_that_ships_needs_no_trial(path, monkeypatch):
    assert open_recognizer(path).name == "LiteRT"
    monkeypatch.setattr(litert_child, "_TRY", "raise SystemExit(1)")
    assert open_recognizer(shipped_model()).name == "LiteRT"
    with pytest.raises(FerError, match=r"own\.tflite: LiteRT cannot open this file"):
        open_recognizer(path)


def test_one_that_kills_the_process_is_told(path, monkeypatch):
    monkeypatch.setattr(litert_child, "_TRY", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(FerError, match=r"own\.tflite: .*: it dies of signal 11"):
        open_recognizer(path)


def test_one_that_never_ends_is_stopped(path, monkeypatch):
    monkeypatch.setattr(litert_child, "PATIENCE_S", 0.01)
    with pytest.raises(FerError, match=r"own\.tflite: LiteRT does not run this file within"):
        open_recognizer(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to such a limit")
def test_one_that_takes_more_memory_is_told(path, monkeypatch):
    monkeypatch.setattr(litert_child, "MEMORY", 1 << 20)
    with pytest.raises(FerError, match=r"own\.tflite: LiteRT cannot open this file"):
        open_recognizer(path)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".keras"])
def test_a_fifo_is_not_waited_for(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with pytest.raises(FerError, match=f"pipe{suffix}: no such"):
        open_recognizer(tmp_path / f"pipe{suffix}")
