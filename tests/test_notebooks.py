"""Every cell of the notebooks runs, in an empty folder, on fewer faces and frames than shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbmake.nb_run import NotebookRun

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "docs" / "notebooks").glob("*.ipynb"))

SMALLER = {
    "FER_TF_NOTEBOOK_FRAMES": "4",
    "FER_TF_NOTEBOOK_FACES": "24",
    "FER_TF_NOTEBOOK_EPOCHS": "1",
}
"""The notebooks' own settings, for a quick run of the same cells."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_runs(path, tmp_path, monkeypatch):
    # Where other tests have imported Keras here, this is set, and asks for TensorFlow's notices.
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    for name, value in SMALLER.items():
        monkeypatch.setenv(name, value)
    copy = Path(shutil.copy(path, tmp_path))
    result = NotebookRun(copy, default_timeout=300).execute()
    assert result.error is None, result.error
    # Warnings that a reader could do nothing about, which TensorFlow writes to either stream.
    texts = [out.get("text", "") for cell in result.nb.cells for out in cell.get("outputs", ())]
    assert [text for text in texts if "WARNING" in text] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_as_it_was_run_and_small(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert path.stat().st_size < 500_000
