"""`doctor` tells what is installed, and whether it works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fer_tf
from fer_tf import doctor, installed
from fer_tf.vision.analyzer import FaceAnalyzer


def run(capsys, *argv: str) -> dict:
    doctor.main([*argv, "--json"])
    return json.loads(capsys.readouterr().out)


def test_it_recognises_a_drawn_face(capsys):
    told = run(capsys)
    assert told["self_test"]["label"] == "Happy" and 0.3 < told["self_test"]["certainty"] <= 1
    assert told["fer_tf"] == fer_tf.__version__ and told["troubles"] == []


def test_it_lists_the_packages_and_every_extra_but_the_tests(capsys):
    told = run(capsys)
    assert told["packages"]["keras"] == installed.version("keras")
    assert {"demo", "export", "heic"} <= set(told["extras"]) and "test" not in told["extras"]
    assert told["extras"]["demo"]["add"] == 'pip install "fer_tf[demo]"'


def test_it_tells_the_size_of_the_cache_and_not_the_name_of_the_user(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FER_TF_CACHE", str(tmp_path / "kept"))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "faces.npz").write_bytes(b"x" * 1234)
    assert run(capsys)["cache"] == {"folder": str(Path("~") / "kept"), "bytes": 1234}


def test_devices_are_listed_where_asked_for(capsys):
    assert "cpu:0" in run(capsys, "--devices")["devices"]["names"]
    assert "devices" not in run(capsys)


def test_for_people_it_is_a_page(capsys):
    doctor.main([])
    page = capsys.readouterr().out
    assert "a drawn face is Happy" in page and "  keras " in page and "  demo " in page


def without(monkeypatch, *missing: str) -> None:
    """Pretend that packages are not installed."""
    real = installed.version
    for module in (installed, doctor):
        monkeypatch.setattr(module, "version", lambda name: None if name in missing else real(name))


def test_a_missing_package_is_one_sentence_and_exit_code_1(capsys, monkeypatch):
    without(monkeypatch, "pandas", "gradio")
    with pytest.raises(SystemExit) as stop:
        doctor.main([])
    told = capsys.readouterr()
    assert stop.value.code == 1
    assert told.err == (
        "fer_tf: not installed: pandas; `pip install fer_tf` adds what is missing\n"
    )
    assert 'gradio not installed: pip install "fer_tf[demo]"' in told.out


def test_what_is_installed_for_predict_alone_is_no_trouble(capsys, monkeypatch):
    without(monkeypatch, "keras", "tensorflow", "pandas", "scipy")
    doctor.main([])
    told = capsys.readouterr()
    assert "`predict` works without the others" in told.out and not told.err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ImportError("libGL.so.1: cannot open"), "self-test: libGL.so.1: cannot open"),
        (fer_tf.FerError("int8.tflite: is damaged"), "self-test: int8.tflite: is damaged"),
    ],
)
def test_a_network_that_does_not_answer_is_one_sentence(capsys, monkeypatch, error, sentence):
    def fail(*_):
        raise error

    monkeypatch.setattr(FaceAnalyzer, "analyze", fail)
    with pytest.raises(SystemExit) as stop:
        doctor.main(["--json"])
    told = capsys.readouterr()
    assert stop.value.code == 1 and told.err == f"fer_tf: {sentence}\n"
    assert "self_test" not in json.loads(told.out)


def test_another_answer_than_what_is_drawn_is_a_trouble(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "EXPECTED", "Sad")
    from fer_tf.data import synthetic
    from fer_tf.tasks import FER2013

    happy = synthetic.draw([FER2013.index("Happy")])
    monkeypatch.setattr(synthetic, "draw", lambda labels: happy)
    with pytest.raises(SystemExit):
        doctor.main([])
    assert "a drawn face is Happy, expected Sad" in capsys.readouterr().err
