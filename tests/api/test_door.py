"""How many connections are open, and who makes room."""

from __future__ import annotations

import resource
import ssl
from http.client import HTTPSConnection
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.api.door import LOOKED_AT, OWN_DESCRIPTORS, Door, room_for
from pandad.api.port import listen
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.embedded.pki import SandboxPki

ALIVE = b"GET /server/panda/isAlive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
GET_JOB, ALICE, BOB, PILOT = b"getJob", b"/CN=alice", b"/CN=bob", b"/CN=pilot\r\nx-roles: pilot"
SLOW = 40
PATIENCE_S = 30


class Visitor:
    """A connection from an address."""

    def __init__(self, address: str, is_busy: bool = False) -> None:
        self.client = (address, 4711)
        self.is_busy, self.aborted = is_busy, False

    def abortConnection(self) -> None:
        self.aborted = True


def entered(door: Door, *visitors: Visitor) -> None:
    for visitor in visitors:
        assert door.admits(visitor.client[0])
        door.enter(visitor)


def test_the_oldest_idle_one_makes_room() -> None:
    """When there are as many as may be, the newcomer takes the place of the one that has idled longest, and of no busy one."""
    door = Door(most=3)
    busy, first, second, last = (Visitor("a", is_busy=busy) for busy in (True, False, False, False))
    entered(door, busy, first, second, last)
    assert [v.aborted for v in (busy, first, second, last)] == [False, True, False, False]
    assert len(door) == 3
    door.leave(first)  # its loss is heard of later
    assert len(door) == 3


def test_an_address_only_harms_itself() -> None:
    """Who fills what one address may have displaces his own connections, not those of others."""
    door = Door(most=100, most_per_address=5)
    honest = Visitor("10.0.0.1")
    greedy = [Visitor("10.0.0.2") for _ in range(50)]
    entered(door, honest, *greedy)
    assert not honest.aborted
    assert [v.aborted for v in greedy] == [True] * 45 + [False] * 5


def test_an_identity_only_harms_itself() -> None:
    """Who has as many connections as one identity may have loses his own oldest idle one for the next, from wherever they come;
    if calls are under way on all of them, the next one is not for him."""
    door = Door(most_per_identity=3)
    visitors = [Visitor(f"10.0.0.{n}") for n in range(6)]
    entered(door, *visitors)
    assert all(door.belongs(visitor, "alice") for visitor in visitors[:4])
    assert [v.aborted for v in visitors] == [True] + [False] * 5
    assert door.belongs(visitors[4], "bob") and not visitors[1].aborted
    for visitor in visitors:
        visitor.is_busy = True
    assert not door.belongs(visitors[5], "alice")
    assert door.belongs(visitors[1], "alice")
    door.leave(visitors[1])
    assert door.belongs(visitors[5], "alice")


def test_a_connection_of_several() -> None:
    """A connection is whose the last call was: a proxy may send everybody's over one."""
    door = Door(most_per_identity=1)
    visitor = Visitor("10.0.0.1", is_busy=True)
    entered(door, visitor)
    assert all(door.belongs(visitor, who) for who in ("alice", "bob", "alice"))
    assert list(door._by_identity) == ["alice"]


def test_all_busy() -> None:
    """Where nobody idles, the newcomer is turned away; when somebody has left, the next one is not."""
    door = Door(most=LOOKED_AT + 1)
    visitors = [Visitor("a", is_busy=True) for _ in range(LOOKED_AT + 1)]
    entered(door, *visitors)
    assert not door.admits("b")
    door.leave(visitors[0])
    assert door.admits("b")


def test_nothing_is_left() -> None:
    """Addresses that have gone are forgotten."""
    door = Door()
    visitors = [Visitor(f"10.0.0.{n}") for n in range(200)]
    entered(door, *visitors)
    for number, visitor in enumerate(visitors):
        door.belongs(visitor, number % 3)
    for visitor in visitors:
        door.leave(visitor)
    assert not any((len(door), door._by_address, door._by_identity, door._whose))


def test_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many connections as there can be descriptors for, some left for the database and files."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1024))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    asked: list[Any] = []
    assert room_for(500) == 500
    assert room_for(10_000) == 1024 - OWN_DESCRIPTORS
    assert asked == [(500 + OWN_DESCRIPTORS, 1024), (1024, 1024)]


