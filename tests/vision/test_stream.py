"""Work ahead on several threads: in order, a few at a time, and over when nobody reads on."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_tf.vision import stream
from fer_tf.vision.stream import CHUNK, worked_ahead


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 4))
def test_results_come_in_order(delays, threads):
    def work(item):
        time.sleep(item[1] / 2000)
        return item[0]

    assert list(worked_ahead(enumerate(delays), work, threads=threads)) == [*range(len(delays))]


def test_all_threads_work_at_once():
    together = threading.Barrier(3, timeout=20)

    def work(number):
        together.wait()
        return number

    assert list(worked_ahead(range(9), work, threads=3)) == [*range(9)]


def test_what_is_heavy_is_not_piled_up():
    begun = 0

    def work(number):
        nonlocal begun
        begun += 1
        return number

    results = worked_ahead(range(100), work, lambda _: stream.CHUNK_PIXELS, threads=2)
    for number in results:
        assert number <= begun <= number + 4


def test_what_is_light_is_held_a_few_at_a_time():
    taken = 0

    def items():
        nonlocal taken
        while taken < 200:
            taken += 1
            yield taken

    for number in worked_ahead(items(), lambda item: item, threads=2):
        assert taken <= number + CHUNK + 3


def test_errors_come_out_where_they_are_read_and_the_rest_is_left():
    done = []

    def work(number):
        if number == 3:
            raise ZeroDivisionError
        done.append(number)
        return number

    results = worked_ahead(range(1000), work, threads=2)
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert len(done) < 100


def test_whoever_stops_reading_ends_it():
    before = threading.active_count()
    with contextlib.closing(worked_ahead(range(1000), lambda item: item, threads=4)) as results:
        assert next(results) == 0
    assert threading.active_count() == before
