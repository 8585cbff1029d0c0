"""Two processes on loopback train as one, and end together, whatever ends one of them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from on_devices import furthest
from small import flags, last_arrays, start
from tiny import tiny_csv

from fer_tf.errors import FerError
from fer_tf.hosts import LOST, Hosts, find_hosts
from fer_tf.training.together import is_of_xla, joined

RUNS_ITSELF = """
import os, signal, sys
from fer_tf.hosts import in_child, run_in_child
if not in_child():
    sys.exit(run_in_child())
os.write(2, b"words from C++")
print("words from Python", file=sys.stderr)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_an_abort_of_the_child_is_one_sentence(tmp_path):
    import subprocess

    program = tmp_path / "program.py"
    program.write_text(RUNS_ITSELF)
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"words from Python\nfer_tf: {LOST}\n"


def test_processes_are_found_by_flags_or_environment(monkeypatch):
    assert find_hosts(None, None, None) is None
    assert find_hosts("a:1", 2, 1) == Hosts("a:1", 2, 1)
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "b:12,c:12")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "3")
    with pytest.raises(FerError, match="from 0, found 3 and None"):
        find_hosts(None, None, None)
    assert find_hosts(None, None, 2) == Hosts("b:12", 3, 2)
    for wrong, sentence in (
        (("b", 2, 0), "expected HOST:PORT of the first process, found 'b'"),
        (("b:1", 2, 2), "found 2 and 2"),
    ):
        with pytest.raises(FerError, match=sentence):
            find_hosts(*wrong)


def test_tensorflow_is_refused():
    with pytest.raises(FerError, match=r"KERAS_BACKEND=jax.*is broken in Keras 3.*20585"):  # noqa: SIM117
        with joined(Hosts("localhost:1", 2, 0), seed=0):
            pass


def test_an_error_of_xla_is_told_from_others():
    assert is_of_xla(ValueError("UNKNOWN: Gloo all-reduce failed: Connection reset by peer"))
    assert not is_of_xla(ValueError("Unknown: 3"))
    assert not is_of_xla(FerError("KERAS_DISTRIBUTION_PROCESS_ID: expected a number"))


@pytest.fixture
def argv(tmp_path: Path):
    csv_file = tiny_csv(tmp_path / "faces.csv", 48)
    more = "--checkpoint-minutes 0 --warmup-epochs 0 --optimizer sgd --mix-probability 0.5"
    some = flags(csv_file, tmp_path, "--stages", "16 2", "--model", "normed")
    return [*some, *more.split(), "--mixup", "0.4", "--learning-rate", "0.05"]


class Pair:
    """Two processes that train together; `at` is for the one of a number."""

    def __init__(self, argv: list[str], at: dict[int, dict[int, str]] | None = None):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        whole = [*argv, "--coordinator", f"localhost:{port}", "--processes", "2"]
        always = {-1: "no-tensorflow", -2: "no-report"}
        self.both = [
            start(*whole, "--process", str(i), at={**always, **(at or {}).get(i, {})})
            for i in (0, 1)
        ]

    def end(self) -> list[tuple[int, str, str]]:
        """(code, stdout, stderr) of each."""
        said = [child.communicate(timeout=500) for child in self.both]
        return [(child.returncode, *each) for child, each in zip(self.both, said, strict=True)]


@pytest.fixture
def on_jax(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "")


@pytest.mark.slow
@pytest.mark.usefixtures("on_jax")
def test_two_processes_train_as_one_and_go_on(argv, tmp_path):
    alone = start(*argv, "--run", "one", at={-1: "no-tensorflow", -2: "no-report"})
    assert alone.wait() == 0
    (code, said, _), second = Pair([*argv, "--run", "two"]).end()
    assert (code, second) == (0, (0, "", "")) and "epoch   2/2" in said
    assert furthest(tmp_path / "one", tmp_path / "two") < 1e-5
    for killed in (0, 1):
        run = f"killed-{killed}"
        ends = Pair([*argv, "--run", run], {killed: {3: "kill"}}).end()
        for code, _, error in ends:
            assert code == 2 and error.count("\n") == 1 and LOST in error
        assert [code for code, *_ in Pair([*argv, "--run", run]).end()] == [0, 0]
        one, other = last_arrays(tmp_path / run), last_arrays(tmp_path / "two")
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
    # What two processes began, one goes on with, on one device.
    Pair([*argv, "--run", "fewer"], {1: {3: "kill"}}).end()
    assert start(*argv, "--run", "fewer", at={-1: "no-tensorflow", -2: "no-report"}).wait() == 0
    assert furthest(tmp_path / "one", tmp_path / "fewer") < 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("on_jax")
def test_weights_from_keras_global_generator_are_those_of_one_process(argv, tmp_path):
    argv += ["--model", "short", "--stages", "32", "1", "--drop-path", "0.2"]
    alone = start(*argv, "--run", "one", at={-1: "no-tensorflow", -2: "no-report"})
    assert alone.wait() == 0
    assert [code for code, *_ in Pair([*argv, "--run", "two"]).end()] == [0, 0]
    assert furthest(tmp_path / "one", tmp_path / "two") < 1e-5


@pytest.mark.slow
@pytest.mark.usefixtures("on_jax")
def test_one_that_is_told_to_stop_stops_both(argv, tmp_path):
    pair = Pair([*argv, "--run", "stopped", "--stages", "16", "500"])
    while not (tmp_path / "stopped" / "history.csv").exists():
        time.sleep(0.1)
    pair.both[1].send_signal(signal.SIGTERM)
    (code, said, _), (other, *_) = pair.end()
    assert (code, other) == (130, 130) and "stopped and saved" in said
