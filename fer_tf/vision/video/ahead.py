"""Runs an iterator on a thread of its own, a little ahead of whoever reads it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Ahead(Iterator[T]):
    """An iterator over `items`, which are made on another thread.

    What `items` raises comes out here, where they are read. Whoever stops reading calls `stop`:
    the thread then ends at its next item and closes `items`.

    Args:
        items: a generator, used by the thread alone.
        size: how many items may wait to be read.
        newest: when so many wait, the oldest is thrown away, for the thread not to wait: for a
            camera, which doesn't wait either.
    """

    def __init__(self, items: Iterator[T], *, size: int = 4, newest: bool = False):
        self._items = items
        self._size = size
        self._newest = newest
        self._ready: deque[T] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended or self._stopped)
            if self._stopped:
                raise StopIteration
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            raise StopIteration

    def stop(self) -> None:
        """Give nothing more, whether it is read or made."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, which a camera that hangs can prevent."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as caught:
            error = caught
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._error = error
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: T) -> bool:
        """Whether anyone still wants items."""
        with self._changed:
            if self._newest:
                while len(self._ready) >= self._size:
                    self._ready.popleft()
            else:
                self._changed.wait_for(lambda: len(self._ready) < self._size or self._stopped)
            self._ready.append(item)
            self._changed.notify_all()
            return not self._stopped
