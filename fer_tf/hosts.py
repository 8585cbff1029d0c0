"""Several processes that train together, such as one on each host: who they are, and their end.

What JAX starts to let processes find each other ends a process, by a signal and from C++, as soon
as the first one is gone. So the command runs again in a child process, and says in one sentence
what became of it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import FrameType

from fer_tf.errors import FerError

CHILD = "FER_TF_CHILD"
"""In the environment of the child process alone."""

LOST = (
    "another process of this training is gone, or out of reach, so that this one ends too; the "
    "same commands go on from the last checkpoint"
)


@dataclass(frozen=True)
class Hosts:
    """The processes of one training, and which one this is.

    Attributes:
        coordinator: HOST:PORT, where the first process listens for the others.
        processes: how many there are, 2 or more.
        process: this one's number, from 0.
    """

    coordinator: str
    processes: int
    process: int

    @property
    def first(self) -> bool:
        """Whether this process writes the run's folder."""
        return self.process == 0


def find_hosts(coordinator: str | None, processes: int | None, process: int | None) -> Hosts | None:
    """The processes that the flags name, or else the environment; None where it is one alone.

    The variables are those of `keras.distribution.initialize`: KERAS_DISTRIBUTION_JOB_ADDRESSES
    (of which the first address counts), KERAS_DISTRIBUTION_NUM_PROCESSES and
    KERAS_DISTRIBUTION_PROCESS_ID.

    Raises:
        FerError: names the flag, what was found and what was expected.
    """
    address = (
        coordinator or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES", "").partition(",")[0]
    )
    count = _number("--processes", processes, "KERAS_DISTRIBUTION_NUM_PROCESSES")
    own = _number("--process", process, "KERAS_DISTRIBUTION_PROCESS_ID")
    if not address and count in (None, 1) and own in (None, 0):
        return None
    if not re.fullmatch(r".+:\d{1,5}", address):
        raise FerError(f"--coordinator: expected HOST:PORT of the first process, found {address!r}")
    if count is None or own is None or not (count >= 1 and 0 <= own < count):
        raise FerError(
            "--processes and --process: expected how many there are and this one's number, from 0, "
            f"found {count} and {own}"
        )
    return Hosts(address, count, own) if count > 1 else None


def _number(flag: str, given: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    if given is not None or text is None:
        return given
    if not text.isdecimal():
        raise FerError(f"{variable}: expected a number, as for {flag}, found {text!r}")
    return int(text)


def run_in_child() -> int:
    """Run this very program again in a child process; the exit code.

    The child ends with this process, whatever ends it. If a signal ends the child, this process
    says `LOST` on stderr, and the code is 2.
    """
    child = subprocess.Popen(
        [sys.executable, *sys.orig_argv[1:]],
        stdin=subprocess.PIPE,
        env={**os.environ, CHILD: "loud" if "TF_CPP_MIN_LOG_LEVEL" in os.environ else "quiet"},
        # Ctrl-C in a terminal would else reach it twice, and twice means at once.
        start_new_session=True,
    )

    def forward(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)
    code = child.wait()
    if code < 0:
        print(f"fer_tf: {LOST}", file=sys.stderr)
        return 2
    return code


def in_child() -> bool:
    """Whether this process is the child that `run_in_child` starts.

    If so, it ends with its parent from now on, and C++ writes nothing: its words about a lost
    process are a page. Set TF_CPP_MIN_LOG_LEVEL, to any level, to see them.
    """
    how = os.environ.pop(CHILD, None)
    if how is None:
        return False

    def end_with_parent() -> None:
        # Not sys.stdin, whose lock this would hold when the interpreter ends.
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    if how == "quiet":
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number, name in ((1, "stdout"), (2, "stderr")):
            own = os.fdopen(os.dup(number), "w", buffering=1)
            os.dup2(nowhere, number)
            setattr(sys, name, own)
    return True


def end_at_once(code: int) -> None:
    """End this process without waiting for the others, as JAX does for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
