"""Items made on another thread: order, errors, ends."""

from __future__ import annotations

import threading

import pytest

from fer_tf.vision.video.ahead import Ahead


def test_gives_everything_in_order():
    assert list(Ahead(iter(range(100)), size=3)) == list(range(100))


def test_error_comes_out_as_itself_after_what_was_made():
    def items():
        yield 1
        raise ZeroDivisionError("inside")

    ahead = Ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ZeroDivisionError, match="inside"):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)


def test_stop_ends_the_thread_and_closes_the_generator():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ahead = Ahead(items(), size=2)
    next(ahead)
    ahead.stop()
    ahead.join(10)
    assert closed.wait(10)
    assert list(ahead) == []


def test_error_passes_through_two():
    def items():
        yield 1
        raise KeyError("first stage")

    second = Ahead(x + 1 for x in Ahead(items()))
    assert next(second) == 2
    with pytest.raises(KeyError, match="first stage"):
        next(second)


def test_newest_wins_where_nobody_reads():
    made = threading.Event()

    def items():
        yield from range(10)
        made.set()

    ahead = Ahead(items(), size=1, newest=True)
    assert made.wait(10)
    assert list(ahead) == [9]


def test_does_not_run_further_ahead_than_told():
    count = 0

    def items():
        nonlocal count
        while True:
            count += 1
            yield count

    ahead = Ahead(items(), size=3)
    next(ahead)
    # One taken, three that wait, one that the thread holds.
    assert count <= 5
    ahead.stop()
