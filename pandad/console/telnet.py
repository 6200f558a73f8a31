"""The console over telnet: in the clear, so on a loopback address alone, for the accounts that may use the socket, and to look
only."""

from __future__ import annotations

from typing import Any

from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.telnet import TelnetBootstrapProtocol, TelnetTransport
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from pandad.console import whose
from pandad.console.desk import Desk
from pandad.console.policy import Peer, Rank, Way
from pandad.console.terminal import Terminal
from pandad.spec.errors import Forbidden


def factory(reactor: Any, desk: Desk) -> Factory:
    """Of the connections."""

    def let_in(transport: Any) -> Peer:
        theirs, ours = transport.getPeer(), transport.getHost()
        peer = Peer(Way.TELNET, Rank.READER, "somebody", "of no socket on this host", theirs.host)
        try:
            peer = whose.of_loopback((theirs.host, theirs.port), (ours.host, ours.port))
            whose.check(peer, whose.uid_of(peer))
        except Forbidden as refusal:
            Deferred.fromCoroutine(desk.refused(peer, str(refusal)))
            raise
        return peer

    def connection() -> TelnetTransport:
        return TelnetTransport(TelnetBootstrapProtocol, ServerProtocol, Terminal, reactor, desk, let_in)

    return Factory.forProtocol(connection)
