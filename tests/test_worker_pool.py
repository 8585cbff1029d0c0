"""Work in processes of its own: it ends in time, within its memory, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fer_tf.errors import FerError
from fer_tf.worker_pool import WorkerPool


def play(name, kind, value=None):
    """What a worker does in these tests."""
    if kind == "echo":
        return value
    if kind == "print":
        print("to the answers?")
        return os.getpid()
    if kind == "sleep":
        time.sleep(value)
    if kind == "fill":
        return len(bytearray(value))
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "refuse":
        raise FerError(f"{name}: refused")
    raise KeyError(kind)


@contextmanager
def pool(**limits):
    limits = {"workers": 1, "seconds": 60, "memory": 2**30, "patience": 60, **limits}
    with WorkerPool(play, **limits) as pool:
        yield pool


def test_answers_from_a_warm_process():
    with pool() as call:
        process = call("a", "print")
        assert process != os.getpid() and call("a", "print") == process
        pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        answer = call("a", "echo", pixels)
        np.testing.assert_array_equal(answer, pixels)
        assert answer.flags.writeable
        with pytest.raises(FerError, match=r"^a: refused$"):
            call("a", "refuse")
        with pytest.raises(KeyError):
            call("a", "odd")
        assert call("a", "print") == process


def test_answers_after_what_ends_all_processes_of_a_service():
    with pool() as call:
        process = call("a", "print")
        os.kill(process, signal.SIGTERM)
        assert call("a", "print") == process


def test_one_input_stops_one_call(monkeypatch):
    with pool() as call:
        process = call("a", "print")
        with monkeypatch.context() as patch:
            patch.setattr(call._workers[0], "_task", (play, 0.2, 2**30))
            with pytest.raises(FerError, match=r"^a: takes longer than the 0.2 s"):
                call("a", "sleep", 600)
        with pytest.raises(FerError, match=r"^a: ended the process"):
            call("a", "die")
        again = call("a", "print")
        assert again != process and call("a", "print") == again


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_memory_is_limited():
    with pool(memory=2**29) as call:
        assert call("a", "fill", 2**27) == 2**27
        with pytest.raises(FerError, match=r"^a: needs more than 0.5 GB of memory$"):
            call("a", "fill", 2**29)
        assert call("a", "fill", 2**27) == 2**27


def test_nobody_waits_for_ever():
    with pool(patience=0.1) as call, ThreadPoolExecutor(1) as thread:
        call("a", "echo")
        slow = thread.submit(call, "slow", "sleep", 1)
        while not call._free.empty():
            time.sleep(0.01)
        with pytest.raises(FerError, match=r"^b: no worker became free within 0.1 s"):
            call("b", "echo")
        with pytest.raises(KeyError):
            slow.result()


def test_two_work_at_the_same_time():
    with pool(workers=2) as call, ThreadPoolExecutor(1) as thread:
        slow = thread.submit(call, "slow", "sleep", 600)
        while call._free.qsize() == 2:
            time.sleep(0.01)
        assert call("b", "echo", 1) == 1
        call._workers[0].close()
        call._workers[1].close()
        with pytest.raises(FerError, match=r"^slow: ended the process"):
            slow.result()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_who_made_them():
    code = f"""
import sys, threading, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_worker_pool import play
from fer_tf.worker_pool import WorkerPool
call = WorkerPool(play, workers=2, seconds=2, memory=2**30, patience=60)
for worker in call._workers:
    worker._task = (play, 60, 2**30)  # the workers alone keep to 2 s
threading.Thread(target=call, args=("a", "sleep", 600)).start()
call("b", "print")
print(*(worker._process.pid for worker in call._workers), flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        workers = set(process.stdout.readline().split())
        assert len(workers) == 2
        process.kill()
        process.wait()
    until = time.monotonic() + 30
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
