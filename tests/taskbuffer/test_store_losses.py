"""Callers that leave, backends that are killed, a server that goes away: no end with the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.spec.errors import StoreBusy, StoreUnavailable
from pandad.taskbuffer.store import Store, Transaction

from .observing import Observer, eventually, notes, rows, run, write

clock: Any = reactor


@ensureDeferred
async def test_cancelled_call_goes_on_by_itself(small: Store, observer: Observer) -> None:
    """Cancelling the result abandons it only: the transaction ends properly and its connection serves the next call."""

    async def slow(txn: Transaction) -> None:
        await write(txn, 1)
        await run(txn, "SELECT pg_sleep(0.1)")
        await write(txn, 2)

    for number in range(3):
        result = small.transact("slow", slow)
        result.cancel()
        with pytest.raises(CancelledError):
            await result
        assert await notes(small) == [1, 2], number
        await small.once("empty", run, "DELETE FROM note")
    states = await observer.rows(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pandad'"
    )
    assert states == [("idle",)]


@ensureDeferred
async def test_cancelled_while_it_waits_for_a_connection(small: Store) -> None:
    """A call that is abandoned before it had a connection takes none away from the others."""
    blocking = small.once("block", run, "SELECT pg_sleep(0.2)")
    abandoned = small.transact("abandoned", write, 1)
    abandoned.cancel()
    with pytest.raises(CancelledError):
        await abandoned
    await blocking
    assert await notes(small) == [1]


@ensureDeferred
async def test_waiting_has_a_deadline(database: DatabaseConfig) -> None:
    """A call that gets no connection within wait_s is StoreBusy; the one that has it is not disturbed."""
    store = Store(clock, replace(database, connections=1, wait_s=0.1))
    blocking = store.once("block", rows, "SELECT 1 FROM pg_sleep(1)")
    with pytest.raises(StoreBusy):
        await store.once("waits", run, "SELECT 1")
    assert not blocking.called
    assert await blocking == [(1,)]
    await store.close()


@ensureDeferred
async def test_no_more_connections_than_configured(busy: Store, observer: Observer) -> None:
    """However many calls come at once, they share the configured number of connections, and all are served."""
    calls = [busy.once("call", rows, "SELECT %(n)s FROM pg_sleep(0.005)", n=n) for n in range(100)]
    assert [r[0][0] for r in await gatherResults(calls)] == list(range(100))
    assert len(await observer.sessions()) == 8


@pytest.mark.parametrize("method", ["once", "transact"])
@ensureDeferred
async def test_killing_all_backends_costs_the_calls_in_flight(busy: Store, observer: Observer, method: str) -> None:
    """Killing every backend fails at most one call per connection, with StoreUnavailable; a success is always stored."""

    async def slow_write(txn: Transaction, n: int) -> None:
        await run(txn, "WITH nap AS MATERIALIZED (SELECT pg_sleep(0.01)) INSERT INTO note SELECT %(n)s FROM nap", n=n)

    calls = [getattr(busy, method)("write", slow_write, n) for n in range(120)]
    results = DeferredList(calls, consumeErrors=True)
    await eventually(lambda: sum(bool(c.called) for c in calls) > 20)
    await observer.kill()
    ended = await results
    failures = [failure for ok, failure in ended if not ok]
    assert len(failures) <= 8 and all(f.check(StoreUnavailable) for f in failures)
    assert {n for n, (ok, _) in enumerate(ended) if ok} <= set(await notes(busy))
    assert await gatherResults([busy.once("call", rows, "SELECT 1") for _ in range(20)]) == [[(1,)]] * 20


@ensureDeferred
async def test_close_waits_and_leaves_nothing(database: DatabaseConfig, observer: Observer) -> None:
    """close() lets running work end, then no session is left in PostgreSQL and nothing in the reactor."""
    before = set(clock.getReaders()), set(clock.getWriters()), set(clock.getDelayedCalls())
    store = Store(clock, database)
    store.start()
    running = [store.transact("work", rows, "SELECT 1 FROM pg_sleep(0.2)") for _ in range(3)]
    await store.close()
    assert [d.result for d in running] == [[(1,)]] * 3
    assert (set(clock.getReaders()), set(clock.getWriters()), set(clock.getDelayedCalls())) == before
    await eventually(observer.no_sessions)
    await eventually(lambda: observer.no_sessions("pandad listener"))


@ensureDeferred
async def test_calls_after_close_are_refused(database: DatabaseConfig, observer: Observer) -> None:
    """A closed store opens no connection again: each call gets the answer that makes its caller come again elsewhere."""
    store = Store(clock, database)
    running = store.once("work", run, "SELECT pg_sleep(0.1)")
    await store.close()
    await running
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.once("late", run, "SELECT 1")
    await store.close()
    await eventually(observer.no_sessions)


@pytest.fixture(scope="module")
def mortal(open_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that tests may stop."""
    server = EmbeddedPostgres(clock, open_directory / "mortal", settings={"fsync": "off"})
    blockon(Deferred.fromCoroutine(server.start()))
    yield server
    blockon(Deferred.fromCoroutine(server.stop("immediate")))


@ensureDeferred
async def test_outlives_an_immediate_stop(mortal: EmbeddedPostgres) -> None:
    """While the server is away calls wait up to wait_s and are StoreUnavailable; afterwards the same store serves again."""
    heard: list[int] = []
    store = Store(clock, DatabaseConfig(dsn=mortal.dsn, connections=3, wait_s=0.6))
    store.listen("adder", lambda: heard.append(1))
    store.start()
    await gatherResults([store.once("call", run, "SELECT 1") for _ in range(5)])
    await eventually(lambda: len(heard) == 1)
    await mortal.stop("immediate")
    for call in (store.once, store.transact):
        with pytest.raises(StoreUnavailable):
            await call("call", run, "SELECT 1")
    await mortal.start()
    assert await store.transact("call", rows, "SELECT 1") == [(1,)]
    await eventually(lambda: len(heard) == 2)
    await store.close()


@ensureDeferred
async def test_call_outlasts_a_short_stop(mortal: EmbeddedPostgres) -> None:
    """A call that came while the server was away succeeds if the server is back within wait_s."""
    store = Store(clock, DatabaseConfig(dsn=mortal.dsn, connections=1, wait_s=60))
    await store.once("call", run, "SELECT 1")
    await mortal.stop("immediate")
    waiting = store.transact("call", rows, "SELECT 1")
    await mortal.start()
    assert await waiting == [(1,)]
    await store.close()


@ensureDeferred
async def test_close_while_the_server_is_away(mortal: EmbeddedPostgres) -> None:
    """close() ends, with the calls that wait refused, although no server is there."""
    store = Store(clock, DatabaseConfig(dsn=mortal.dsn, connections=1, wait_s=60))
    store.start()
    await mortal.stop("immediate")
    waiting = store.once("call", run, "SELECT 1")
    closing = Deferred.fromCoroutine(store.close())
    with pytest.raises(StoreUnavailable):
        await waiting
    await closing
    await mortal.start()
