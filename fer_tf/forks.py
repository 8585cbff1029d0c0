"""Native threads and locks do not live on in a forked child: what holds some makes them anew.

multiprocessing forks by default on Linux before Python 3.14, and so do gunicorn's workers after
`--preload`. A child has a copy of the memory and none of the threads: a runtime's pool waits for
them for ever, and a lock that another thread held stays locked.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable


def after_fork(forget: Callable[[], None]) -> None:
    """Call a bound method in every child that is forked while its object lives."""
    living = weakref.WeakMethod(forget)

    def call() -> None:
        method = living()
        if method is not None:
            method()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)


def abandon(value: object) -> None:
    """Never free an object: its destructor would wait for threads that the child has not."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
