"""The process that starts the workers, and another one for each that dies."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from fer_tf.service.counters import forget_worker
from fer_tf.service.logs import LOGGER
from fer_tf.service.settings import Job

PACE_S = 1.0
"""Seconds from a worker's start to that of its replacement, at least: workers that die at once do
not keep the machine busy."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    begun: float
    ready: bool = False


class Supervisor:
    """Keeps workers alive until the process is told to end.

    Args:
        job: what they do.
        listener: the socket that they share.
        ready: is called when all of them take requests for the first time.
    """

    def __init__(self, job: Job, listener: socket.socket, ready: Callable[[], None]) -> None:
        self._job, self._listener, self._ready = job, listener, ready
        self._workers: list[_Worker] = []
        self._signals: list[int] = []

    def run(self) -> None:
        """Return when, after SIGTERM or Ctrl-C, all workers have answered what they had.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: a worker could not start and has said why; its exit code.
        """
        # What wakes the loop below when a signal comes.
        woken, wake = socket.socketpair()
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: self._signals.append(number))
        try:
            # What one can't use, none can: the first one tries it, and says so.
            self._workers.append(self._started())
            while not self._signals:
                for ready in wait([woken, *(worker.pipe for worker in self._workers)]):
                    for worker in [each for each in self._workers if each.pipe is ready]:
                        self._heard(worker)
        finally:
            self._end()
            signal.set_wakeup_fd(-1)
        if signal.SIGINT in self._signals:
            raise KeyboardInterrupt

    def _started(self) -> _Worker:
        # Imported by the workers alone: this process stays small.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(self._job, self._listener, theirs))
        # Ctrl-C reaches all processes of a terminal: from a worker that is still importing it would
        # bring a traceback.
        own = signal.signal(signal.SIGINT, signal.SIG_IGN)
        process.start()
        signal.signal(signal.SIGINT, own)
        theirs.close()
        return _Worker(process, ours, time.monotonic())

    def _heard(self, worker: _Worker) -> None:
        try:
            worker.pipe.recv()
        except (EOFError, OSError):
            self._died(worker)
            return
        worker.ready = True
        missing = self._job.workers - len(self._workers)
        self._workers += [self._started() for _ in range(missing)]
        if all(each.ready for each in self._workers):
            self._ready()
            self._ready = lambda: None

    def _died(self, worker: _Worker) -> None:
        worker.process.join()
        worker.pipe.close()
        number, code = worker.process.pid, worker.process.exitcode or 0
        forget_worker(number or 0)
        if not worker.ready and code > 0:
            self._workers.remove(worker)
            sys.exit(code)
        LOGGER.error(
            "a worker ended, another one takes its place",
            extra={"fields": {"worker": number, "exit_code": code}},
        )
        time.sleep(max(0.0, worker.begun + PACE_S - time.monotonic()))
        if not self._signals:
            self._workers[self._workers.index(worker)] = self._started()

    def _end(self) -> None:
        # Were this process the last that has it, clients would wait in it for nobody.
        self._listener.close()
        for worker in self._workers:
            with suppress(OSError):
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()


def _work(job: Job, listener: socket.socket, parent: Connection) -> None:
    from fer_tf.service.worker import work

    work(job, listener, parent)
