"""Items that come together are answered together, and none pays for another's fault."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fer_tf.service.batcher import Batcher


async def now(value):
    return value


async def after(seconds, value):
    await asyncio.sleep(seconds)
    return value


class Doubling:
    """Doubles numbers, and remembers the batches; 13 is refused."""

    def __init__(self):
        self.batches: list[list[int]] = []

    def __call__(self, items):
        self.batches.append(list(items))
        if 13 in items:
            raise ValueError("13")
        return [2 * item for item in items]


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_who_is_alone_does_not_wait_for_others():
    async def main():
        async with Batcher(Doubling(), seconds=3600, most=8) as batcher:
            return await batcher(now(4))

    assert run(main()) == (4, 8)


def test_what_is_prepared_at_the_same_time_is_one_batch():
    answer, sizes = Doubling(), []

    async def main():
        async with Batcher(answer, seconds=3600, most=8, observe=sizes.append) as batcher:
            return await asyncio.gather(*(batcher(after(i / 100, i)) for i in range(5)))

    assert run(main()) == [(i, 2 * i) for i in range(5)]
    assert answer.batches == [[0, 1, 2, 3, 4]] and sizes == [5]


def test_a_batch_does_not_wait_longer_than_it_may():
    answer = Doubling()

    async def main():
        never = asyncio.Event()

        async def prepared():
            await never.wait()

        async with Batcher(answer, seconds=0.01, most=8) as batcher:
            late = asyncio.create_task(batcher(prepared()))
            assert await batcher(now(1)) == (1, 2)
            late.cancel()

    run(main())


def test_a_batch_is_closed_when_it_is_full():
    answer = Doubling()

    async def main():
        async with Batcher(answer, seconds=3600, most=2) as batcher:
            return await asyncio.gather(*(batcher(now(i)) for i in range(5)))

    assert run(main()) == [(i, 2 * i) for i in range(5)]
    assert max(map(len, answer.batches)) == 2


def test_a_fault_is_its_own_items_alone():
    async def main():
        async with Batcher(Doubling(), seconds=3600, most=8) as batcher:
            items = (batcher(now(i)) for i in (1, 13, 2))
            return await asyncio.gather(*items, return_exceptions=True)

    first, bad, last = run(main())
    assert (first, last) == ((1, 2), (2, 4)) and isinstance(bad, ValueError)


def test_what_cannot_be_prepared_holds_up_nobody():
    async def broken():
        raise KeyError("broken")

    async def main():
        async with Batcher(Doubling(), seconds=3600, most=8) as batcher:
            pair = batcher(broken()), batcher(now(1))
            return await asyncio.gather(*pair, return_exceptions=True)

    bad, good = run(main())
    assert isinstance(bad, KeyError) and good == (1, 2)


def test_who_has_given_up_costs_nothing_and_the_next_ones_gather_meanwhile():
    begun, go_on = threading.Event(), threading.Event()
    batches = []

    def answer(items):
        batches.append(items)
        begun.set()
        assert go_on.wait(30)
        return items

    async def main():
        async with Batcher(answer, seconds=0, most=8) as batcher:
            first = asyncio.create_task(batcher(now(0)))
            await asyncio.to_thread(begun.wait, 30)
            others = [asyncio.create_task(batcher(now(i))) for i in (1, 2, 3)]
            await asyncio.sleep(0.01)
            others[0].cancel()
            await asyncio.sleep(0)
            go_on.set()
            assert await first == (0, 0)
            assert await asyncio.gather(*others[1:]) == [(2, 2), (3, 3)]
            with pytest.raises(asyncio.CancelledError):
                await others[0]

    run(main())
    assert batches == [[0], [2, 3]]
