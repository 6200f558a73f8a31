"""Loops for issuers that come and go."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from pandad.daemons.keyloops import KeyLoops

PERIOD_S = 10


class Issuer:
    """Counts its rounds."""

    def __init__(self, address: str) -> None:
        self.address, self.rounds = address, 0
        self.wake: Callable[[], None] = lambda: None

    async def run_once(self) -> bool:
        """See KeySource."""
        self.rounds += 1
        return False


def test_issuers_come_and_go() -> None:
    """Each that is followed has its rounds, from when it came until it goes; those that stay go on undisturbed."""
    clock, stays, goes, comes = Clock(), Issuer("a"), Issuer("b"), Issuer("c")
    loops = KeyLoops(clock, PERIOD_S)
    loops.follow([stays, goes])
    assert (stays.rounds, goes.rounds) == (0, 0)
    loops.startService()
    loops.follow([stays, comes])
    assert [each.rounds for each in (stays, goes, comes)] == [1, 1, 1]
    clock.pump([1] * (2 * PERIOD_S))
    assert min(stays.rounds, comes.rounds) > 1 and goes.rounds == 1
    before = comes.rounds
    comes.wake()
    clock.advance(1)
    assert comes.rounds > before
    loops.stopService()
    clock.pump([1] * (2 * PERIOD_S))
    assert clock.getDelayedCalls() == []
