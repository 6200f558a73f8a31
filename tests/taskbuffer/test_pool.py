"""Connections: opened late, used again, replaced when dead; errors by their meaning; a listener that comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from pandad.config import DatabaseConfig
from pandad.spec.errors import StoreBusy, StoreUnavailable
from pandad.taskbuffer.pool import (
    ConnectionLost,
    ConstraintViolated,
    Contention,
    Link,
    Listener,
    Pool,
    TransactionDoomed,
    connect,
)
from pandad.taskbuffer.store import READ_ONLY

from .observing import Observer, eventually

clock: Any = reactor


def soon() -> float:
    """A deadline that is reached within the test."""
    return float(clock.seconds()) + 0.2


def late() -> float:
    """A deadline that is not reached."""
    return float(clock.seconds()) + 30


@async_yield_fixture
async def pool(database: DatabaseConfig) -> AsyncIterator[Pool]:
    """At most two connections."""
    made = Pool("test", clock, database, 2)
    yield made
    made.close()


@async_yield_fixture
async def link(database: DatabaseConfig) -> AsyncIterator[Link]:
    """One connection."""
    made = await connect(clock, database, "pandad")
    yield made
    made.close()


@ensureDeferred
async def test_opens_nothing_before_it_is_needed(pool: Pool, observer: Observer) -> None:
    """A connection exists from the first call on that needs it, and not before."""
    assert await observer.sessions() == []
    pool.give(await pool.take(late()))
    assert len(await observer.sessions()) == 1


@ensureDeferred
async def test_last_returned_goes_out_first(pool: Pool) -> None:
    """Links are reused, the last one given back first."""
    first, second = await pool.take(late()), await pool.take(late())
    pool.give(first)
    pool.give(second)
    assert await pool.take(late()) is second
    assert await pool.take(late()) is first
    pool.give(first)
    pool.give(second)


@ensureDeferred
async def test_never_more_than_configured(pool: Pool, observer: Observer) -> None:
    """Whoever comes when all links are out is told StoreBusy at the deadline, or gets the next one given back."""
    first, second = await pool.take(late()), await pool.take(late())
    with pytest.raises(StoreBusy):
        await pool.take(soon())
    waiting = Deferred.fromCoroutine(pool.take(late()))
    assert not waiting.called and len(await observer.sessions()) == 2
    pool.give(first)
    assert await waiting is first
    pool.give(first)
    pool.give(second)


@ensureDeferred
async def test_dead_idle_links_are_replaced(pool: Pool, observer: Observer) -> None:
    """After all idle backends were killed, the next takers get links that work."""
    first, second = await pool.take(late()), await pool.take(late())
    pool.give(first)
    pool.give(second)
    assert await observer.kill() == 2
    await eventually(lambda: not first.usable and not second.usable)
    for _ in range(3):
        link = await pool.take(late())
        assert (await link.execute("SELECT 1"))[0] == [(1,)]
        pool.give(link)


@ensureDeferred
async def test_unreachable_database_is_unavailable(database: DatabaseConfig) -> None:
    """Where no server listens, a taker is told so, with PostgreSQL's reason, at its deadline; and its turn is given back."""
    pool = Pool("test", clock, replace(database, dsn="host=/nowhere dbname=x"), 1)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="no connection to the database: .*nowhere"):
            await pool.take(soon())


@ensureDeferred
async def test_closed_pool_opens_nothing(pool: Pool, observer: Observer) -> None:
    """A closed pool refuses, and closes what comes back."""
    out = await pool.take(late())
    pool.close()
    with pytest.raises(StoreUnavailable):
        await pool.take(late())
    pool.give(out)
    await eventually(observer.no_sessions)


@ensureDeferred
async def test_server_that_accepts_and_is_silent(database: DatabaseConfig) -> None:
    """Opening a connection ends at connect_timeout_s."""
    port = clock.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    dsn = f"host=127.0.0.1 port={port.getHost().port} dbname=x user=x sslmode=disable gssencmode=disable"
    with pytest.raises(StoreUnavailable, match=r"within 0\.2 s"):
        await connect(clock, replace(database, dsn=dsn, connect_timeout_s=0.2), "pandad")
    await port.stopListening()


