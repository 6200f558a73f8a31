"""Transactions: the only way to the database. Each is named, may run more than once, and has its effects after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import uniform
from typing import Any, Concatenate, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from pandad import metrics
from pandad.config import DatabaseConfig
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer.pool import ConnectionLost, Contention, Link, Listener, Pool, Row
from pandad.taskbuffer.statement import Statement, sql

P = ParamSpec("P")
T = TypeVar("T")

CONTENTION_TRIES = 5
PAUSE_MAX_S = 0.5  # between two attempts
HINT_GAP_S = 0.05  # between two notices, each of which costs a commit; the first is sent at once
READ_ONLY = " -c default_transaction_read_only=on"
CHANNELS = (  # what a hint may wake, in any process on this database
    "brokerage", "activator", "adder", "outbox", "finisher", "placements", "rights", "audit", "tasks")


class Transaction:
    """What a taskbuffer function gets. It exposes no cursor and cannot commit."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.effects: list[Callable[[], object]] = []
        self.hints: set[str] = set()

    async def many(self, statement: Statement, **parameters: Any) -> list[Row]:
        """All rows."""
        return (await self._link.perform(statement, parameters))[0]

    async def maybe(self, statement: Statement, **parameters: Any) -> Row | None:
        """The one row, or None."""
        rows = await self.many(statement, **parameters)
        assert len(rows) <= 1, f"{statement.name} gave {len(rows)} rows"
        return rows[0] if rows else None

    async def one(self, statement: Statement, **parameters: Any) -> Row:
        """The one row."""
        row = await self.maybe(statement, **parameters)
        assert row is not None, f"{statement.name} gave no row"
        return row

    async def run(self, statement: Statement, **parameters: Any) -> int:
        """No rows wanted: how many were touched."""
        return (await self._link.perform(statement, parameters))[1]

    def hint(self, channel: str) -> None:
        """After the commit, tell every process's loop of that name that there is work. It may get lost: polling is the truth."""
        assert channel in CHANNELS, channel
        self.hints.add(channel)

    def after_commit(self, effect: Callable[[], object]) -> None:
        """Do this only when, and after, the transaction is durable."""
        self.effects.append(effect)


Body = Callable[Concatenate[Transaction, P], Awaitable[T]]

NOTIFY = sql("store.notify", "SELECT pg_notify(channel, '') FROM unnest(%(channels)s::text[]) AS channel")


