"""Of all processes on a database one runs a loop's body, and how it went is kept."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import AsyncIterator

import pytest
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.defer import ensureDeferred as ensure

from pandad.daemons.lease import Leases
from pandad.daemons.loop import Body
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer import loops
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction


class Process:
    """One of several processes with the same loop."""

    def __init__(self, store: Store, *, more: bool = False, error: Exception | None = None) -> None:
        self.runs = 0
        self.leases = Leases(store, 30.0)
        self.run: Body = self.leases.exclusive("broker", 1.0, self._body)
        self._more, self.error = more, error

    async def _body(self) -> bool:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return self._more


async def _awaited(body: Body) -> bool:
    return await body()


async def _age(txn: Transaction) -> None:
    await txn.run(Statement("test", "UPDATE loop SET leaseuntil = leaseuntil - interval '1 h'"))


async def state(store: Store) -> LoopState:
    """Of the one loop."""
    (found,) = await store.once("all", loops.find_all)
    return found


@async_yield_fixture
async def first(store: Store) -> AsyncIterator[Process]:
    """The process that holds the lease."""
    made = Process(store)
    await made.run()
    yield made


@ensureDeferred
async def test_one_process_runs(store: Store, first: Process) -> None:
    """While one process holds the lease it runs each time and another never does, which is no error and no work left."""
    second = Process(store, more=True)
    for _ in range(3):
        assert await second.run() is False
        assert await first.run() is False
    assert (first.runs, second.runs) == (4, 0)


@ensureDeferred
async def test_holders_are_told_apart(store: Store, first: Process) -> None:
    """Two starts in one process are two holders; the name says host and process for whoever looks for it."""
    second = Process(store)
    assert first.leases.holder != second.leases.holder
    assert (await state(store)).holder == first.leases.holder and len(first.leases.holder.split(":")) == 3


@ensureDeferred
async def test_more_work_is_passed_on(store: Store) -> None:
    """What the body says of more work reaches the loop."""
    assert await Process(store, more=True).run() is True


@ensureDeferred
async def test_takeover(store: Store, first: Process) -> None:
    """When the holder is silent past its lease another runs, and the old one no longer does."""
    second = Process(store)
    await store.once("age", _age)
    await second.run()
    await first.run()
    assert (first.runs, second.runs) == (1, 1) and (await state(store)).term == 2


@ensureDeferred
async def test_release_lets_another_run_at_once(store: Store, first: Process) -> None:
    """A process that stops in order leaves no pause behind."""
    second = Process(store)
    await first.leases.release()
    await second.run()
    assert second.runs == 1


async def _hold_as(txn: Transaction, holder: str) -> None:
    await txn.run(Statement("test", "UPDATE loop SET holder = %(holder)s"), holder=holder)


def _dead_pid() -> str:
    return subprocess.run(["sh", "-c", "echo $$"], capture_output=True, check=True, text=True).stdout.strip()


@ensureDeferred
async def test_a_dead_process_leaves_no_pause_behind(store: Store, first: Process) -> None:
    """What was killed on this host without giving its leases back is succeeded at once; who lives, or is elsewhere, is not."""
    second, here = Process(store), socket.gethostname()
    for holder in (f"{here}:{os.getpid()}:abcdef", f"elsewhere:{_dead_pid()}:abcdef"):
        await store.once("hold", _hold_as, holder)
        await second.leases.reclaim()
        await second.run()
        assert second.runs == 0
    await store.once("hold", _hold_as, f"{here}:{_dead_pid()}:abcdef")
    await second.leases.reclaim()
    await second.run()
    assert second.runs == 1


@ensureDeferred
async def test_errors_are_kept_and_raised(store: Store, first: Process) -> None:
    """A failing run is noted with its error, which goes on to the loop; a good one clears it."""
    first.error = ValueError("a mistake")
    with pytest.raises(ValueError, match="a mistake"):
        await first.run()
    bad = await state(store)
    assert (bad.failures, bad.error) == (1, "ValueError: a mistake")
    first.error = None
    await first.run()
    good = await state(store)
    assert (good.runs, good.failures, good.error) == (3, 0, None)


@ensureDeferred
async def test_run_that_outlived_its_lease(store: Store, first: Process) -> None:
    """Its outcome is not noted over that of its successor."""
    began: Deferred[None] = Deferred()
    under_way: Deferred[bool] = Deferred()

    async def slow() -> bool:
        began.callback(None)
        return await under_way

    sleeper = ensure(_awaited(first.leases.exclusive("broker", 1.0, slow)))
    await began
    second = Process(store)
    await store.once("age", _age)
    await second.run()
    before = await state(store)
    under_way.errback(ValueError("late"))
    with pytest.raises(ValueError, match="late"):
        await sleeper
    assert await state(store) == before


@ensureDeferred
async def test_no_database_no_run(store: Store, first: Process) -> None:
    """Who cannot ask for the lease does not run, and the loop hears why."""
    await store.close()
    with pytest.raises(StoreUnavailable):
        await first.run()
    assert first.runs == 1
