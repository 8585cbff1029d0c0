"""FER2013's classes are named where faces are read or drawn, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import fer_tf
from fer_tf.tasks import FER2013

PACKAGE = Path(fer_tf.__file__).parent
KNOW = (
    "tasks.py",
    "shipped.py",
    "doctor.py",
    "data/readers/",
    "data/tfds_fer2013.py",
    "data/drawing/",
    "data/synthetic.py",
    "service/replies.py",
)
"""The tasks, the network that ships and its test, what reads FER2013 itself, drawn faces, and the
example of an answer on the service's page."""


def named(file: Path) -> list[str]:
    """The names of classes, and of the tuple of them, in a file's code."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Constant(value=str(text)) if text in FER2013:
                found.append(text)
            case ast.Name(id="FER2013") | ast.alias(name="FER2013") | ast.Attribute(attr="FER2013"):
                found.append("FER2013")
    return found


def files() -> list[str]:
    return sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", [file for file in files() if not file.startswith(KNOW)])
def test_no_other_module_names_its_classes(file: str) -> None:
    assert named(PACKAGE / file) == []


@pytest.mark.parametrize("file", ["tasks.py", "data/synthetic.py"])
def test_those_that_may_are_found(file: str) -> None:
    assert named(PACKAGE / file), f"{file}: names none, take it off the list"
