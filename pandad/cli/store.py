"""Work on the store itself, for an operator on the host: the reactor runs until one coroutine is through."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.failure import Failure

from pandad.cli.failures import Unusable
from pandad.cli.options import add_config as add_config
from pandad.config import DatabaseConfig, load
from pandad.spec.act import Doer, operator_on
from pandad.taskbuffer import migrate
from pandad.taskbuffer.migrate import Standing
from pandad.taskbuffer.store import Store

T = TypeVar("T")


class WrongSchema(Unusable):
    """The database's schema is not the one this command works with."""

    def __init__(self, found: Standing) -> None:
        advice = "run `pandad upgrade`, or start the daemon" if found.applied < found.known else "install a newer pandad"
        super().__init__(f"the database has schema {found.applied}, this pandad wants {found.known}: {advice}")
        self.found = found


def operator() -> str:
    """Who is at work here, for the record: the login name and the host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def as_operator() -> Doer:
    """The same for the audit."""
    return operator_on(getpass.getuser(), socket.gethostname())


def on_store(config: Path, work: Callable[[Store], Awaitable[T]], statement_timeout_s: float | None = None) -> T:
    """Run `work` on the store of a configuration. Once in a process: a reactor cannot start again.

    :param statement_timeout_s: in place of the configuration's, for work that no pilot or user waits for.
    :raise ConfigError: the configuration is wrong.
    :raise WrongSchema: the database was made by another version of pandad.
    """
    database = load(config, on_this_host=False).database
    database = replace(database, statement_timeout_s=statement_timeout_s or database.statement_timeout_s)
    return on_store_and_net(database, lambda store, reactor: work(store))


def on_store_and_net(database: DatabaseConfig, work: Callable[[Store, Any], Awaitable[T]]) -> T:
    """Run `work`, which gets the reactor too, on a database. Once in a process.

    :raise WrongSchema: the database was made by another version of pandad.
    """

    async def checked(store: Store, reactor: Any) -> T:
        found = await store.transact("cli_standing", migrate.standing)
        if not found.serves:
            raise WrongSchema(found)
        return await work(store, reactor)

    return _in_reactor(database, checked)


def in_reactor(database: DatabaseConfig, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` on a database whatever its schema; its result or its error."""
    return _in_reactor(database, lambda store, reactor: work(store))


def _in_reactor(database: DatabaseConfig, work: Callable[[Store, Any], Awaitable[T]]) -> T:
    outcome: list[Any] = []

    async def session(reactor: Any) -> None:
        store = Store(reactor, database)
        try:
            outcome.append(await work(store, reactor))
        finally:
            await store.close()

    def begin(reactor: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(session(reactor)).addErrback(outcome.append)

    with suppress(SystemExit):  # react always ends so; the outcome tells how it went
        react(begin)
    if not outcome:
        raise KeyboardInterrupt
    if isinstance(outcome[-1], Failure):
        outcome[-1].raiseException()
    result: T = outcome[-1]
    return result
