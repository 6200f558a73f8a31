"""Connections to PostgreSQL: opened when first needed, thrown away when they fail. The only importer of txpostgres and psycopg2.

txpostgres' own pool keeps dead connections for ever, and a cancelled Deferred leaves its connection inside a broken transaction;
so pandad has its own small pool, and nothing outside `store` ever holds a Deferred of a running statement.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from random import uniform
from typing import Any

import orjson
import psycopg2
import psycopg2.extras
from psycopg2 import errorcodes, errors
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from txpostgres import txpostgres

from pandad import metrics, tracing
from pandad.config import DatabaseConfig
from pandad.spec.errors import StoreBusy, StoreUnavailable
from pandad.taskbuffer.dsn import for_writing
from pandad.taskbuffer.statement import Statement

psycopg2.extras.register_default_jsonb(loads=orjson.loads, globally=True)

Row = tuple[Any, ...]
CONNECT_PAUSE_S = 0.25      # between two attempts to connect, jittered
ANSWER_GRACE_S = 5.0        # how long past the server's own statement timeout an answer is waited for
LISTEN_PAUSE_MAX_S = 10.0

# Not our fault and not the statement's: the same call may succeed later (server shutting down, out of disk, now read-only, ...).
_LATER = frozenset({errorcodes.READ_ONLY_SQL_TRANSACTION, errorcodes.LOCK_NOT_AVAILABLE})
# The schema is not there yet: a daemon that waits for its database already listens. (Tests plan each statement against it.)
_NO_SCHEMA = frozenset({errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_COLUMN})
_LATER_CLASSES = frozenset({"08", "53", "57", "58"})


class ConnectionLost(Exception):
    """The connection died; whether the running statement took effect is unknown."""


class Contention(Exception):
    """Serialization failure or deadlock: the whole transaction may be tried again."""


class TransactionDoomed(Exception):
    """A transaction's body went on after a statement had failed: a mistake in the body."""


class ConstraintViolated(Exception):
    """The database refused nonsense; ``constraint`` is the name in the schema."""

    def __init__(self, constraint: str, detail: str) -> None:
        super().__init__(f"{constraint}: {detail}")
        self.constraint = constraint


class _QuietCursor(txpostgres.Cursor):  # type: ignore[misc]
    """A cursor that the reactor knows by its connection's descriptor."""

    def fileno(self) -> int:
        number: int = self._connection.fileno()
        return number


class _QuietConnection(txpostgres.Connection):  # type: ignore[misc]
    """A connection that closes itself when the server goes away while it is idle, instead of raising into the reactor.

    The reactor gets a descriptor of our own for a socket. libpq closes its own as soon as it finds the server gone, amid calls;
    the reactor could not forget that one then, and would take the next socket of that number for one that it watches.
    """

    cursorFactory = _QuietCursor
    _descriptor = -1

    def poll(self) -> Any:
        """See _PollingMixin; fires when it is connected."""
        return super().poll().addCallback(self._connected)

    def _connected(self, connection: Any) -> Any:
        try:
            self._descriptor = os.dup(self._connection.fileno())
        except OSError as error:
            raise psycopg2.OperationalError(f"the server has hung up, or there are no file descriptors left ({error})") from error
        return connection

    def fileno(self) -> int:
        """As the reactor knows it."""
        number: int = self._descriptor if self._descriptor >= 0 else super().fileno()
        return number

    def close(self) -> None:
        if self._connection is not None:
            super().close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def abandon(self) -> None:
        """Close it if it is still being opened; one that just succeeded must not be closed under txpostgres' feet."""
        if self._pollingD is not None:
            self.close()

    def doRead(self) -> None:
        if self._descriptor < 0:  # still connecting: what it waits for next it says itself
            super(txpostgres.Connection, self).doRead()
            return
        try:
            super().doRead()
        except psycopg2.Error:
            self.close()
        else:
            if not self._connection.closed and self._connection.fileno() < 0:  # libpq has hung up, and says nothing
                self.close()


