"""Silence for converters that talk about their own progress."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

_ALONE = threading.RLock()
if hasattr(os, "register_at_fork"):
    # A child that is forked meanwhile would be silent for ever.
    os.register_at_fork(
        before=_ALONE.acquire, after_in_parent=_ALONE.release, after_in_child=_ALONE.release
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is written to stdout and stderr within, not from C++ either; errors still rise.

    The file descriptors themselves lead nowhere meanwhile, those of all threads, which take turns
    here: the one that left last would put back what the other one had put there. A process without
    them, such as a windowed one, has nothing to be kept quiet.
    """
    with _ALONE, open(os.devnull, "w") as nowhere, contextlib.ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        for number in (1, 2):
            with contextlib.suppress(OSError):
                copy = os.dup(number)
                stack.callback(os.close, copy)
                stack.callback(os.dup2, copy, number)
                os.dup2(nowhere.fileno(), number)
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        yield
