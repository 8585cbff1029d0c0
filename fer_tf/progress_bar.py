"""A bar on the terminal, which leaves standard output alone."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(
    total: int, unit: str = "pictures"
) -> Iterator[tuple[Callable[[str], None], Callable[..., None]]]:
    """A bar on stderr, if that is a terminal and there is more than one piece of work.

    Yields:
        What prints lines on stdout, and what moves the bar by (steps, new total).
    """
    if not sys.stderr.isatty() or total == 1:
        yield lambda text: print(text, flush=True), lambda steps, total=0: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    progress = Progress(
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
    )

    def say(text: str) -> None:
        if sys.stdout.isatty():
            # On the same terminal: above the bar.
            console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
        else:
            print(text, flush=True)

    with progress:
        task = progress.add_task("", total=total or None)
        yield say, lambda steps, total=0: progress.update(task, advance=steps, total=total or None)
