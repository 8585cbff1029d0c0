"""Silence that several threads ask for at once ends for all of them."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from fer_tf.quiet import quiet


def test_threads_take_turns_and_all_is_heard_afterwards():
    stdout, descriptors = sys.stdout, [os.fstat(number) for number in (1, 2)]
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first():
        with quiet():
            first_in.set()
            second_in.wait(0.2)  # where nobody waits for a turn, the second is in by now
        first_out.set()

    def second():
        first_in.wait()
        with quiet():
            second_in.set()
            first_out.wait()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is stdout
    assert [os.fstat(number) for number in (1, 2)] == descriptors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_meanwhile_is_heard():
    inside, left = threading.Event(), threading.Event()

    def silent():
        with quiet():
            inside.set()
            left.wait(0.2)

    thread = threading.Thread(target=silent)
    here, there = os.pipe()
    copy = os.dup(1)
    os.dup2(there, 1)
    try:
        thread.start()
        inside.wait()
        child = os.fork()
        if not child:
            with quiet():  # the child has the lock's copy, and can take it
                pass
            os.write(1, b"heard")
            os._exit(0)
        os.waitpid(child, 0)
    finally:
        left.set()
        thread.join()
        os.dup2(copy, 1)
        for number in (there, copy):
            os.close(number)
    with open(here, "rb") as pipe:
        assert pipe.read() == b"heard"
