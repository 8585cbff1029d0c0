"""TensorFlow's notices are kept off the terminal, and nothing else: see also `test_export`."""

from __future__ import annotations

import gc
import importlib
import os

import pytest

from fer_tf import cli


def test_an_import_that_fails_is_seen(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)

    def fail(name: str) -> None:
        os.write(2, b"a notice\n")
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ImportError):
        cli.start_keras()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")


def test_notices_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setattr(importlib, "import_module", lambda name: os.write(2, b"a notice\n"))
    cli.start_keras()
    assert capfd.readouterr().err == "a notice\n"


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_looked_for_afterwards_as_before(
    monkeypatch: pytest.MonkeyPatch, collects: bool
) -> None:
    meanwhile = []
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setattr(importlib, "import_module", lambda name: meanwhile.append(gc.isenabled()))
    try:
        (gc.enable if collects else gc.disable)()
        cli.start_keras()
        assert (meanwhile, gc.isenabled()) == ([False], collects)
    finally:
        gc.enable()
