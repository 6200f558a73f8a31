"""A desk on a store, loops that tests steer, and people at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from whys import Whys

from pandad.console import room
from pandad.console.desk import Desk, Outcome
from pandad.console.policy import Peer, Rank, Way
from pandad.console.verb import Bench
from pandad.daemons.loop import Loop
from pandad.taskbuffer import audit
from pandad.taskbuffer.store import Store

OPERATOR = Peer(Way.SOCKET, Rank.OPERATOR, "olga", "uid 7, pid 1", "here")
READER = Peer(Way.SSH, Rank.READER, "SHA256:abc", "SSH key", "192.0.2.7")
SOMEBODY_ON_TELNET = Peer(Way.TELNET, Rank.READER, "olga", "uid 7", "here")
DEADLINE_S = 30.0

assert room.VERBS_OF  # the verbs are declared


@dataclass
class Office:
    """The desk and what stands around it; ``complaints`` and ``problems`` are a test's to fill."""

    desk: Desk
    clock: Clock
    stage: Stage
    complaints: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    rounds: list[str] = field(default_factory=list)
    reloads: int = 0

    async def run(self) -> Mapping[str, str]:
        """As daemons.reload.Reload."""
        self.reloads += 1
        return self.problems

    async def said(self, line: str, peer: Peer = OPERATOR) -> Outcome:
        """What the desk says to a line."""
        return await self.desk.perform(peer, line)

    async def done(self, line: str, peer: Peer = OPERATOR) -> Any:
        """The data of an answer to a line that is done."""
        outcome = await self.said(line, peer)
        assert outcome.good, outcome.answer.text
        return outcome.answer.data

    async def refused(self, line: str, peer: Peer = OPERATOR) -> str:
        """The sentence to a line that is not."""
        outcome = await self.said(line, peer)
        assert not outcome.good
        return outcome.answer.text

    async def audited(self, at_least: int = 0) -> list[tuple[str, str, str, str]]:
        """Who, from where, act and target, the oldest first; once there are so many."""
        found = await self.stage.store.read("test_audit", audit.show, None, None, None, 1, 1000)
        while len(found) < at_least:
            found = await self.stage.store.read("test_audit", audit.show, None, None, None, 1, 1000)
        return [(e.who, e.host, e.act, e.target) for e in reversed(found)]


def an_office(store: Store) -> Office:
    """With two loops that note their rounds."""
    clock = Clock()
    made = Office(None, clock, Stage(store))  # type: ignore[arg-type]  # a moment later

    def body(name: str) -> Any:
        async def one() -> bool:
            made.rounds.append(name)
            if name == "broken":
                raise ValueError("a mistake")
            return False

        return one

    async def complaints() -> Sequence[str]:
        return made.complaints

    loops = [Loop(clock, name, 60.0, body(name)) for name in ("brokerage", "broken")]
    whys = Whys(store)
    bench = Bench(store=store, loops=loops, reasons=whys.explain, queues=whys.queues, holder="here:1:abc",
                  complaints=complaints, reload=made, seconds=clock.seconds)
    made.desk = Desk(clock, bench, DEADLINE_S)
    return made


@async_yield_fixture
async def office(store: Store) -> AsyncIterator[Office]:
    """On a real store; the loops run."""
    made = an_office(store)
    for loop in made.desk.bench.loops:
        loop.startService()
    yield made
    for loop in made.desk.bench.loops:
        await _ended(loop)


async def _ended(loop: Loop) -> None:
    stopped = loop.stopService()
    if isinstance(stopped, Deferred):
        await stopped


@pytest.fixture
def real_reactor() -> Any:
    """For ways that go over sockets."""
    return reactor
