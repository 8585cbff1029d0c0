"""The command of the service: its flags, its keys, and what it says before it starts."""

from __future__ import annotations

import importlib.util
import logging
import signal
import socket

import pytest

from fer_tf import cli, serve
from fer_tf.errors import FerError
from fer_tf.service import supervisor
from fer_tf.service.settings import Job, Settings


@pytest.fixture(autouse=True)
def as_before():
    """What the command changes of its process."""
    handler, root = signal.getsignal(signal.SIGTERM), logging.getLogger()
    handlers = [*root.handlers]
    yield
    signal.signal(signal.SIGTERM, handler)
    root.handlers[:] = handlers


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "70000"], "--port 70000: expected 0 to 65535"),
        (["--workers", "0"], "--workers 0: expected 1 to 64"),
        (["--max-body-mb", "0"], "--max-body-mb 0: expected 1 to 1024"),
        (["--max-megapixels", "68"], "--max-megapixels 68: expected 1 to 67"),
        (["--timeout-s", "nan"], "--timeout-s nan: expected 0.1 to 3600"),
        (["--batch-ms", "-1"], "--batch-ms -1: expected 0 to 1000"),
        (["--min-certainty", "2"], "--min-certainty 2: expected 0 to 1"),
        (["--host", "no.such.name.invalid"], "can't be listened on"),
        (["--host", "x" * 70], "can't be listened on"),
    ],
)
def test_refuses_flags_in_a_sentence(flags, told, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.run(lambda: serve.main(["--port", "0", *flags]))
    error = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2 and told in error[-1]


@pytest.mark.parametrize("module", serve.PACKAGES)
def test_names_the_missing_package_and_the_extra(monkeypatch, module):
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == module else there(name)
    )
    told = rf'serve: needs {serve.PACKAGES[module]}, which is not .*\[serve\]"` adds it'
    with pytest.raises(FerError, match=told):
        serve.main([])


def test_keys_come_from_the_environment(monkeypatch):
    monkeypatch.delenv(serve.KEYS, raising=False)
    assert serve.given_keys() == ()
    monkeypatch.setenv(serve.KEYS, "one, two words,")
    assert serve.given_keys() == ("one", "two words")
    monkeypatch.setenv(serve.KEYS, " ,")
    with pytest.raises(FerError, match="FER_TF_API_KEY: is empty, expected a key"):
        serve.given_keys()
    monkeypatch.setenv(serve.KEYS, "one,schlüssel")
    with pytest.raises(FerError, match=r"FER_TF_API_KEY: holds letters .*, expected ASCII"):
        serve.given_keys()


def test_ctrl_c_is_no_signal_to_a_worker_from_its_first_moment_on(monkeypatch):
    heard = []
    monkeypatch.setattr(
        "multiprocessing.context.SpawnProcess.start",
        lambda process: heard.append(signal.getsignal(signal.SIGINT)),
    )
    before = signal.getsignal(signal.SIGINT)
    supervisor.Supervisor(Job(), None, lambda: None)._started()
    assert heard == [signal.SIG_IGN] and signal.getsignal(signal.SIGINT) is before


def test_keys_are_not_shown_with_a_task():
    assert "secret" not in repr(Job(Settings(), keys=("secret",)))


@pytest.mark.parametrize(
    ("host", "key", "warned"),
    [("0.0.0.0", "", True), ("0.0.0.0", "k", False), ("127.0.0.1", "", False)],
)
def test_warns_of_other_machines_without_a_key(monkeypatch, capsys, host, key, warned):
    monkeypatch.setenv(serve.KEYS, key) if key else monkeypatch.delenv(serve.KEYS, raising=False)
    monkeypatch.setattr(supervisor.Supervisor, "run", lambda self: self._ready())
    serve.main(["--host", host, "--port", "0"])
    said = capsys.readouterr()
    assert said.out.startswith(f"http://{host}:") and said.out.endswith("/ (Ctrl-C ends it)\n")
    assert ("lets other machines use this service, without a key" in said.err) == warned


def test_several_workers_need_a_folder_for_their_counters(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    with pytest.raises(FerError, match="--workers 2: no folder for what they count can be made"):
        serve.main(["--port", "0", "--workers", "2"])


def test_a_bracketed_address_is_printed_for_ipv6(monkeypatch, capsys):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    monkeypatch.setattr(supervisor.Supervisor, "run", lambda self: self._ready())
    try:
        serve.main(["--host", "::1", "--port", "0"])
    except FerError:
        pytest.skip("no IPv6 address here")
    assert capsys.readouterr().out.startswith("http://[::1]:")
