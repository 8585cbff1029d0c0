"""scripts/train and scripts/test make, keep and repair their environment, with a Python of straw.

The straw Python logs what it is asked to do and installs nothing; `pip install` fails where
the file `fail` lies beside the log, as it does when killed or without a network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"

STRAW_PYTHON = """#!/bin/bash
case "$*" in
    -c*) echo "$0" ;;
    -V) echo "Python 3.12.0" ;;
    "-m venv"*) echo venv >>"$STRAW/log"
        mkdir -p "$3/bin" && touch "$3/pyvenv.cfg" && cp "$0" "$3/bin/python" ;;
    "-m pip --version") ;;
    "-m pip install"*) echo "install ${*: -1}" >>"$STRAW/log"; [[ ! -e $STRAW/fail ]] ;;
    *) echo "ran $* in $PWD" ;;
esac
"""


class Checkout:
    """A repository with the real scripts and an empty package."""

    def __init__(self, root: Path) -> None:
        self.root = root / "a checkout"
        self.log = root / "log"
        self.fail = root / "fail"
        (root / "bin").mkdir()
        self.root.mkdir()
        shutil.copytree(SCRIPTS, self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            (self.root / name).write_text(name)
        self.write_python("python3.12", STRAW_PYTHON)
        self.write_python("python3.13", "#!/bin/bash\nexit 127\n")
        for tool in ("python3.11", "python3", "python"):
            self.write_python(tool, "#!/bin/bash\nexit 1\n")

    def write_python(self, name: str, text: str) -> None:
        file = self.root.parent / "bin" / name
        file.write_text(text)
        file.chmod(0o755)

    def run(self, script: str, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Call a script from another folder."""
        inherited = {k: v for k, v in os.environ.items() if k != "FER_TF_VENV"}
        path = f"{self.root.parent / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            [str(self.root / "scripts" / script), *flags],
            cwd=self.root.parent,
            env={**inherited, "PATH": path, "STRAW": str(self.root.parent), **env},
            capture_output=True,
            text=True,
        )

    def steps(self) -> list[str]:
        """What Python was asked to make and install since the last call of this."""
        steps = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return steps


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_first_call_sets_up_and_second_is_quiet(checkout: Checkout) -> None:
    first = checkout.run("train", "--run", "a b")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"ran -m fer_tf.train --run a b in {checkout.root.parent}\n"
    assert len(first.stderr.splitlines()) == 1
    assert checkout.steps() == ["venv", "install ."]
    second = checkout.run("train")
    assert (second.returncode, second.stderr, checkout.steps()) == (0, "", [])


def test_tests_run_in_the_repository_and_their_environment_trains_too(checkout: Checkout) -> None:
    done = checkout.run("test", "-x")
    flags = "--numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder"
    assert done.stdout == f"ran -m pytest {flags} -x in {checkout.root}\n"
    assert checkout.steps() == ["venv", "install .[test]"]
    checkout.run("train")
    assert checkout.steps() == []


def test_the_site_is_built_in_the_repository_and_in_the_tests_environment_too(checkout) -> None:
    done = checkout.run("docs")
    flags = "--builder html --fail-on-warning --keep-going --quiet"
    assert done.stdout == f"ran -m sphinx {flags} docs build/docs in {checkout.root}\n"
    assert checkout.steps() == ["venv", "install .[docs]"]
    checkout.run("test")
    checkout.run("docs")
    assert checkout.steps() == ["install .[test]"]


def test_a_site_that_fetches_from_elsewhere_is_refused(checkout: Checkout) -> None:
    page = checkout.root / "build" / "docs" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text('<a href="https://example.org">a link</a>')
    assert checkout.run("docs").returncode == 0
    page.write_text('<link rel="stylesheet" href="https://example.org/font.css">')
    assert checkout.run("docs").returncode == 1


def test_environment_for_training_gains_the_tests_packages(checkout: Checkout) -> None:
    checkout.run("train")
    checkout.run("test")
    assert checkout.steps() == ["venv", "install .", "install .[test]"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_pins_are_installed(checkout: Checkout, name: str) -> None:
    checkout.run("train")
    (checkout.root / name).write_text("changed")
    checkout.run("train")
    assert checkout.steps() == ["venv", "install .", "install ."]


def test_moved_checkout_is_installed_again(checkout: Checkout) -> None:
    checkout.run("train")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    checkout.run("train")
    assert checkout.steps() == ["venv", "install .", "install ."]


def test_interrupted_set_up_is_made_anew(checkout: Checkout) -> None:
    checkout.fail.touch()
    failed = checkout.run("train")
    assert failed.returncode == 1
    assert "could not install" in failed.stderr.splitlines()[-1]
    half = checkout.root / ".venv" / "half-installed"
    half.touch()
    checkout.fail.unlink()
    assert checkout.run("train").returncode == 0
    assert checkout.steps() == ["venv", "install .", "venv", "install ."]
    assert not half.exists()


def test_interrupted_change_is_made_anew(checkout: Checkout) -> None:
    checkout.run("train")
    checkout.fail.touch()
    checkout.run("test")
    checkout.fail.unlink()
    checkout.run("train")
    assert checkout.steps() == ["venv", "install .", "install .[test]", "venv", "install ."]


def test_folder_of_somebody_else_is_kept(checkout: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    done = checkout.run("train", FER_TF_VENV="papers")
    assert done.returncode == 1
    assert str(folder) in done.stderr and len(done.stderr.splitlines()) == 1
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]


def test_environment_of_somebody_else_is_used_and_never_deleted(checkout: Checkout) -> None:
    python = checkout.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STRAW_PYTHON)
    python.chmod(0o755)
    (checkout.root / ".venv" / "theirs").touch()
    checkout.fail.touch()
    assert checkout.run("train").returncode == 1
    checkout.fail.unlink()
    assert checkout.run("train").returncode == 0
    assert checkout.steps() == ["install .", "install ."]
    assert (checkout.root / ".venv" / "theirs").exists()


def test_no_python_is_one_sentence(checkout: Checkout) -> None:
    checkout.write_python("python3.12", "#!/bin/bash\nexit 127\n")
    done = checkout.run("test")
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout.root / ".venv").exists()
