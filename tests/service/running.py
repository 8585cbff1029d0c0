"""The service as a process of its own, and clients of it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

FILES = resources.files("fer_tf") / "demo_files"
PHOTO = (FILES / "drawn.jpg").read_bytes()


@dataclass
class Running:
    """A service that runs.

    Attributes:
        process: the supervisor.
        port: at which it listens.
        errors: the lines of its standard error.
    """

    process: subprocess.Popen[str]
    port: int
    errors: list[str] = field(default_factory=list)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and body of an answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            text = answer.read()
            kind = answer.headers.get("content-type", "")
            return answer.status, json.loads(text) if text and "json" in kind else text.decode()
        finally:
            connection.close()

    def analyze(self, body: bytes = PHOTO, **headers: str) -> tuple[int, Any]:
        """The answer for a picture."""
        return self.ask("POST", "/v1/analyze", body, Content_Type="image/jpeg", **headers)

    def workers(self) -> list[int]:
        """The process numbers of the workers, from the log of their requests."""
        return sorted({line["process"] for line in self.logged("request")})

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log with an event."""
        lines = [json.loads(line) for line in self.errors if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it never did.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.02)


@contextmanager
def running(*flags: str, **environment: str) -> Iterator[Running]:
    """A service at a free port; it is killed in the end, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fer_tf.serve", "--port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None and process.stderr is not None
    service = Running(process, 0)
    reader = threading.Thread(target=lambda: service.errors.extend(process.stderr or ()))
    reader.start()
    try:
        said = process.stdout.readline()
        service.port = int(said.rpartition(":")[2].partition("/")[0])
        yield service
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
