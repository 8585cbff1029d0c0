"""The service as it is started: real processes, real sockets, real signals."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter

import pytest
from running import PHOTO, Running, eventually, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


KEY = {"X-API-Key": "open sesame"}
DEATH = "a worker ended, another one takes its place"


@pytest.fixture(scope="module")
def pair():
    """Two workers, of which a key is asked."""
    with running("--workers", "2", FER_TF_API_KEY="open sesame") as service:
        yield service


def serve(*flags: str) -> subprocess.CompletedProcess[str]:
    """The command, which ends by itself."""
    command = [sys.executable, "-m", "fer_tf.serve", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def children(process: int) -> list[int]:
    """Of a process, those that are workers."""
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(child) for child in file.read().split() if "spawn_main" in command(int(child))]


def command(process: int) -> str:
    with open(f"/proc/{process}/cmdline") as file:
        return file.read()


class Load:
    """Clients that ask without a pause, each over one connection that it keeps.

    Attributes:
        answers: how often which status came.
        lost: what else became of a request that had been sent.
        refused: connections that nobody accepted.
    """

    def __init__(self, service: Running, clients: int, **headers: str) -> None:
        self.service, self.headers = service, headers
        self.answers: Counter[int] = Counter()
        self.lost: list[str] = []
        self.refused = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        eventually(lambda: sum(self.answers.values()) >= 2 * len(self._threads))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        while not self._stop.is_set():
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                self.refused += 1
                return
            try:
                headers = {"Content-Type": "image/jpeg", **self.headers}
                connection.request("POST", "/v1/analyze", PHOTO, headers)
                answer = connection.getresponse()
                assert "detail" in json.loads(answer.read()) or answer.status == 200
                self.answers[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                connection.close()
        connection.close()


def test_a_key_is_asked_for_work_and_numbers(pair):
    assert pair.analyze()[0] == 401
    assert pair.ask("GET", "/metrics")[0] == 401
    assert pair.analyze(Authorization="Bearer open")[0] == 401
    assert pair.analyze(**KEY)[0] == 200
    assert pair.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert pair.ask("HEAD", "/readyz")[0] == 200


def test_a_refusal_reaches_a_client_that_closes_the_connection_after_it(pair):
    # As urllib does, and nginx in its default settings; more than the sockets' buffers hold.
    body = bytes(50_000_000)
    assert pair.analyze(body, Connection="close")[0] == 401
    assert pair.analyze(body, Connection="close", **KEY)[0] == 413


def test_a_killed_worker_costs_its_requests_alone_and_another_takes_its_place(pair):
    before = children(pair.process.pid)
    with Load(pair, 6, **KEY) as load:
        asked = sum(load.answers.values())
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: pair.logged(DEATH))
        until = sum(load.answers.values()) + 12
        eventually(lambda: sum(load.answers.values()) > until)
    assert set(load.answers) == {200} and load.answers[200] > asked and not load.refused
    # Of six clients, those that the killed worker had lose one request each.
    assert len(load.lost) <= 6
    (died,) = pair.logged(DEATH)
    assert died["worker"] == before[0] and died["exit_code"] == -signal.SIGKILL
    eventually(lambda: len(children(pair.process.pid)) == 2)
    assert before[1] in children(pair.process.pid)


def test_workers_count_together(pair):
    def counted() -> int:
        _, page = pair.ask("GET", "/metrics", **KEY)
        rows = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
        assert float(rows["fer_tf_requests_under_way"]) == 0
        return int(float(rows["fer_tf_pictures_total"]))

    alive = set(children(pair.process.pid))
    eventually(lambda: pair.analyze(**KEY)[0] == 200 and alive <= set(pair.workers()))
    # Whichever worker tells it, it is of both, and of the one that died.
    assert len({counted() for _ in range(8)}) == 1
    lines = pair.logged("request")
    answered = [line for line in lines if (line["path"], line["status"]) == ("/v1/analyze", 200)]
    assert counted() >= len(answered) > 0


def test_sigterm_under_load_loses_nothing(pair):
    with Load(pair, 6, **KEY) as load:
        pair.process.terminate()
        assert pair.process.wait(timeout=60) == 0
    assert not load.lost and set(load.answers) == {200}
    assert load.refused
    assert not [line for line in pair.errors if "Traceback" in line]


def test_workers_end_with_a_supervisor_that_was_killed():
    with running() as service:
        (worker,) = children(service.process.pid)
        service.process.kill()
    eventually(lambda: not os.path.exists(f"/proc/{worker}"))


def test_ctrl_c_ends_it_with_130_and_without_a_log_there_is_none():
    with running("--no-access-log") as service:
        assert service.analyze()[0] == 200
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(timeout=60) == 130
    assert service.errors == []


def test_what_a_worker_cannot_use_is_one_sentence():
    done = serve("--port", "0", "--workers", "2", "--model", "absent.tflite")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("fer_tf: absent.tflite: ") and done.stderr.count("\n") == 1


def test_a_busy_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        done = serve("--port", port)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"--port {port}: can't be listened on" in done.stderr
