"""A package that is missing is told with the command that adds it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fer_tf import cli, installed
from fer_tf.installed import DEVELOPERS, WHOLE, command, lacking, requirements

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def missing(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(installed, "version", lambda name: None if name in names else "1")


def test_requirements_are_those_of_pyproject():
    extras = set(PROJECT["optional-dependencies"]) - DEVELOPERS
    assert set(requirements()) == extras | {WHOLE}
    assert len(requirements()[WHOLE]) == len(PROJECT["dependencies"])
    assert "opencv-python-headless" in requirements()[WHOLE]
    assert requirements()["demo"] == ["gradio"]


@pytest.mark.parametrize(
    ("module", "package", "adds"),
    [
        ("keras", "keras", "pip install fer_tf"),
        ("sklearn.metrics", "scikit-learn", "pip install fer_tf"),
        ("onnx_ir", "onnx-ir", 'pip install "fer_tf[export]"'),
        ("array_record.python", "array_record", 'pip install "fer_tf[tfds]"'),
    ],
)
def test_a_missing_package_is_named_with_the_command(monkeypatch, module, package, adds):
    missing(monkeypatch, package)
    assert lacking(module) == f"{package} is needed here and not installed: `{adds}` adds it"


@pytest.mark.parametrize("module", [None, "keras.no_such_module", "somebody_elses", "pytest"])
def test_another_failure_is_not_a_question_of_installation(module):
    assert lacking(module) is None


def test_a_source_that_is_not_installed_knows_no_requirements(monkeypatch):
    def unknown(name):
        raise installed.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installed.metadata, "requires", unknown)
    monkeypatch.setattr(installed, "version", lambda name: None)
    assert requirements() == {} and lacking("keras") is None
    assert command("demo") == 'pip install ".[demo]"' and command(WHOLE) == "pip install ."


def test_a_command_that_lacks_a_package_ends_with_one_line(monkeypatch, capsys):
    def main() -> None:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    missing(monkeypatch, "keras")
    with pytest.raises(SystemExit) as stop:
        cli.run(main)
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f"fer_tf: keras is needed here and not installed: `{command(WHOLE)}` adds it\n"
    )


def test_other_missing_modules_are_let_through():
    with pytest.raises(ModuleNotFoundError):
        cli.run(lambda: __import__("no_such_module"))
