"""What the server remembers: the last picture of each open page, in memory and nowhere else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """One value a page, for the most recent pages; safe to use from several threads.

    Args:
        pages: how many; when one more comes, the page that was used longest ago is forgotten.
    """

    def __init__(self, *, pages: int) -> None:
        self._pages = pages
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, page: str, value: T) -> None:
        """Remember `value` in place of what was remembered for `page`."""
        with self._lock:
            self._kept[page] = value
            self._kept.move_to_end(page)
            if len(self._kept) > self._pages:
                self._kept.popitem(last=False)

    def get(self, page: str) -> T | None:
        """What is remembered for `page`."""
        with self._lock:
            if page not in self._kept:
                return None
            self._kept.move_to_end(page)
            return self._kept[page]

    def forget(self, page: str) -> None:
        """Remember nothing for `page`."""
        with self._lock:
            self._kept.pop(page, None)
