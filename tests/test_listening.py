"""The sockets of the servers."""

from __future__ import annotations

import socket

import pytest

from fer_tf.errors import FerError
from fer_tf.listening import is_loopback, listening


def test_connections_do_not_hold_back_what_is_written():
    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_says_why_an_address_cannot_be_listened_on():
    with listening("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(FerError, match=r"listened on: .*[aA]ddress already in use; expected"):
            listening("127.0.0.1", port)


def test_it_knows_which_addresses_are_this_machines_alone():
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.168.1.2", "::", "example.org")))
