"""Transactions: whole or not at all, again when it is safe, effects after the commit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import DatabaseConfig
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer.pool import ConstraintViolated, TransactionDoomed
from pandad.taskbuffer.store import CONTENTION_TRIES, Store, Transaction

from .observing import Observer, eventually, notes, rows, run, statement, write

RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"
BAD_QUEUE = "INSERT INTO queue (name, description, status, changedby) VALUES ('q', '{}', 'on fire', 'x')"


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
    store = Store(reactor, replace(database, connections=1, statement_timeout_s=0.2))
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


@ensureDeferred
async def test_reads_wait_behind_no_write(database: DatabaseConfig) -> None:
    """While every connection for writes is busy, a read is answered."""
    store = Store(reactor, replace(database, connections=1))
    go_on: Deferred[None] = Deferred()

    async def hold(txn: Transaction) -> None:
        await run(txn, "SELECT 1")
        await go_on

    writing = store.transact("hold", hold)
    assert await store.read("read", rows, "SELECT 2") == [(2,)]
    go_on.callback(None)
    await writing
    await store.close()


@ensureDeferred
async def test_reads_cannot_write(small: Store) -> None:
    """What calls itself a read and writes is refused by the database; it may have several statements."""

    async def reads(txn: Transaction) -> int:
        return len(await rows(txn, "SELECT 1") + await rows(txn, "SELECT 2"))

    assert await small.read("reads", reads) == 2
    with pytest.raises(StoreUnavailable, match="read-only"):
        await small.read("writes", write, 1)
    assert await notes(small) == []
