"""No import runs upward: a module takes only what stands above it here, within functions too."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import fer_tf

PACKAGE = Path(fer_tf.__file__).parent
LAYERS = (
    "errors installed cores forks hosts quiet files fonts cli detecting archives shipped "
    "worker_pool progress_bar listening",
    "tasks",
    "layers",
    "models",
    "recipes",
    "pictures",
    "data",
    "runtimes",
    "trained",
    "report",
    "training",
    "explanations",
    "vision",
    "exporting",
    "benchmarking",
    "comparing",
    "demo_page service",
    "predicting",
    "scoring",
    "describe",
    "train",
    "evaluate",
    "predict explain export benchmark compare doctor score",
    "demo serve",
    "__main__",
)
"""From the ground up; names of one line do not import one another, but for the ground's."""

HEIGHT = {name: height for height, line in enumerate(LAYERS) for name in line.split()}


def room(module: str) -> str:
    """The first name below the package: "fer_tf.data.rows" stands in "data"."""
    return module.split(".")[1]


def imported(file: Path) -> Iterator[str]:
    """The modules of the package that a file imports, but for those that only types need."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    types_alone = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in types_alone:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("fer_tf."))
        elif isinstance(node, ast.ImportFrom) and node.module == "fer_tf":
            yield from (f"fer_tf.{name.name}" for name in node.names if name.name in HEIGHT)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fer_tf."):
            yield str(node.module)


def files() -> list[Path]:
    return [file for file in sorted(PACKAGE.rglob("*.py")) if file != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("file", files(), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_no_import_runs_upward(file: Path) -> None:
    own = file.relative_to(PACKAGE).with_suffix("").parts[0]
    for module in imported(file):
        other = room(module)
        ground = HEIGHT[own] == HEIGHT[other] == 0
        assert own == other or ground or HEIGHT[other] < HEIGHT[own], f"{own} imports {module}"


def test_no_two_files_share_a_name() -> None:
    counts = Counter(file.name for file in files() if file.name != "__init__.py")
    assert not [name for name, count in counts.items() if count > 1]


def test_contributing_draws_the_same_house() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text.partition("```text\n")[2].partition("```")[0]
    storeys = [line.partition("|")[0].split() for line in picture.splitlines()]
    assert storeys[::-1] == [line.split() for line in LAYERS]