class Link:
    """One open connection. Not safe for two statements at once."""

    def __init__(self, clock: IReactorTime, connection: Any, answer_s: float) -> None:
        self._clock, self._connection, self._answer_s = clock, connection, answer_s
        self._prepared: set[str] = set()

    @property
    def usable(self) -> bool:
        """Whether it looks alive; a dead peer may show only at the next statement."""
        return not self._connection.closed

    async def perform(self, statement: Statement, parameters: Mapping[str, Any]) -> tuple[list[Row], int]:
        """Run a declared statement, prepared when this link meets it for the first time. Result and errors as of `execute`."""
        if statement.prepare is None or statement.execute is None:
            return await self.execute(statement.text, parameters or None)
        if statement.name not in self._prepared:
            await self.execute(statement.prepare)
            self._prepared.add(statement.name)
        return await self.execute(statement.execute + tracing.comment(), parameters or None)

    async def execute(self, text: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[Row], int]:
        """Run one statement: (rows, row count).

        :raise ConnectionLost: no answer will come. :raise Contention: try the transaction again.
        :raise ConstraintViolated: by name. :raise StoreUnavailable: the server refuses for now.
        """
        found, count, _ = await self._answer(text, parameters)
        return found, count

    async def _answer(self, text: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[Row], int, str]:
        alarm = self._clock.callLater(self._answer_s, self.close)
        try:
            cursor = await self._connection.cursor().execute(text, parameters)
            return (cursor.fetchall() if cursor.description else []), cursor.rowcount, cursor.statusmessage
        except (psycopg2.Error, CancelledError, ConnectionClosed) as error:
            raise self._translated(error) from error
        finally:
            if alarm.active():
                alarm.cancel()

    async def commit(self) -> None:
        """End the transaction.

        :raise TransactionDoomed: a statement had failed, and PostgreSQL answers such a COMMIT with a ROLLBACK and no error.
        """
        if (await self._answer("COMMIT"))[2] != "COMMIT":
            raise TransactionDoomed("a statement failed, its error was swallowed, and nothing was stored")

    def _translated(self, error: BaseException) -> Exception:
        if isinstance(error, CancelledError):  # how txpostgres reports a statement timeout
            return StoreUnavailable("the database took longer than statement_timeout_s")
        if isinstance(error, (errors.SerializationFailure, errors.DeadlockDetected)):
            return Contention(str(error))
        if isinstance(error, psycopg2.IntegrityError):
            return ConstraintViolated(error.diag.constraint_name or "?", str(error))
        code = getattr(error, "pgcode", None)
        if not self.usable or isinstance(error, psycopg2.OperationalError) and code is None:
            self.close()
            return ConnectionLost(str(error).strip() or "hung up")
        if code in _NO_SCHEMA:
            return StoreUnavailable("the database has no pandad schema yet, or an older one")
        if code and (code in _LATER or code[:2] in _LATER_CLASSES):
            return StoreUnavailable(f"the database cannot do this now: {str(error).strip()}")
        assert isinstance(error, Exception)
        return error

    def on_notify(self, heard: Callable[[str], object]) -> None:
        """Call `heard(channel)` for each notification."""
        self._connection.addNotifyObserver(lambda notice: heard(notice.channel))

    def close(self) -> None:
        """Hang up; a running statement fails with ConnectionLost."""
        self._connection.close()


async def connect(clock: IReactorTime, config: DatabaseConfig, application: str, options: str = "") -> Link:
    """Open one connection.

    :param options: beside those of every session, as libpq takes them.
    :raise StoreUnavailable: it could not be opened within ``connect_timeout_s``; the text is PostgreSQL's own.
    """
    connection = _QuietConnection(reactor=clock)
    alarm = clock.callLater(config.connect_timeout_s, connection.abandon)
    try:
        await connection.connect(for_writing(config.dsn), application_name=application, options=session_options(config) + options,
                                 keepalives_idle=30, keepalives_interval=10, keepalives_count=3)
    except ConnectionClosed as error:
        raise StoreUnavailable(f"no connection to the database within {config.connect_timeout_s:g} s") from error
    except psycopg2.Error as error:
        connection.close()
        raise StoreUnavailable(f"no connection to the database: {' '.join(str(error).split())}") from error  # libpq's has lines
    finally:
        if alarm.active():
            alarm.cancel()
    return Link(clock, connection, config.statement_timeout_s + ANSWER_GRACE_S)


def session_options(config: DatabaseConfig) -> str:
    """What every session sets: nothing may hold the hot tables for long; times are UTC; plans are pinned."""
    timeout_ms = int(config.statement_timeout_s * 1000)
    return (f"-c statement_timeout={timeout_ms} -c idle_in_transaction_session_timeout={2 * timeout_ms}"
            f" -c timezone=UTC -c synchronous_commit=on {PINNED_PLANS}")


# Every statement has its index. A task buffer fills and drains faster than PostgreSQL counts it, and a plan made for an empty
# table reads the whole of a full one: so plans are made once, and not by those counts.
PINNED_PLANS = ("-c jit=off -c plan_cache_mode=force_generic_plan"
                " -c enable_seqscan=off -c enable_bitmapscan=off")