@ensureDeferred
async def test_rows_and_count(link: Link) -> None:
    """A query gives rows, a change of data the number of rows it touched."""
    assert await link.execute("SELECT n FROM generate_series(1, 2) AS n") == ([(1,), (2,)], 2)
    assert await link.execute("CREATE TEMP TABLE t AS SELECT 1 AS n") == ([], 1)
    assert await link.execute("UPDATE t SET n = %(n)s", {"n": 5}) == ([], 1)


@ensureDeferred
async def test_violations_come_by_name(link: Link) -> None:
    """What the schema refuses is told by the name of the constraint."""
    with pytest.raises(ConstraintViolated) as refusal:
        await link.execute("INSERT INTO queue (name, description, status, changedby) VALUES ('q', '{}', 'on fire', 'x')")
    assert refusal.value.constraint == "queue_status_known"
    assert link.usable


@ensureDeferred
async def test_statement_timeout_leaves_the_link_usable(database: DatabaseConfig) -> None:
    """A statement that takes too long is StoreUnavailable, and the connection goes on."""
    link = await connect(clock, replace(database, statement_timeout_s=0.1), "pandad")
    with pytest.raises(StoreUnavailable, match="statement_timeout_s"):
        await link.execute("SELECT pg_sleep(60)")
    assert (await link.execute("SELECT 1"))[0] == [(1,)]
    link.close()


@pytest.mark.parametrize("code", ["40001", "40P01"])
@ensureDeferred
async def test_contention_is_told_apart(link: Link, code: str) -> None:
    """Serialization failure and deadlock are Contention: the one thing that is worth trying again as a whole."""
    with pytest.raises(Contention):
        await link.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")


@pytest.mark.parametrize("code", ["57P03", "53300", "53100", "58030", "25006", "08006", "55P03"])
@ensureDeferred
async def test_server_in_trouble_is_unavailable(link: Link, code: str) -> None:
    """Shutting down, out of connections or disk, input/output error, read-only, lock not to be had: later it may work."""
    with pytest.raises(StoreUnavailable):
        await link.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
    assert link.usable


@ensureDeferred
async def test_backend_killed_in_a_statement(link: Link, observer: Observer) -> None:
    """When the backend dies, what runs fails with ConnectionLost and the link is no longer usable."""
    running = Deferred.fromCoroutine(link.execute("SELECT pg_sleep(60)"))
    await observer.kill()
    with pytest.raises(ConnectionLost):
        await running
    assert not link.usable


@ensureDeferred
async def test_a_socket_that_libpq_closed(pool: Pool) -> None:
    """libpq may close its socket amid a call, without a word. The next connection gets the same number, and must be watched."""
    link = await pool.take(late())
    link._connection._connection.close()
    pool.give(link)
    again = await pool.take(late())
    assert again is not link and (await again.execute("SELECT 1"))[0] == [(1,)]
    assert all(each.fileno() >= 0 for each in clock.getReaders())
    pool.give(again)


@ensureDeferred
async def test_server_that_never_answers(link: Link) -> None:
    """An answer that does not come within the limit is given up with the connection: a network may swallow both."""
    fake = Clock()
    limited = Link(fake, link._connection, 5.0)
    running = Deferred.fromCoroutine(limited.execute("SELECT pg_sleep(60)"))
    fake.advance(4.9)
    assert not running.called
    fake.advance(0.2)
    with pytest.raises(ConnectionLost):
        await running
    assert not link.usable


@ensureDeferred
async def test_alarm_ends_with_the_statement(link: Link) -> None:
    """An answered statement leaves no timer behind."""
    fake = Clock()
    await Link(fake, link._connection, 5.0).execute("SELECT 1")
    assert fake.getDelayedCalls() == []


@ensureDeferred
async def test_commit_of_a_failed_transaction_is_an_error(link: Link) -> None:
    """PostgreSQL answers COMMIT after an error with a rollback and no error; here it is one."""
    await link.execute("BEGIN")
    with pytest.raises(ConstraintViolated):
        await link.execute("INSERT INTO queue (name, description, status, changedby) VALUES ('q', '{}', 'on fire', 'x')")
    with pytest.raises(TransactionDoomed):
        await link.commit()