class Store:
    """The database as pandad sees it."""

    log = Logger()

    def __init__(self, clock: IReactorTime, config: DatabaseConfig) -> None:
        self._clock, self._config = clock, config
        self._pool = Pool("writes", clock, config, config.connections)
        self._readers = Pool("reads", clock, config, config.read_connections, READ_ONLY)
        self._listeners: dict[str, list[Callable[[], object]]] = {}
        self._listener: Listener | None = None
        self._hints: set[str] = set()
        self._telling = self._closing = False
        self._gap: IDelayedCall | None = None
        self._running = 0
        self._drained: Deferred[None] | None = None

    def transact(self, name: str, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run `body` in one READ COMMITTED transaction and commit.

        Cancelling the result abandons it and leaves the work running: a client that hangs up must not break a transaction.

        :raise StoreUnavailable: nothing was stored, or (connection lost during the commit) it is unknown; the caller repeats.
        """
        return self._shielded(self._persist(name, lambda link: self._in_transaction(link, body, *args, **kwargs)))

    def once(self, name: str, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run a `body` of exactly one statement, which commits by itself: one round trip instead of three.

        :raise StoreUnavailable: as for `transact`.
        """
        return self._shielded(self._persist(name, lambda link: self._alone(link, body, *args, **kwargs)))

    def read(self, name: str, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run a `body` that only reads, on a connection kept for that: it waits behind no write. Each of its statements sees
        what was committed when it began.

        :raise StoreUnavailable: try later.
        """
        return self._shielded(self._persist(name, lambda link: body(Transaction(link), *args, **kwargs), self._readers))

    def listen(self, channel: str, heard: Callable[[], object]) -> None:
        """Call `heard` on each hint for that channel, and whenever hints may have been missed."""
        assert channel in CHANNELS, channel
        self._listeners.setdefault(channel, []).append(heard)

    def connections(self) -> list[tuple[str, int, int, int, int]]:
        """What they are for, then what Pool.usage says."""
        return [(pool.name, *pool.usage()) for pool in (self._pool, self._readers)]

    def start(self) -> None:
        """Open the listener. Calls work without it."""
        self._listener = Listener(self._clock, self._config, self._heard, CHANNELS)
        self._listener.start()

    async def close(self) -> None:
        """Let what runs finish, then close every connection."""
        if self._listener is not None:
            await self._listener.stop()
        self._closing = True
        if self._gap is not None and self._gap.active():
            self._gap.cancel()
        self._pool.end()
        self._readers.end()
        if self._running:
            self._drained = Deferred()
            await self._drained
        self._pool.close()
        self._readers.close()

    def _heard(self, channel: str) -> None:
        for heard in self._listeners.get(channel, ()):
            heard()

    def _shielded(self, work: Any) -> Deferred[T]:
        result: Deferred[T] = Deferred()
        self._running += 1

        def finish(value: Any) -> None:
            self._running -= 1
            result.callback(value)  # first: what the caller does next in the store belongs to what must finish
            if not self._running and self._drained is not None:
                drained, self._drained = self._drained, None
                drained.callback(None)

        Deferred.fromCoroutine(work).addBoth(finish)
        return result

    async def _persist(self, name: str, attempt: Callable[[Link], Awaitable[T]], pool: Pool | None = None) -> T:
        """Attempt until it succeeds, fails for good, or ``wait_s`` is over."""
        pool = pool or self._pool
        started = self._clock.seconds()
        deadline, tries = started + self._config.wait_s, 0
        while True:
            link = await pool.take(deadline)
            try:
                result = await attempt(link)
            except (Contention, ConnectionLost) as error:
                tries += 1
                if isinstance(error, Contention) and tries >= CONTENTION_TRIES or self._clock.seconds() > deadline:
                    raise StoreUnavailable(f"{name} could not be stored: {error}") from error
            else:
                metrics.TRANSACTIONS.took(self._clock.seconds() - started, name)
                return result
            finally:
                pool.give(link)
            await deferLater(self._clock, min(0.01 * 2**tries, PAUSE_MAX_S) * uniform(0.5, 1.5))

    async def _in_transaction(self, link: Link, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        txn = Transaction(link)
        await link.execute("BEGIN")
        try:
            result = await body(txn, *args, **kwargs)
        except BaseException:
            await self._rollback(link)
            raise
        try:
            await link.commit()
        except ConnectionLost as error:
            # Committed or not is unknown, so it must not be tried again here: only the caller can know that repeating is safe.
            raise StoreUnavailable(f"the connection was lost during the commit: {error}") from error
        self._committed(txn)
        return result

    async def _alone(self, link: Link, body: Body[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        txn = _OneStatement(link)
        try:
            result = await body(txn, *args, **kwargs)
        except ConnectionLost as error:
            raise StoreUnavailable(f"the connection was lost: {error}") from error
        self._committed(txn)
        return result

    async def _rollback(self, link: Link) -> None:
        if link.usable:
            try:
                await link.execute("ROLLBACK")
            except (ConnectionLost, StoreUnavailable):
                link.close()

    def _committed(self, txn: Transaction) -> None:
        for effect in txn.effects:
            effect()
        if txn.hints:
            self._tell(txn.hints)

    def _tell(self, channels: Iterable[str]) -> None:
        """Send hints, those that come while one is on its way together: a NOTIFY per commit would serialise the commits."""
        self._hints.update(channels)
        if not self._telling:
            self._telling = True
            telling = self.once("notify", self._notify)
            telling.addErrback(lambda _: self._hints.clear())  # lost: the loops poll
            telling.addBoth(lambda _: self._rest())

    async def _notify(self, txn: Transaction) -> None:
        channels, self._hints = sorted(self._hints), set()
        await txn.run(NOTIFY, channels=channels)

    def _rest(self) -> None:
        if not self._closing:
            self._gap = self._clock.callLater(HINT_GAP_S, self._told)

    def _told(self) -> None:
        self._telling = False
        if self._hints:
            self._tell(())


class _OneStatement(Transaction):
    """A transaction of one statement, which PostgreSQL commits by itself; a second one would not be atomic with it."""

    _used = False

    async def many(self, statement: Statement, **parameters: Any) -> list[Row]:
        assert not self._used, f"{statement.name} is a second statement in a call of one"
        self._used = True
        return await super().many(statement, **parameters)

    async def run(self, statement: Statement, **parameters: Any) -> int:
        assert not self._used, f"{statement.name} is a second statement in a call of one"
        self._used = True
        return await super().run(statement, **parameters)
