"""A pooler that lends connections by the transaction, as small as can be: two servers for each client, which take turns."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol

reactor: Any = installed
READY, IDLE = b"Z", b"I"


class _Server(Protocol):
    """One of the two, for one client."""

    def __init__(self, client: _Client) -> None:
        self._client, self._buffer = client, b""
        self.loud = False  # what it says goes to the client

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._client.startup)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 5 and len(self._buffer) > (length := struct.unpack("!i", self._buffer[1:5])[0]):
            message, self._buffer = self._buffer[:length + 1], self._buffer[length + 1:]
            self._client.heard(self, message)


class _Client(Protocol):
    """A program that takes this for PostgreSQL."""

    def __init__(self, socket: str) -> None:
        self._socket, self.startup = socket, b""
        self._servers: list[_Server] = []
        self._turn, self._status, self._greeted = 0, IDLE, 0

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        if self.startup:
            if self._status == IDLE:
                self._turn = 1 - self._turn
            server = self._servers[self._turn]
            assert server.transport is not None
            server.loud = True
            server.transport.write(data)
        elif len(data) == 8:  # whether it speaks TLS, or GSSAPI
            self.transport.write(b"N")
        else:
            self.startup = data
            self._servers = [_Server(self), _Server(self)]
            self._servers[0].loud = True
            for server in self._servers:
                connectProtocol(UNIXClientEndpoint(reactor, self._socket), server)

    def heard(self, server: _Server, message: bytes) -> None:
        """From a server; both greet, and the client hears one of them."""
        assert self.transport is not None
        if message[:1] == READY:
            self._status = message[5:6]
            self._greeted += 1
            if self._greeted == 1:
                self._late = message
                server.loud = False
                return
            if self._greeted == 2:
                self.transport.write(self._late)
                server.loud = False
                return
        if server.loud:
            self.transport.write(message)

    def connectionLost(self, reason: object = None) -> None:
        for server in self._servers:
            if server.transport is not None:
                server.transport.loseConnection()


class Pooler(Factory):
    """For the PostgreSQL whose directory this is."""

    def __init__(self, directory: Path) -> None:
        self._socket = str(directory / "socket" / ".s.PGSQL.5432")

    def buildProtocol(self, address: object) -> _Client:
        return _Client(self._socket)
