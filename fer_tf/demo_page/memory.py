"""What the server remembers of its pages, in memory and nowhere else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

DROPPED = 1000
"""How many of the dropped keys are known to have been dropped."""


class Memory(Generic[T]):
    """Values by key, the most recently used ones; safe to use from several threads.

    Args:
        budget: what all values together may cost; when it is passed, those are dropped that were
            used longest ago.
        cost: of a value.

    Attributes:
        total: what all values together cost.
    """

    def __init__(self, *, budget: int, cost: Callable[[T], int]) -> None:
        self._budget = budget
        self._cost = cost
        self.total = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._dropped: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: str, value: T) -> None:
        """Remember `value` in place of what was remembered for `key`."""
        with self._lock:
            self._remove(key)
            self._kept[key] = value
            self.total += self._cost(value)
            while self.total > self._budget:
                oldest = next(iter(self._kept))
                self._remove(oldest)
                self._dropped[oldest] = None
            while len(self._dropped) > DROPPED:
                self._dropped.popitem(last=False)

    def get(self, key: str) -> T | None:
        """What is remembered for `key`."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def dropped(self, key: str) -> bool:
        """Whether the value for `key` was dropped, and none was kept or forgotten since."""
        with self._lock:
            return key in self._dropped

    def forget(self, key: str) -> T | None:
        """Remember nothing for `key`; returns what was remembered."""
        with self._lock:
            return self._remove(key)

    def _remove(self, key: str) -> T | None:
        self._dropped.pop(key, None)
        value = self._kept.pop(key, None)
        if value is not None:
            self.total -= self._cost(value)
        return value
