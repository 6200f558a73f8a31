"""The listening end: TCP and TLS connections that do for a call no more than it needs."""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import classImplements, implementedBy

BACKLOG = 1024  # pilots come in bursts, and who is turned away at the door comes back only after a second or more


class PromptServer(tcp.Server):
    """A TCP connection that sends what is written at once. Twisted's own has the reactor ask first whether the socket takes it,
    and it always does: two system calls and a turn of the reactor, which cost as much as a small request."""

    def write(self, data: bytes) -> None:
        """As ITransport. What the socket does not take waits for the reactor; and errors are left for the reactor to find."""
        if data and self.connected and not (self.dataBuffer or self._tempDataBuffer or self._writeDisconnected):
            sent = self.writeSomeData(data)
            if isinstance(sent, int):
                data = data[sent:]
        if data:
            super().write(data)


class PromptPort(tcp.Port):
    """A listening port of such connections."""

    transport = PromptServer


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
    reactor: Any, port: int, factory: IProtocolFactory, interface: str, tls: IOpenSSLServerConnectionCreator | None = None
) -> PromptPort:
    """As IReactorTCP.listenTCP, with TLS if `tls` is given.

    :raise CannotListenError: somebody else has the port.
    """
    below = factory if tls is None else LeanTlsFactory(tls, False, factory, reactor)
    listening = PromptPort(port, below, BACKLOG, interface, reactor)
    listening.startListening()
    return listening
