"""A function that is given strangers' files runs in processes with a limit of time and memory.

So one file stops one request: a worker that passes a limit, or dies, is killed, and another one
takes its place. It is no sandbox: a worker may do what its user may.
"""

from __future__ import annotations

import gc
import math
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from fer_tf.errors import FerError

T = TypeVar("T")


class WorkerPool(Generic[T]):
    """Processes that call one function; several threads may share a pool.

    They are new Python processes (never forks), import what the function's module imports, compute
    with one thread, and end with the process that made them, however that ends.

    Args:
        function: of a module; its arguments and its answer must be picklable. The first argument
            is what the sentence of an error calls the others.
        workers: how many calls run at the same time.
        seconds: that a call may take.
        memory: bytes that a worker may hold, what it has imported included; Linux keeps to it,
            macOS and Windows don't.
        patience: seconds that a call waits for a free worker.
    """

    def __init__(
        self,
        function: Callable[..., T],
        *,
        workers: int,
        seconds: float,
        memory: int,
        patience: float,
    ) -> None:
        self._patience = patience
        self._workers = [_Worker(function, seconds, memory) for _ in range(workers)]
        self._free: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._free.put(worker)

    def __enter__(self) -> WorkerPool[T]:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, busy ones too."""
        for worker in self._workers:
            worker.close()

    def __call__(self, name: str, *arguments: Any) -> T:
        """The function's answer.

        Args:
            name: the function's first argument.
            arguments: its others.

        Raises:
            FerError: a limit was passed, the worker died, or none became free; or the function
                raised it. What else it raises is raised too.
        """
        try:
            worker = self._free.get(timeout=self._patience)
        except queue.Empty:
            raise FerError(
                f"{name}: no worker became free within {self._patience:g} s, expected another try"
            ) from None
        try:
            return worker.call(name, *arguments)
        finally:
            self._free.put(worker)


class _Worker:
    """One process, and the next one when it has ended."""

    def __init__(self, function: Callable[..., Any], seconds: float, memory: int) -> None:
        self._task = function, seconds, memory
        self._closed = False
        self._start()

    def call(self, name: str, *arguments: Any) -> Any:
        """As `WorkerPool.__call__`."""
        _, seconds, memory = self._task
        process, late = self._process, threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        whole, fine = False, False
        answer: Any = None
        try:
            self._send((name, *arguments))
            fine, answer = pickle.load(process.stdout)  # type: ignore[arg-type]
            whole = not isinstance(answer, MemoryError)
        except (OSError, EOFError, pickle.UnpicklingError):
            pass
        finally:
            timer.cancel()
            timer.join()
            if late.is_set() or not whole:
                self._stop()
                if not self._closed:
                    self._start()
        if fine:
            return answer
        if whole:
            raise answer
        if isinstance(answer, MemoryError):
            raise FerError(f"{name}: needs more than {memory / 1e9:.1f} GB of memory")
        if late.is_set():
            raise FerError(f"{name}: takes longer than the {seconds:g} s that it may take")
        raise FerError(f"{name}: ended the process that was to read it")

    def close(self) -> None:
        """End the process, and start none after it."""
        self._closed = True
        self._stop()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                # Each thread of a pool would cost memory that the files can't use.
                "OPENBLAS_NUM_THREADS": "1",
                "OMP_NUM_THREADS": "1",
            },
        )
        with suppress(OSError):  # of a process that can't start; the first call tells it
            self._send(self._task)

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _send(self, value: Any) -> None:
        pickle.dump(value, self._process.stdin)  # type: ignore[arg-type]
        self._process.stdin.flush()  # type: ignore[union-attr]


def work() -> None:
    """What a worker does: it reads arguments and writes answers until it is given no more."""
    # Ctrl-C, and what ends all processes of a service, is for the process that made this one: it
    # may want answers until its own end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    function, seconds, memory = pickle.load(requests)
    _limit_memory(memory)
    gc.freeze()  # what was imported stays: looking through it would cost each call milliseconds
    with suppress(EOFError, OSError):
        while True:
            arguments = pickle.load(requests)
            _alarm(math.ceil(seconds) + 1)
            try:
                answer = True, function(*arguments)
            except Exception as error:
                answer = False, error
            pickle.dump(answer, answers)
            answers.flush()
            _alarm(0)
            del arguments, answer  # or the next call would have less memory
            gc.collect()  # an error's frames hold what they worked on


def _alarm(seconds: int) -> None:
    """Die after `seconds`, where nobody is left who would end this process; 0 is never."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def _limit_memory(size: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit holds already, or macOS
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


if __name__ == "__main__":
    work()
