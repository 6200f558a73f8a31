"""A sign of life is one: it comes while all loops get on, and only then."""

from __future__ import annotations

from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from pandad.daemons.loop import Loop
from pandad.daemons.watchdog import STUCK_S, Watchdog
from pandad.spec.errors import StoreUnavailable


def a_loop(clock: Clock, *results: Any) -> Loop:
    """With these results of its rounds, one after the other."""
    left = list(results)

    def body() -> Any:
        result = left.pop(0) if left else False
        if isinstance(result, Exception):
            raise result
        return result if isinstance(result, Deferred) else succeed(result)

    made = Loop(clock, "test", 10.0, body)
    made.startService()
    return made


@ensureDeferred
async def test_loops_that_fail_live() -> None:
    """An outage, and mistakes, are no reason to be killed: they come again."""
    clock, told = Clock(), list[str]()
    loop = a_loop(clock, StoreUnavailable("away"), ValueError("a mistake"), False)
    dog = Watchdog([loop], told.append)
    for _ in range(5):
        await dog.run_once()
        clock.advance(60.0)
    assert told == ["WATCHDOG=1"] * 5
    loop.stopService()


@ensureDeferred
async def test_a_round_without_an_end_is_death() -> None:
    """No sign any more, until the round is over after all."""
    clock, told = Clock(), list[str]()
    stuck: Deferred[bool] = Deferred()
    loop = a_loop(clock, stuck)
    dog = Watchdog([loop], told.append)
    clock.advance(STUCK_S - 1)
    await dog.run_once()
    clock.advance(2)
    await dog.run_once()
    await dog.run_once()
    assert told == ["WATCHDOG=1"]
    stuck.callback(False)
    await dog.run_once()
    assert told == ["WATCHDOG=1"] * 2
    loop.stopService()


@ensureDeferred
async def test_a_loop_that_ended_is_death() -> None:
    """One that is stopped is not dead, one that stopped by itself is."""
    clock, told = Clock(), list[str]()
    loop = a_loop(clock)
    dog = Watchdog([loop], told.append)
    loop.stopService()
    await dog.run_once()
    assert told == ["WATCHDOG=1"]
    loop.running = 1
    await dog.run_once()
    assert loop.has_died and told == ["WATCHDOG=1"]
