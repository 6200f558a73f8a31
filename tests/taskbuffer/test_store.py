"""Transactions: whole or not at all, again when it is safe, effects after the commit, and no end with the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, blockon, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.spec.errors import StoreBusy, StoreUnavailable
from pandad.taskbuffer.pool import ConstraintViolated, TransactionDoomed
from pandad.taskbuffer.store import CONTENTION_TRIES, Store, Transaction

from .observing import Observer, eventually, rows, run, statement

clock: Any = reactor

RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"
BAD_QUEUE = "INSERT INTO queue (name, description, status, changedby) VALUES ('q', '{}', 'on fire', 'x')"


@async_yield_fixture
async def small(database: DatabaseConfig) -> AsyncIterator[Store]:
    """A store of one connection, with a table to write to."""
    made = Store(clock, replace(database, connections=1, wait_s=5))
    await made.once("table", run, "CREATE TABLE note (n integer PRIMARY KEY)")
    yield made
    await made.close()


@async_yield_fixture
async def busy(database: DatabaseConfig) -> AsyncIterator[Store]:
    """A store of eight connections on the same table."""
    made = Store(clock, replace(database, connections=8))
    await made.once("table", run, "CREATE TABLE IF NOT EXISTS note (n integer PRIMARY KEY)")
    yield made
    await made.close()


async def notes(store: Store) -> list[int]:
    """What is durable."""
    return [n for (n,) in await store.once("notes", rows, "SELECT n FROM note ORDER BY n")]


async def write(txn: Transaction, n: int) -> int:
    """One row."""
    return await run(txn, "INSERT INTO note VALUES (%(n)s)", n=n)


# --- a transaction is whole or not at all


@ensureDeferred
async def test_commits_all_or_nothing(small: Store) -> None:
    """What a body wrote is there when it returned, and gone when it raised."""

    async def two(txn: Transaction, fail: bool) -> str:
        await write(txn, 1 if fail else 11)
        await write(txn, 2 if fail else 12)
        if fail:
            raise ValueError("a mistake")
        return "done"

    with pytest.raises(ValueError, match="a mistake"):
        await small.transact("two", two, True)
    assert await notes(small) == []
    assert await small.transact("two", two, fail=False) == "done"
    assert await notes(small) == [11, 12]


@ensureDeferred
async def test_refusals_of_the_schema_come_by_name(small: Store) -> None:
    """The database's refusal reaches the caller by the constraint's name, rolled back, and the connection goes on."""
    with pytest.raises(ConstraintViolated) as refusal:
        await small.transact("bad", run, BAD_QUEUE)
    assert refusal.value.constraint == "queue_status_known"
    assert await notes(small) == []


@ensureDeferred
async def test_swallowed_error_is_no_success(small: Store) -> None:
    """A body that hides a failed statement gets no commit, no effects and no success: PostgreSQL stored nothing."""
    effects: list[str] = []

    async def swallow(txn: Transaction) -> None:
        txn.after_commit(lambda: effects.append("told"))
        await write(txn, 1)
        with pytest.raises(ConstraintViolated):
            await run(txn, BAD_QUEUE)

    with pytest.raises(TransactionDoomed):
        await small.transact("swallow", swallow)
    assert effects == [] and await notes(small) == []


@ensureDeferred
async def test_statement_timeout(database: DatabaseConfig, observer: Observer) -> None:
    """A statement over statement_timeout_s makes the call StoreUnavailable; the same connection serves the next."""
    store = Store(clock, replace(database, connections=1, statement_timeout_s=0.2))
    await store.once("first", run, "SELECT 1")
    before = await observer.sessions()
    for call in (store.once, store.transact):
        with pytest.raises(StoreUnavailable, match="statement_timeout_s"):
            await call("slow", run, "SELECT pg_sleep(60)")
        assert await store.once("next", rows, "SELECT 1") == [(1,)]
    assert await observer.sessions() == before
    await store.close()


@ensureDeferred
async def test_once_is_one_statement(small: Store) -> None:
    """A second statement in a call of one would not be atomic with the first, so it is refused before it is sent."""

    async def two(txn: Transaction) -> None:
        await write(txn, 1)
        await write(txn, 2)

    with pytest.raises(AssertionError, match="second statement"):
        await small.once("two", two)
    assert await notes(small) == [1]


# --- run again


@ensureDeferred
async def test_deadlock_runs_the_whole_body_again(busy: Store) -> None:
    """Of two transactions that lock in opposite order, one is run again from its start, and both succeed."""
    await busy.once("rows", run, "INSERT INTO note VALUES (1), (2)")
    runs, both_locked = [], [Deferred[None](), Deferred[None]()]
    lock = statement("SELECT n FROM note WHERE n = %(n)s FOR UPDATE")

    async def cross(txn: Transaction, first: int, second: int) -> None:
        runs.append(first)
        await run(txn, "SET LOCAL deadlock_timeout = '20ms'")
        await txn.one(lock, n=first)
        if not both_locked[first - 1].called:
            both_locked[first - 1].callback(None)
            await gatherResults([Deferred.fromCoroutine(_seen(d)) for d in both_locked])
        await txn.one(lock, n=second)

    await gatherResults([busy.transact("ahead", cross, 1, 2), busy.transact("back", cross, 2, 1)])
    assert sorted(runs) in ([1, 1, 2], [1, 2, 2])


async def _seen(event: Deferred[None]) -> None:
    await eventually(lambda: bool(event.called))


@ensureDeferred
async def test_serialization_failure_runs_the_whole_body_again(busy: Store) -> None:
    """A body that lost a race of snapshots sees the winner's data when it is run again."""
    await busy.once("rows", run, "INSERT INTO note VALUES (1)")
    seen: list[int] = []

    async def increment(txn: Transaction) -> None:
        await run(txn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        seen.append((await txn.one(statement("SELECT n FROM note")))[0])
        if len(seen) == 1:
            await busy.once("winner", run, "UPDATE note SET n = 10")
        await run(txn, "UPDATE note SET n = n + 1")

    await busy.transact("increment", increment)
    assert seen == [1, 10] and await notes(busy) == [11]


@pytest.mark.parametrize("code", ["40001", "40P01"])
@ensureDeferred
async def test_endless_contention_is_given_up(small: Store, code: str) -> None:
    """After CONTENTION_TRIES runs the call is StoreUnavailable, which its caller repeats when it likes."""
    runs: list[int] = []

    async def contend(txn: Transaction) -> None:
        runs.append(1)
        await run(txn, RAISE.format(code))

    for call in (small.transact, small.once):
        runs.clear()
        with pytest.raises(StoreUnavailable, match="contend"):
            await call("contend", contend)
        assert len(runs) == CONTENTION_TRIES


@ensureDeferred
async def test_connection_lost_before_the_commit_runs_again(small: Store, observer: Observer) -> None:
    """A transaction whose connection dies before its commit has stored nothing and is run again, unseen by the caller."""
    runs: list[int] = []

    async def interrupted(txn: Transaction) -> None:
        runs.append(1)
        await write(txn, 1)
        if len(runs) == 1:
            await observer.kill()
        await write(txn, 2)

    await small.transact("interrupted", interrupted)
    assert len(runs) == 2 and await notes(small) == [1, 2]


# --- after the commit


@ensureDeferred
async def test_effects_wait_for_the_commit(small: Store) -> None:
    """Effects run once, after the commit, in order, of the run that was committed; never after a rollback."""
    effects: list[str] = []
    runs: list[int] = []

    async def body(txn: Transaction, end: str) -> None:
        runs.append(1)
        txn.after_commit(lambda: effects.append(f"first {end}"))
        txn.after_commit(lambda: effects.append(f"second {end}"))
        await run(txn, "SELECT 1")
        assert effects == []
        if end == "raise":
            raise ValueError("a mistake")
        if len(runs) == 2:
            await run(txn, RAISE.format("40001"))

    with pytest.raises(ValueError, match="a mistake"):
        await small.transact("body", body, "raise")
    assert effects == []
    await small.transact("body", body, "commit")
    assert len(runs) == 3 and effects == ["first commit", "second commit"]


@ensureDeferred
async def test_hints_reach_other_processes_after_the_commit(small: Store, busy: Store) -> None:
    """A hint reaches every store that listens to its channel, once committed; a hint of a rollback reaches none."""
    heard: list[str] = []
    for channel in ("adder", "activator"):
        busy.listen(channel, lambda c=channel: heard.append(c))  # type: ignore[misc]
    busy.start()
    await eventually(lambda: len(heard) == 2)
    heard.clear()

    async def hint(txn: Transaction, channel: str, fail: bool) -> None:
        txn.hint(channel)
        await run(txn, "SELECT 1")
        if fail:
            raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        await small.transact("hint", hint, "adder", True)
    await small.transact("hint", hint, "activator", False)
    await eventually(lambda: bool(heard))
    await small.once("hint", hint, "adder", False)
    await eventually(lambda: len(heard) == 2)
    assert heard == ["activator", "adder"]


@ensureDeferred
async def test_hints_are_heard_again_after_the_listener_was_killed(store: Store, observer: Observer) -> None:
    """A lost listening connection is replaced, and whoever listens is called, as hints may have been lost with it."""
    heard: list[int] = []
    store.listen("brokerage", lambda: heard.append(1))
    store.start()
    await eventually(lambda: len(heard) == 1)
    assert await observer.kill("pandad listener") == 1
    await eventually(lambda: len(heard) == 2)
    await observer.rows("NOTIFY brokerage")
    await eventually(lambda: len(heard) == 3)


# --- a caller that leaves


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
    states = await observer.rows("SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pandad'")
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


# --- load and loss


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


# --- the end


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


# --- a server that goes away


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