@ensureDeferred
async def test_sessions_are_bounded_and_utc(database: DatabaseConfig) -> None:
    """Every session limits statements and idle transactions, commits durably and speaks UTC."""
    link = await connect(clock, replace(database, statement_timeout_s=7), "pandad")
    wanted = {
        "statement_timeout": "7s",
        "idle_in_transaction_session_timeout": "14s",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }
    for name, value in wanted.items():
        assert (await link.execute(f"SHOW {name}"))[0] == [(value,)]
    link.close()


class Ears:
    """A listener on two channels, and what it heard."""

    def __init__(self, config: DatabaseConfig) -> None:
        self.heard: list[str] = []
        self.listener = Listener(clock, config, self.heard.append, ["one", "two"])


@async_yield_fixture
async def ears(database: DatabaseConfig) -> AsyncIterator[Ears]:
    """Listening."""
    made = Ears(database)
    made.listener.start()
    await eventually(lambda: len(made.heard) == 2)
    yield made
    await made.listener.stop()


@ensureDeferred
async def test_listener_calls_once_connected(ears: Ears) -> None:
    """Connecting counts as hearing of every channel: something may have been missed before."""
    assert ears.heard == ["one", "two"]


@ensureDeferred
async def test_listener_hears(ears: Ears, observer: Observer) -> None:
    """A notification on a channel is heard under its name; those on others are not."""
    ears.heard.clear()
    for channel in ("other", "two", "one"):
        await observer.rows(f"NOTIFY {channel}")
    await eventually(lambda: len(ears.heard) == 2)
    assert ears.heard == ["two", "one"]


@ensureDeferred
async def test_listener_comes_back(ears: Ears, observer: Observer) -> None:
    """After its backend is killed the listener connects again, calls everybody, and hears."""
    ears.heard.clear()
    assert await observer.kill("pandad listener") == 1
    await eventually(lambda: ears.heard == ["one", "two"])
    await observer.rows("NOTIFY one")
    await eventually(lambda: ears.heard == ["one", "two", "one"])


@ensureDeferred
async def test_listener_stops_while_it_connects(database: DatabaseConfig, observer: Observer) -> None:
    """stop() returns when nothing is left, even if the connection was only being opened."""
    before = set(clock.getReaders()), set(clock.getDelayedCalls())
    ears = Ears(database)
    ears.listener.start()
    await ears.listener.stop()
    assert (set(clock.getReaders()), set(clock.getDelayedCalls())) == before
    await eventually(lambda: observer.no_sessions("pandad listener"))


@ensureDeferred
async def test_subscriber_that_raises_does_not_end_the_listener(database: DatabaseConfig, observer: Observer) -> None:
    """The listener connects anew although whoever it called raised."""
    heard: list[str] = []

    def raise_first(channel: str) -> None:
        heard.append(channel)
        if len(heard) == 1:
            raise ValueError("a mistake")

    listener = Listener(clock, database, raise_first, ["one"])
    listener.start()
    await eventually(lambda: len(heard) == 1)
    await observer.kill("pandad listener")
    await eventually(lambda: len(heard) == 2)
    await listener.stop()


@ensureDeferred
async def test_readers_find_the_primary_too(database: DatabaseConfig) -> None:
    """A DSN that asks for a server that takes writes serves sessions that only read."""
    config = replace(database, dsn=f"{database.dsn} target_session_attrs=read-write")
    for options in ("", READ_ONLY):
        link = await connect(clock, config, "pandad", options)
        assert (await link.execute("SELECT 1"))[0] == [(1,)]
        link.close()


@ensureDeferred
async def test_a_bad_dsn_is_told(database: DatabaseConfig) -> None:
    """In libpq's words."""
    with pytest.raises(StoreUnavailable, match="no_such_word"):
        await connect(clock, replace(database, dsn="no_such_word=1"), "pandad")
