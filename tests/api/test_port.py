"""The listening end, over real sockets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from pandad.api import patience
from pandad.api.port import listen

PATIENCE_S = 30
LARGE = bytes(range(256)) * 80_000  # far more than a socket takes at once


class Talker(Protocol):
    """Does as told with the first that it hears, and says when its connection is lost."""

    def __init__(self, talk: Callable[[Any], None], lost: Deferred[None]) -> None:
        self._talk, self._lost = talk, lost

    def dataReceived(self, data: bytes) -> None:
        self._talk(self.transport)

    def connectionLost(self, reason: Any = None) -> None:
        self._lost.callback(None)


async def heard(talk: Callable[[Any], None], client: Callable[[socket.socket], bytes]) -> bytes:
    """What the client has when the server did that."""
    lost: Deferred[None] = Deferred()
    factory: Any = Factory()
    factory.buildProtocol = lambda address: Talker(talk, lost)
    port = listen(reactor, 0, factory, "127.0.0.1")

    def connect() -> bytes:
        with socket.create_connection(("127.0.0.1", port.getHost().port), timeout=PATIENCE_S) as connection:
            connection.sendall(b"go")
            return client(connection)

    got: bytes = await deferToThread(connect)
    await lost
    await port.stopListening()
    return got


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def hang_up_rudely(connection: socket.socket) -> bytes:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return b""


@ensureDeferred
async def test_more_than_the_socket_takes() -> None:
    """All that is written arrives, in its order, before the connection ends: what the socket did not take included."""

    def talk(transport: Any) -> None:
        transport.write(b"first")
        transport.write(LARGE)
        transport.write(b"")
        transport.writeSequence([b"a", b"b"])
        transport.write(b"last")
        transport.loseConnection()

    assert await heard(talk, read_to_the_end) == b"first" + LARGE + b"ablast"


@ensureDeferred
async def test_it_is_sent_at_once() -> None:
    """What is written has left when `write` returns, so that nothing that comes after it can keep it back."""

    def talk(transport: Any) -> None:
        transport.write(b"at once")
        transport.abortConnection()  # what waits for the reactor is dropped

    assert await heard(talk, lambda connection: connection.recv(100)) == b"at once"


@ensureDeferred
async def test_nobody_there_any_more() -> None:
    """Writing to somebody who is gone raises nothing; the protocol hears of the loss as ever."""

    gone: list[Any] = []

    def talk(transport: Any) -> None:
        gone.append(transport)
        for _ in range(3):
            transport.write(LARGE)

    await heard(talk, hang_up_rudely)
    gone[0].write(LARGE)


@ensureDeferred
async def test_taken_port() -> None:
    """A port that somebody else has is refused as by Twisted."""
    port = listen(reactor, 0, Factory.forProtocol(Protocol), "127.0.0.1")
    with pytest.raises(CannotListenError):
        listen(reactor, port.getHost().port, Factory.forProtocol(Protocol), "127.0.0.1")
    await port.stopListening()


@ensureDeferred
async def test_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has asked for much and takes none of it is hung up on."""
    monkeypatch.setattr(patience, "STALL_S", 0.05)
    lost: Deferred[None] = Deferred()
    factory: Any = Factory()
    factory.buildProtocol = lambda address: Talker(lambda transport: transport.write(LARGE), lost)
    port = listen(reactor, 0, factory, "127.0.0.1")
    with socket.create_connection(("127.0.0.1", port.getHost().port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"go")
        await lost
    await port.stopListening()
