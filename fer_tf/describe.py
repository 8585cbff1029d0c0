"""Show a data set before anyone trains on it: `python -m fer_tf.describe --data fer2013.csv`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tf import cli
from fer_tf.errors import FerError
from fer_tf.files import refuse_strangers, write_beside
from fer_tf.recipes.schema import Reading

if TYPE_CHECKING:
    from fer_tf.report.dataset import DatasetSummary


@dataclass(frozen=True)
class Describe:
    """Show a data set before anyone trains on it: its classes, samples and defects."""

    data: str = "synthetic"
    """This data is shown: fer2013.csv (plain or packed), a folder of images, another data set that
    a reader knows, or "synthetic" for drawn faces."""
    reading: Reading = field(default_factory=Reading)
    split: str | None = None
    """Data without validation faces is divided by shares such as 80:20."""
    votes: str | None = None
    """FERPlus' votes for the rows of fer2013.csv are read from this file, fer2013new.csv."""
    out: str = "runs/describe"
    """The page dataset.html is written into this folder."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; `argv` is sys.argv[1:] if None.

    Raises:
        FerError: the data is malformed, or the page can't be written.
    """
    args = cli.parse(Describe, argv, prog="python -m fer_tf.describe")
    from fer_tf.data import load_faces
    from fer_tf.report.dataset import summarise
    from fer_tf.report.dataset_page import dataset_page

    page = Path(args.out) / "dataset.html"
    refuse_strangers(page.parent, [page.name], sign=page.name, text='content="fer_tf"')
    faces = load_faces(
        args.data, votes=args.votes, split=args.split, say=print, **vars(args.reading)
    )
    summary = summarise(faces)
    name = "Drawn faces" if args.data == "synthetic" else Path(args.data).name or args.data
    _write(page, dataset_page(faces, summary, title=name))
    _print(summary, name)
    print(f"{page}: the same with pictures")


def _write(path: Path, text: str) -> None:
    """Write beside, then rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_beside(path, text)
    except OSError as error:
        raise FerError(
            f"--out {path.parent}: can't be written ({error.strerror}), expected a folder"
        ) from error


def _print(summary: DatasetSummary, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from fer_tf.report.dataset_page import count_tables

    console = Console(markup=False)  # a class may be called "smile [open]"
    for counts in count_tables(summary):
        table = Table(counts.header[0], box=None)
        for column in counts.header[1:]:
            table.add_column(column, justify="right")
        for row in counts.rows[:-1]:
            table.add_row(*row)
        table.add_row(*counts.rows[-1], style="bold")
        console.print(f"{title}: {counts.title}", table, "", sep="\n")
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for finding in summary.findings():
        table.add_row(*finding)
    console.print("What to know before training", table, "", sep="\n")


if __name__ == "__main__":
    cli.run(main)
