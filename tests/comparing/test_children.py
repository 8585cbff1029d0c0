"""Processes: what they print is kept, why they fail is told, and a stop reaches them once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from fer_tf.comparing.children import Children, Stopped

SAVING = """\
import signal, sys, time
def save(*_):
    global asked
    asked += 1
    print("asked", asked, flush=True)
    if asked >= {patience}:
        print("saved", flush=True)
        sys.exit(130)
asked = 0
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_are_logged_and_told(tmp_path):
    lines: list[str] = []
    with Children() as children:
        for _ in range(2):
            ended = children.run(script("print('one'); print('two')"), tmp_path / "l", lines.append)
    assert ended.lines == ("one", "two") and not ended.failure
    assert lines == ["one", "two"] * 2
    assert (tmp_path / "l").read_text() == "one\ntwo\n" * 2


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("import sys; print('fer_tf: no such data', file=sys.stderr); sys.exit(2)", "no such data"),
        ("raise MemoryError('too large')", "MemoryError: too large"),
        ("import os; os.kill(os.getpid(), 9)", "was killed, as the system does with a process"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("import sys; sys.exit(3)", "it ended without a word"),
    ],
)
def test_why_a_process_failed(code, failure, tmp_path):
    with Children() as children:
        assert children.run(script(code), tmp_path / "log").failure.startswith(failure)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("patience", [1, 2])
def test_a_stop_reaches_the_child_which_saves(number, patience, tmp_path):
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) <= patience:
            os.kill(os.getpid(), number)

    with Children() as children, pytest.raises(Stopped):
        children.run(script(SAVING.format(patience=patience)), tmp_path / "log", say)
    asked = [f"asked {i}" for i in range(1, patience + 1)]
    assert lines == ["ready", *asked, "saved"]


def test_nothing_begins_after_a_stop_and_the_handlers_come_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with Children() as children:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            children.run(script("open('began', 'w')"), tmp_path / "log")
    assert signal.getsignal(signal.SIGTERM) == before
    assert not Path("began").exists() and not (tmp_path / "log").exists()


def test_an_error_in_what_is_told_takes_the_child_along(tmp_path):
    pids: list[int] = []

    def say(line: str) -> None:
        pids.append(int(line))
        raise BrokenPipeError

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with Children() as children, pytest.raises(BrokenPipeError):
        children.run(script(code), tmp_path / "log", say)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
