"""A worker: one process that answers, and that ends without losing what has reached it."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import uvicorn

from fer_tf.errors import FerError
from fer_tf.service.application import create
from fer_tf.service.gate import Status
from fer_tf.service.logs import configure
from fer_tf.service.settings import Job

KEEP_ALIVE_S = 75
"""Seconds that a connection may be idle; longer than the 60 of common load balancers, which would
else send requests into connections that are just being closed."""
LAST_REQUEST_S = 1.0
"""Seconds that a connection has to bring its last request, as the service ends."""


class DrainingServer(uvicorn.Server):
    """Ends only when all is answered that has reached it, and what clients were just sending.

    uvicorn closes idle connections at once, and with its socket the connections that wait to be
    accepted: their clients would get no answer. Here they have a second to bring a request, and
    every answer says that the connection is closed after it.

    Args:
        config: uvicorn's.
        status: is told that the end has begun.
        ready: is called when requests are taken.
    """

    def __init__(self, config: uvicorn.Config, status: Status, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._status, self._ready = status, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, later."""
        loop = asyncio.get_running_loop()
        self._status.draining = True
        waiting = [each for listener in sockets or [] for each in _waiting(listener)]
        for server in self.servers:
            server.close()
        for connection in waiting:
            await loop.connect_accepted_socket(self._protocol, connection)
        end = loop.time() + LAST_REQUEST_S
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """The connections that nobody has accepted yet."""
    accepted = []
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            accepted.append(connection)
    return accepted


def work(job: Job, listener: socket.socket, parent: Connection) -> None:
    """Answer requests until SIGTERM, or until the parent is no more.

    Args:
        job: what to answer with.
        listener: listens already; other workers may share it.
        parent: is sent None when requests are taken; its end ends this process, too.

    Raises:
        SystemExit: with code 2 after a sentence, what was asked for can't be used; else 0.
    """
    # Ctrl-C reaches all processes of a terminal: what to do then is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # uvicorn raises the signal again when it is done with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    configure(access=job.settings.access_log)
    try:
        gate = create(job)
    except FerError as error:
        print(f"fer_tf: {error}", file=sys.stderr)
        sys.exit(2)
    config = uvicorn.Config(
        gate,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        # Each request has this time of its own; what is longer is a fault.
        timeout_graceful_shutdown=math.ceil(job.settings.timeout_s) + 5,
    )
    server = DrainingServer(config, gate.status, lambda: parent.send(None))

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            parent.recv()
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run(sockets=[listener])
