"""Silence for converters that talk about their own progress."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is written to stdout and stderr within, not from C++ either; errors still rise.

    The file descriptors themselves lead nowhere meanwhile, those of all threads. A process without
    them, such as a windowed one, has nothing to be kept quiet.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    kept = {}
    for number in (1, 2):
        with contextlib.suppress(OSError):
            kept[number] = os.dup(number)
    with open(os.devnull, "w") as nowhere, contextlib.ExitStack() as stack:
        for number, copy in kept.items():
            stack.callback(os.close, copy)
            stack.callback(os.dup2, copy, number)
            os.dup2(nowhere.fileno(), number)
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        yield
