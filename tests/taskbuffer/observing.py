"""A look at the database from beside the store under test, and small bodies of transactions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from factories import a_job, stored
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread

from pandad.config import DatabaseConfig
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import jobs
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.pool import Link, Row, connect
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction

T = TypeVar("T")

PATIENCE_S = 30.0
LOOK_AGAIN_S = 0.02


async def eventually(condition: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Return as soon as it holds; how long that takes is no part of any property, unless it takes for ever."""
    clock: Any = reactor
    deadline = clock.seconds() + PATIENCE_S
    while True:
        met = condition()
        if met if isinstance(met, bool) else await met:
            return
        assert clock.seconds() < deadline, "this never came true"
        await deferLater(clock, LOOK_AGAIN_S)


@dataclass(frozen=True)
class Observer:
    """A session of its own on the test's database."""

    link: Link

    async def rows(self, text: str, **parameters: Any) -> list[Row]:
        """Run one statement."""
        return (await self.link.execute(text, parameters or None))[0]

    async def value(self, text: str, **parameters: Any) -> Any:
        """The one value that the statement gives."""
        ((value,),) = await self.rows(text, **parameters)
        return value

    async def sessions(self, application: str = "pandad") -> list[int]:
        """Backend process ids of that application on this database."""
        return [
            pid
            for (pid,) in await self.rows(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = %(a)s", a=application
            )
        ]

    async def kill(self, application: str = "pandad") -> int:
        """Terminate all sessions of that application, and see them gone; how many there were."""
        doomed = await self.sessions(application)
        await self.rows("SELECT pg_terminate_backend(pid) FROM unnest(%(pids)s::integer[]) AS pid", pids=doomed)

        async def gone() -> bool:
            return not set(doomed) & set(await self.sessions(application))

        await eventually(gone)
        return len(doomed)

    async def no_sessions(self, application: str = "pandad") -> bool:
        """Whether all sessions of that application are gone."""
        return not await self.sessions(application)


async def observe(config: DatabaseConfig) -> Observer:
    """Open one."""
    return Observer(await connect(reactor, config, "observer"))


def in_reactor(call: Callable[[], Deferred[T]]) -> T:
    """For hypothesis, which knows no Deferreds and so runs in a thread: call this in the reactor and wait for its result."""
    clock: Any = reactor
    result: T = blockingCallFromThread(clock, call)  # type: ignore[arg-type]
    return result


def statement(text: str) -> Statement:
    """A statement of a test, which is not on the list of pandad's."""
    return Statement("test", text)


async def run(txn: Transaction, /, text: str, **parameters: Any) -> int:
    """A transaction's body of one statement."""
    return await txn.run(statement(text), **parameters)


async def rows(txn: Transaction, /, text: str, **parameters: Any) -> list[Row]:
    """A transaction's body of one query."""
    return await txn.many(statement(text), **parameters)


async def notes(store: Store) -> list[int]:
    """What is durable."""
    return [n for (n,) in await store.once("notes", rows, "SELECT n FROM note ORDER BY n")]


async def write(txn: Transaction, n: int) -> int:
    """One row."""
    return await run(txn, "INSERT INTO note VALUES (%(n)s)", n=n)


async def forced(txn: Transaction, statuses: Sequence[JobStatus]) -> list[int]:
    """New jobs, put into these states past all rules."""
    ids = await stored(txn, [a_job(computingSite="Q") for _ in statuses])
    await run(
        txn,
        """UPDATE job SET jobstatus = s::job_status, holdersubject = 'x', endtime = now()
           FROM unnest(%(ids)s::bigint[], %(s)s::text[]) AS u(id, s) WHERE pandaid = id""",
        ids=ids,
        s=list(statuses),
    )
    return ids


async def now_in(txn: Transaction, ids: Sequence[int]) -> list[JobStatus]:
    """Their states."""
    return [s.status for s in await jobs.states(txn, ids) if s is not None]


async def history(txn: Transaction, panda_id: int) -> list[JobEvent]:
    """Without the submission."""
    return (await jobs.events(txn, panda_id))[1:]
