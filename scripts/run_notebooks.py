"""Runs the notebooks of docs/notebooks in an empty folder, and keeps their outputs in them.

    python scripts/run_notebooks.py [NAME.ipynb ...]

Of an output that a notebook holds in several forms, the one that is shown is kept.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nbformat
from _machine import ROOT
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = ROOT / "docs" / "notebooks"
SHOWN = ("text/html", "image/jpeg", "image/png", "text/plain")
"""The first of these that an output has is kept."""


def run(path: Path) -> None:
    """Execute one notebook, and write it in place of itself."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=900, record_timing=False)
        client.execute(cwd=folder)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = shortened(cell.outputs)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def shortened(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell, each in one form, and texts that follow each other in one piece."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if "data" in output:
            kind = next(kind for kind in SHOWN if kind in output.data)
            output.data = {kind: output.data[kind]}
        elif kept and output.get("name") and output.get("name") == kept[-1].get("name"):
            kept[-1].text += output.text
            continue
        kept.append(output)
    return kept


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="of files in docs/notebooks (default: all)")
    names = parser.parse_args().names or [path.name for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    for name in names:
        run(NOTEBOOKS / name)


if __name__ == "__main__":
    main()
