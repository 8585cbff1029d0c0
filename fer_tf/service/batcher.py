"""Requests that come at nearly the same time are answered as one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Waiting(Generic[T, R]):
    item: T
    since: float
    answer: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Gathers items that several tasks of one event loop want answered.

    A batch begins with the first item that waits and is closed after `seconds`, or as soon as it
    is full, or nobody is preparing another: so one who is alone never waits. While a batch is
    computed, the next one gathers. Where a batch fails, each of its items is tried alone, so that
    one fails nobody but itself.

    Args:
        answer: the answers of some items, in their order; called by one thread of its own.
        seconds: that an item waits for others.
        most: items of a batch.
        observe: is told each batch's number of items.
    """

    def __init__(
        self,
        answer: Callable[[list[T]], list[R]],
        *,
        seconds: float,
        most: int,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._answer, self._observe = answer, observe
        self._seconds, self._most = seconds, most
        self._preparing = 0
        self._waiting: list[_Waiting[T, R]] = []
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "fer_tf-batch")

    async def __aenter__(self) -> Batcher[T, R]:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, preparing: Awaitable[T]) -> tuple[T, R]:
        """An item, once it is prepared, and its answer.

        Raises:
            Exception: what preparing it raises, or answering it alone.
        """
        self._preparing += 1
        try:
            item = await preparing
        finally:
            self._preparing -= 1
            self._changed.set()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.time(), loop.create_future())
        self._waiting.append(waiting)
        return item, await waiting.answer

    async def _run(self) -> None:
        while True:
            await self._gathered()
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._answer_all(batch)

    async def _gathered(self) -> None:
        """Return when a batch is to be computed."""
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            left: float | None = None
            if self._waiting:
                left = self._waiting[0].since + self._seconds - loop.time()
                if len(self._waiting) >= self._most or not self._preparing or left <= 0:
                    return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    async def _answer_all(self, batch: list[_Waiting[T, R]]) -> None:
        # Whoever has given up in the meantime costs nothing more.
        batch = [waiting for waiting in batch if not waiting.answer.done()]
        if not batch:
            return
        self._observe(len(batch))
        loop = asyncio.get_running_loop()
        items = [waiting.item for waiting in batch]
        try:
            answers = await loop.run_in_executor(self._thread, self._answer, items)
        except Exception as error:
            if len(batch) > 1:
                for waiting in batch:
                    await self._answer_all([waiting])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
