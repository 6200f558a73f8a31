"""The listening end: TCP and TLS connections that do for a call no more than it needs."""

from __future__ import annotations

import socket
from collections.abc import Hashable
from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import classImplements, implementedBy, implementer

from pandad import metrics
from pandad.api.channel import is_answering
from pandad.api.door import Door
from pandad.api.errors import TooManyConnections
from pandad.api.patience import Stall
from pandad.api.turnstile import Turnstile

BACKLOG = 1024  # pilots come in bursts, and who is turned away at the door comes back only after a second or more


class PromptServer(tcp.Server):
    """A TCP connection that sends what is written at once. Twisted's own has the reactor ask first whether the socket takes it,
    and it always does: two system calls and a turn of the reactor, which cost as much as a small request.

    Who does not take what is sent is hung up on; see patience.Stall."""

    _stall: Stall | None = None
    _held = False  # until it is its turn
    _taken_bytes = 0  # by a socket that did not take all at once

    reactor: Any

    def __init__(self, sock: Any, protocol: Any, client: Any, server: Any, sessionno: Any, reactor: Any) -> None:
        super().__init__(sock, protocol, client, server, sessionno, reactor)
        self._door: Door = server.door
        self._door.enter(self)
        if server.turnstile is not None and not server.turnstile.admits(self):
            self._held = True
            self.stopReading()

    def startReading(self) -> None:
        """Hear what comes, if it is this one's turn."""
        if not self._held:
            super().startReading()

    def go_on(self) -> None:
        """See turnstile.Comer."""
        self._held = False
        self.startReading()

    def belongs_to(self, who: Hashable, name: str) -> None:
        """A call of somebody came by this.

        :raise TooManyConnections: he has too many.
        """
        if not self._door.belongs(self, who):
            raise TooManyConnections(name, self._door.most_per_identity)

    @property
    def is_busy(self) -> bool:
        """Whether something would be lost with it: a call under way, or a reply that is on its way."""
        return is_answering(self.protocol) or self._waits()

    def write(self, data: bytes) -> None:
        """As ITransport. What the socket does not take waits for the reactor; and errors are left for the reactor to find."""
        if data and self.connected and not (self.dataBuffer or self._tempDataBuffer or self._writeDisconnected):
            sent = super().writeSomeData(data)
            if isinstance(sent, int):
                data = data[sent:]
        if data:
            super().write(data)

    def writeSomeData(self, data: Any) -> Any:
        """What the reactor sends when the socket takes more."""
        sent = super().writeSomeData(data)
        if isinstance(sent, int):
            self._taken_bytes += sent
        return sent

    def startWriting(self) -> None:
        """Something was not taken at once."""
        super().startWriting()
        if self._stall is None:
            self._stall = Stall(self.reactor, lambda: self._taken_bytes, self._waits, self._give_up)
        self._stall.watch()

    def connectionLost(self, reason: Any) -> None:
        """See ITransport."""
        self._door.leave(self)
        if self._stall is not None:
            self._stall.end()
        super().connectionLost(reason)

    def _waits(self) -> bool:
        return bool(self.dataBuffer or self._tempDataBuffer)

    def _give_up(self) -> None:
        metrics.CONNECTIONS.add("stalled")
        self.abortConnection()


class PromptPort(tcp.Port):
    """A listening port of such connections."""

    transport = PromptServer

    def __init__(
        self, port: int, factory: Any, interface: str, reactor: Any, door: Door, turnstile: Turnstile | None,
    ) -> None:
        super().__init__(port, factory, BACKLOG, interface, reactor)
        self.door, self.turnstile = door, turnstile


@implementer(IProtocolFactory)
class Doorway:
    """Another factory, but for those who are not let in.

    :param doStart, doStop: see IProtocolFactory.
    """

    def __init__(self, door: Door, factory: Any) -> None:
        self._door, self._factory = door, factory
        self.doStart, self.doStop, self.logPrefix = factory.doStart, factory.doStop, factory.logPrefix

    def buildProtocol(self, addr: Any) -> Any:
        """See IProtocolFactory."""
        return self._factory.buildProtocol(addr) if self._door.admits(addr.host) else None


class LeanTls(TLSMemoryBIOProtocol):
    """TLS on such a connection. What it provides is known beforehand; Twisted's own finds that out for each connection, which
    takes a tenth of a handshake."""

    def makeConnection(self, transport: Any) -> None:
        """See IProtocol: all that the inherited one does, but for the interfaces."""
        self._tlsConnection = self.factory._creatorCallable(self)
        self._appSendBuffer: list[bytes] = []
        Protocol.makeConnection(self, transport)
        self.factory.registerProtocol(self)
        self.wrappedProtocol.makeConnection(self)
        self._checkHandshakeStatus()


classImplements(LeanTls, *implementedBy(PromptServer))  # type: ignore[misc]  # mypy takes no computed interfaces


class LeanTlsFactory(TLSMemoryBIOFactory):
    """Puts TLS under the protocols of another factory."""

    protocol = LeanTls


def listen(
    reactor: Any, port: int, factory: IProtocolFactory, interface: str, tls: IOpenSSLServerConnectionCreator | None = None,
    door: Door | None = None, ready: socket.socket | None = None, turnstile: Turnstile | None = None,
) -> PromptPort:
    """As IReactorTCP.listenTCP, with TLS if `tls` is given.

    :param door: lets connections in; one door may be that of several ports.
    :param ready: listens already, for whoever started this process: `port` and `interface` are then its, and who comes when this
        process is gone waits there for the next one.
    :param turnstile: says whose turn it is to be heard; None: everybody's.
    :raise CannotListenError: somebody else has the port.
    """
    door = Door() if door is None else door
    below = factory if tls is None else LeanTlsFactory(tls, False, factory, reactor)
    listening = PromptPort(port, Doorway(door, below), interface if ready is None else ready.getsockname()[0], reactor, door,
                           turnstile)
    listening._preexistingSocket = ready
    listening.startListening()
    return listening
