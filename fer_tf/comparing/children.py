"""Processes that work one after the other, and stop together with the one that starts them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fer_tf.benchmarking.first_answer import last_line

TAIL = 200
"""Lines of a child's output that are kept in memory."""


KILLED = 9
"""SIGKILL, which Windows has no name for."""


class Stopped(Exception):
    """Ctrl-C or SIGTERM came; the child has saved what it can and is gone."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: its exit code, or less a signal's number.
        lines: the last ones that it printed.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def failure(self) -> str:
        """Why it failed, in a sentence; "" where it did not."""
        if self.code == 0:
            return ""
        if self.code == -KILLED:
            return "was killed, as the system does with a process that needs too much memory"
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name}"
        return last_line("\n".join(self.lines))


class Children:
    """Starts processes, each in a session of its own, and passes Ctrl-C and SIGTERM on to them.

    A terminal's Ctrl-C so reaches a child once, and not twice, which would end a training before
    it has saved.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._child: subprocess.Popen[str] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Children:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        if self._child is not None:
            # The child may be gone by now.
            with contextlib.suppress(ProcessLookupError):
                _end(self._child, signal.SIGTERM)

    def run(
        self, command: Sequence[str], log: Path, say: Callable[[str], None] = lambda line: None
    ) -> Ended:
        """Run a command to its end.

        Args:
            command: program and arguments.
            log: what it prints is added to this file.
            say: is given each line that it prints.

        Raises:
            Stopped: a signal came before or during it.
        """
        if self.stopping:
            raise Stopped
        log.parent.mkdir(parents=True, exist_ok=True)
        # Wide, so that no line is broken.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "400"}
        kept: deque[str] = deque(maxlen=TAIL)
        with (
            log.open("a", encoding="utf-8") as file,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
            ) as child,
        ):
            self._child = child
            try:
                if self.stopping:  # the signal came while the process was started
                    self._handle(0, None)
                assert child.stdout is not None
                for line in child.stdout:
                    file.write(line)
                    file.flush()
                    kept.append(line.rstrip())
                    say(line.rstrip())
                code = child.wait()
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    _end(child, KILLED)
                raise
            finally:
                self._child = None
        if self.stopping:
            raise Stopped
        return Ended(code, tuple(kept))


def _end(child: subprocess.Popen[str], number: int) -> None:
    """Send a signal to a child and to what it has started; Windows ends the child alone."""
    if hasattr(os, "killpg"):
        os.killpg(child.pid, number)
    else:
        child.kill()
