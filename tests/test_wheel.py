"""The wheel holds the networks that ship, and answers from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fer_tf.shipped import SHIPPED

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, as building leaves files beside the sources."""
    pytest.importorskip("setuptools")
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("fer_tf", "saved_models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", "out"]
    subprocess.run([*pip, "."], cwd=copy, check=True, capture_output=True)
    (file,) = (copy / "out").iterdir()
    return file


def test_the_wheel_holds_every_file_of_the_package_and_of_what_ships(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("fer_tf/")}
    package = {path for path in (ROOT / "fer_tf").rglob("*") if "__pycache__" not in path.parts}
    folders = [ROOT / "saved_models" / name for name in SHIPPED]
    shipped = {path for folder in folders for path in folder.iterdir()}
    files = {path.relative_to(ROOT).as_posix() for path in package if path.is_file()}
    assert held == files | {f"fer_tf/{path.relative_to(ROOT).as_posix()}" for path in shipped}


def test_it_answers_in_an_empty_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    photo = shutil.copy(ROOT / "fer_tf" / "demo_files" / "grace_hopper.jpg", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "fer_tf.predict", Path(photo).name],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "Neutral" in done.stdout, done.stderr
