"""Who begins TLS too fast waits, and is heard in the end."""

from __future__ import annotations

import ssl
from http.client import HTTPSConnection
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread

from pandad import metrics
from pandad.api.port import listen
from pandad.api.turnstile import Turnstile
from pandad.api.x509.tls import GridContextFactory, GridFiles
from pandad.embedded.pki import SandboxPki
from pandad.limitsconfig import LimitsConfig

LIMITS = LimitsConfig(handshakes_per_s=2, handshakes_burst=3)
PATIENCE_S = 60


class Visitor:
    """A connection from an address. ``turns``: how often it was its turn."""

    def __init__(self, address: str) -> None:
        self.client, self.connected, self.turns = (address, 4711), True, 0

    def go_on(self) -> None:
        self.turns += 1


@pytest.fixture
def clock() -> Clock:
    """At 0."""
    return Clock()


@pytest.fixture
def turnstile(clock: Clock) -> Turnstile:
    """With two a second, and three at once."""
    return Turnstile(clock, LIMITS)


def came(turnstile: Turnstile, address: str, number: int) -> list[Visitor]:
    """So many from there, the first as many as may at once."""
    visitors = [Visitor(address) for _ in range(number)]
    for visitor in visitors:
        visitor.turns += turnstile.admits(visitor)
    return visitors


def turns(visitors: list[Visitor]) -> list[int]:
    """Of each."""
    return [visitor.turns for visitor in visitors]


def test_each_has_his_turn(clock: Clock, turnstile: Turnstile) -> None:
    """As many at once as may be, then one by one, in the order in which they came, each once; then there is room again."""
    visitors = came(turnstile, "10.0.0.1", 6)
    assert turns(visitors) == [1, 1, 1, 0, 0, 0]
    clock.advance(0.45)
    assert sum(turns(visitors)) == 3
    for ready in (4, 5, 6):
        clock.advance(0.5)
        assert turns(visitors) == [1] * ready + [0] * (6 - ready)
    clock.advance(100)
    assert turns(visitors) == [1] * 6 and clock.getDelayedCalls() == [] and turnstile._waiting == {}
    assert sum(turns(came(turnstile, "10.0.0.1", 6))) == 3


def test_who_comes_later_does_not_go_first(clock: Clock, turnstile: Turnstile) -> None:
    """A newcomer takes no turn of one who waits."""
    first = came(turnstile, "10.0.0.1", 5)
    clock.advance(0.6)
    late = came(turnstile, "10.0.0.1", 1)
    clock.advance(0.5)
    assert (turns(first), turns(late)) == ([1] * 5, [0])


def test_an_address_waits_for_itself_only(turnstile: Turnstile) -> None:
    """Others are not behind it in the line; an IPv6 network is one address."""
    came(turnstile, "10.0.0.1", 100)
    assert turns(came(turnstile, "10.0.0.2", 3)) == [1, 1, 1]
    assert sum(turns([*came(turnstile, "2001:db8::1", 3), *came(turnstile, "2001:db8::2", 3)])) == 3


def test_who_left_takes_no_turn(clock: Clock, turnstile: Turnstile) -> None:
    """The next one has it."""
    visitors = came(turnstile, "10.0.0.1", 6)
    visitors[3].connected = visitors[4].connected = False
    clock.advance(0.51)
    assert turns(visitors) == [1, 1, 1, 0, 0, 1]


def test_other_limits(clock: Clock, turnstile: Turnstile) -> None:
    """They count from the next one on."""
    visitors = came(turnstile, "10.0.0.1", 20)
    turnstile.adopt(LimitsConfig(handshakes_per_s=1000, handshakes_burst=1000))
    clock.pump([0.51, 0.02])
    assert turns(visitors) == [1] * 20


@ensureDeferred
async def test_over_tls(api: Any, pki: SandboxPki, clock: Clock, turnstile: Turnstile) -> None:
    """Who waits is not heard, however long, and costs no handshake; when it is his turn he is answered as if nothing had been."""
    tls = GridContextFactory(GridFiles(pki.host_certificate, pki.host_key, pki.ca_directory))
    port = listen(reactor, 0, api.active.site, "127.0.0.1", tls, turnstile=turnstile)
    context = ssl.create_default_context(capath=str(pki.ca_directory))
    before = sum(metrics.HANDSHAKES_WAITED.values.values())

    def asked() -> bytes:
        link = HTTPSConnection("localhost", port.getHost().port, context=context, timeout=PATIENCE_S)
        link.request("GET", "/server/panda/isAlive")
        said = link.getresponse().read()
        link.close()
        return said

    calls: list[Deferred[bytes]] = [deferToThread(asked) for _ in range(5)]
    while sum(metrics.HANDSHAKES_WAITED.values.values()) < before + 2 or sum(call.called for call in calls) < 3:
        await deferLater(reactor, 0.01)
    await deferLater(reactor, 0.2)
    assert sum(call.called for call in calls) == 3
    clock.advance(5)
    assert await gatherResults(calls) == [b"alive=yes"] * 5
    await port.stopListening()