class Client(Protocol):
    """Says something, hears until the end."""

    def __init__(self, words: bytes) -> None:
        self.words, self.heard = words, b""
        self.begun: Deferred[None] = Deferred()
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.words)
        self.begun.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.ended.callback(self.heard)


async def connected(port: Any, words: bytes) -> Client:
    from twisted.internet.endpoints import HostnameEndpoint, connectProtocol

    client = Client(words)
    await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
    await client.begun
    return client


@ensureDeferred
async def test_connections_of_one_identity(api: Any) -> None:
    """The calls of a user beyond what he may have open at a time are refused with the reason and the number, and those of his
    pilots' reports never; who has a role is not counted so."""
    api.dispatcher.gate = api.heartbeat.gate = Deferred()
    door = Door(most_per_identity=2)
    port = listen(reactor, 0, api.active.site, "127.0.0.1", door=door)

    async def asks(who: bytes, path: bytes = GET_JOB, body: bytes = b"siteName=Q") -> Client:
        client = await connected(port, b"POST /server/panda/%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-dn: %b\r\n"
                                 b"Content-Length: %d\r\n\r\n%b" % (path, who, len(body), body))
        heard = api.dispatcher.asked, api.heartbeat.asked
        before = list(map(len, heard))
        while not client.ended.called and before == list(map(len, heard)):
            await deferLater(reactor, 0)
        return client

    waiting = [await asks(ALICE) for _ in range(2)]
    assert b"StatusCode=20" in await (await asks(ALICE)).ended
    refused = await (await asks(ALICE, b"getAttr", b"")).ended
    assert refused.startswith(b"HTTP/1.1 429") and b"alice has more than 2 connections" in refused
    waiting.append(await asks(ALICE, b"updateJob", b"jobId=1&state=finished"))
    waiting += [await asks(BOB), *[await asks(PILOT) for _ in range(3)]]
    assert not any(client.ended.called for client in waiting)
    api.dispatcher.gate.callback(None)
    for client in waiting:
        assert (await client.ended).startswith(b"HTTP/1.1 200")
    await port.stopListening()


@ensureDeferred
async def test_connections_of_one_identity_over_tls(api: Any, pki: SandboxPki) -> None:
    """Those that are kept and idle count too: the oldest goes when there is one too many, and the others stay."""
    tls = GridContextFactory(GridFiles(pki.host_certificate, pki.host_key, pki.ca_directory))
    port = listen(reactor, 0, api.active.site, "127.0.0.1", tls, Door(most_per_identity=2))
    context = ssl.create_default_context(capath=str(pki.ca_directory))
    links = [HTTPSConnection("localhost", port.getHost().port, context=context, timeout=PATIENCE_S) for _ in range(3)]

    def ask(link: HTTPSConnection) -> int:
        link.request("GET", "/server/panda/getAttr", headers={"x-dn": ALICE.decode()})
        answer = link.getresponse()
        answer.read()
        return answer.status

    def all_of_them() -> None:
        assert [ask(link) for link in links] == [200] * 3
        assert [ask(link) for link in links[1:]] == [200] * 2
        with pytest.raises(OSError):  # last: Python 3.13 takes its reset for one of the connection that is read next
            ask(links[0])
        for link in links:
            link.close()

    await deferToThread(all_of_them)
    await port.stopListening()


@ensureDeferred
async def test_slow_ones_keep_nobody_out(api: Any) -> None:
    """While slow clients hold more connections than may be open, whoever has something to say is answered."""
    door = Door(most=SLOW // 2, most_per_address=SLOW // 4)
    port = listen(reactor, 0, api.passive.site, "127.0.0.1", door=door)
    slow = [await connected(port, b"GET /server/panda/isAlive HTTP/1.1\r\nx-slow: ") for _ in range(SLOW)]
    for _ in range(5):
        pilot = await connected(port, ALIVE)
        assert (await pilot.ended).endswith(b"alive=yes")
    assert len(door) <= SLOW // 4
    for client in slow:
        assert client.transport is not None
        client.transport.loseConnection()
        await client.ended
    await port.stopListening()
    await deferToThread(lambda: None)  # a turn, in which the port hears of the last ends
    assert len(door) == 0
