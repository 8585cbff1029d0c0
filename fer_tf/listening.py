"""Where a server of this package listens, and who can reach it there."""

from __future__ import annotations

import ipaddress
import socket

from fer_tf.errors import FerError, reason


def listening(host: str, port: int) -> socket.socket:
    """A TCP socket that listens, and whose connections send at once what is written to them.

    asyncio asks for that only where a socket names its protocol, which `socket.create_server`'s do
    not. Without it the body of an answer waits until the client acknowledges the head: 40 ms on
    Linux. Connections inherit the option from what listens.

    Args:
        host: an address or a name of this machine.
        port: 0 is a free one.

    Raises:
        FerError: the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        raise occupied(host, port, error) from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def occupied(host: str, port: int, error: Exception) -> FerError:
    """The sentence about an address that can't be listened on, and why."""
    # What Python adds in brackets names the address once more.
    why = reason(error).partition(" (while ")[0]
    return FerError(
        f"--host {host} --port {port}: can't be listened on: {why}; expected an address of this "
        "machine and a free port"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