class Pool:
    """At most `size` links; the last one given back goes out first, so the rest may stay unopened."""

    def __init__(self, name: str, clock: IReactorTime, config: DatabaseConfig, size: int, options: str = "") -> None:
        self.name, self._clock, self._config, self._options = name, clock, config, options
        self._turn = DeferredSemaphore(size)
        self._idle: list[Link] = []
        self._ending = self._closed = False

    def usage(self) -> tuple[int, int, int, int]:
        """How many connections there may be, how many are in use and how many idle, and how many calls wait for one."""
        return self._turn.limit, self._turn.limit - self._turn.tokens, len(self._idle), len(self._turn.waiting)

    async def take(self, deadline: float) -> Link:
        """A usable link, ours until given back.

        :param deadline: on the clock, s.
        :raise StoreBusy: all are in use until the deadline. :raise StoreUnavailable: none can be opened until then, or closed.
        """
        await self._wait_turn(deadline)
        try:
            if self._closed:
                raise StoreUnavailable("this process is closing its database connections")
            return self._newest_idle() or await self._open(deadline)
        except BaseException:
            self._turn.release()
            raise

    def give(self, link: Link) -> None:
        """Take a link back; a dead one is dropped."""
        if self._closed:
            link.close()
        elif link.usable:
            self._idle.append(link)
        self._turn.release()

    def end(self) -> None:
        """The process stops: nobody waits any longer for a server that is away."""
        self._ending = True

    def close(self) -> None:
        """Close what is idle now, and the others as they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    async def _wait_turn(self, deadline: float) -> None:
        turn = self._turn.acquire()
        if turn.called:
            await turn
            return
        began_s = self._clock.seconds()
        try:
            await turn.addTimeout(max(deadline - began_s, 0), self._clock)
        except WaitTimeout:
            raise StoreBusy("all database connections are in use") from None
        finally:
            metrics.POOL_WAITS.took(self._clock.seconds() - began_s, self.name)

    def _newest_idle(self) -> Link | None:
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
        return None

    async def _open(self, deadline: float) -> Link:
        while True:
            try:
                return await connect(self._clock, self._config, "pandad", self._options)
            except StoreUnavailable:
                pause = CONNECT_PAUSE_S * uniform(0.5, 1.5)
                if self._ending or self._clock.seconds() + pause > deadline:
                    raise
                await deferLater(self._clock, pause)


class Listener:
    """LISTEN on a connection of its own, which it replaces when it is lost.

    Whoever subscribed is called after each (re)connection too, because a notification may have been missed meanwhile.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, config: DatabaseConfig, heard: Callable[[str], object],
                 channels: Collection[str]) -> None:
        self._clock, self._config, self._heard, self._channels = clock, config, heard, tuple(channels)
        self._link: Link | None = None
        self._listens = False  # the link hears every channel
        self._retry: Any = None
        self._attempt: Deferred[None] | None = None
        self._stopped = False
        self._failures = 0

    def start(self) -> None:
        """Begin listening; never fails, keeps trying."""
        self._attempt = Deferred.fromCoroutine(self._listen()).addErrback(
            lambda f: self.log.failure("the listener failed", failure=f))

    async def stop(self) -> None:
        """Stop for good; returns when the connection is closed, and one that is being opened too."""
        self._stopped = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._hang_up()
        if self._attempt is not None:
            await self._attempt

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _listen(self) -> None:
        self._retry = None
        try:
            if self._link is None or not (self._listens and self._link.usable):
                await self._connect()
        except (StoreUnavailable, ConnectionLost) as error:
            self._failures += 1
            if self._failures == 1:
                self.log.warn("no notifications for now, loops poll: {error}", error=error)
        finally:
            if self._stopped:
                self._hang_up()
            else:
                # A lost link is noticed here: cheap, and sure on every reactor.
                self._retry = self._clock.callLater(min(1.0 + self._failures, LISTEN_PAUSE_MAX_S), self.start)

    async def _connect(self) -> None:
        self._hang_up()  # one on which a LISTEN failed hears nothing
        self._listens = False
        self._link = link = await connect(self._clock, self._config, "pandad listener")
        link.on_notify(self._heard)
        for channel in self._channels:
            await link.execute(f'LISTEN "{channel}"')
        self._listens, self._failures = True, 0
        for channel in self._channels:
            self._heard(channel)
