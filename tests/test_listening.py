"""The sockets of the servers."""

from __future__ import annotations

import socket

from fer_tf.listening import listening


def test_connections_do_not_hold_back_what_is_written():
    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
