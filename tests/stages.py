"""Jobs at a stage of their life: brought there by the same events as in the daemon, looked at from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from factories import ALICE, PILOT, a_job, a_pilot, a_queue, claim, stored
from twisted.internet.defer import Deferred

from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.job import ClaimedJob, JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import Queue
from pandad.taskbuffer import jobs, moves, sites
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction

PILOT_CALLER = Caller(PILOT, frozenset({Role.PILOT}), False, "node1.test")

# The events that lead to each state by the shortest way, from a job that is activated.
PATHS: dict[JobStatus, tuple[tuple[Event, Actor], ...]] = {
    JobStatus.STARTING: ((Event.STARTED, Actor.PILOT),),
    JobStatus.RUNNING: ((Event.RUNNING, Actor.PILOT),),
    JobStatus.HOLDING: ((Event.RUNNING, Actor.PILOT), (Event.RECOVERING, Actor.PILOT)),
    JobStatus.MERGING: ((Event.RECOVERING, Actor.PILOT), (Event.MERGE_STARTED, Actor.TASK)),
    JobStatus.TRANSFERRING: ((Event.RECOVERING, Actor.PILOT), (Event.TRANSFER_STARTED, Actor.DATASERVICE)),
    JobStatus.FINISHED: ((Event.RECOVERING, Actor.PILOT), (Event.COMPLETED, Actor.DATASERVICE)),
    JobStatus.FAILED: ((Event.STARTED, Actor.PILOT), (Event.LOST, Actor.WATCHER)),
    JobStatus.CANCELLED: ((Event.KILLED, Actor.USER),),
    JobStatus.SENT: (),
}

# What the limits of jobs are reckoned from.
TIMES = {"job": ("creationtime", "modificationtime", "statechangetime"), "alive": ("at", "due"), "outage": ("began", "ended")}


class Stage:
    """The store, with what the tests of the rooms ask and do."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def queue(self, **but: Any) -> Queue:
        """A queue in the store."""
        made = a_queue(**but)
        await self.store.transact("test_queue", sites.put, made, "test")
        return made

    async def jobs(self, *specs: JobSpec, owner: Identity = ALICE) -> list[int]:
        """Jobs in the store, in whatever state they say."""
        return await self.store.transact("test_jobs", stored, specs, owner)

    async def job(self, status: JobStatus = JobStatus.DEFINED, *, owner: Identity = ALICE, **but: Any) -> int:
        """One job in that state; with a pilot's part behind it where the state has one."""
        if status not in PATHS:
            return (await self.jobs(a_job(jobStatus=status, **but), owner=owner))[0]
        (panda_id,) = await self.jobs(a_job(jobStatus=JobStatus.ACTIVATED, **but), owner=owner)
        await self.claim()
        for event, actor in PATHS[status]:
            assert await self.event(event, panda_id, actor=actor)
        return panda_id

    async def claim(self, **but: Any) -> list[ClaimedJob]:
        """What a pilot gets."""
        return await self.store.transact("test_claim", claim, a_pilot(**but))

    async def event(self, event: Event, panda_id: int, *, actor: Actor, **values: object) -> bool:
        """Let something happen to a job; whether it could."""
        return bool(await self.store.transact("test_event", _move, event, panda_id, actor, values))

    async def look(self, panda_id: int) -> JobSpec:
        """The job as it is stored now."""
        (found,) = await self.store.once("test_look", jobs.find, [panda_id])
        assert found is not None
        return found

    async def status(self, panda_id: int) -> JobStatus:
        """Only its state."""
        return (await self.look(panda_id)).jobStatus

    async def history(self, panda_id: int) -> list[JobEvent]:
        """Its events, oldest first."""
        return await self.store.once("test_history", jobs.events, panda_id)

    async def events(self, panda_id: int) -> list[str]:
        """Only their names, the submission left out."""
        return [e.event for e in await self.history(panda_id) if e.event != Event.SUBMITTED]

    async def sql(self, text: str, **parameters: Any) -> list[Row]:
        """A look behind the curtain."""
        return await self.store.once("test_sql", _sql, text, parameters)

    async def silent_for(self, ids: Sequence[int], silence_s: float) -> None:
        """As if nothing had happened to those jobs for so long."""
        await self.sql(
            """UPDATE job SET modificationtime = now() - make_interval(secs => %(s)s),
                              statechangetime = now() - make_interval(secs => %(s)s)
               WHERE pandaid = ANY (%(ids)s) RETURNING 1""",
            s=silence_s,
            ids=list(ids),
        )

    async def later(self, seconds: float) -> None:
        """As if so much time had passed: whatever the database remembers is that much older."""
        for table, columns in TIMES.items():
            older = ", ".join(f"{column} = {column} - make_interval(secs => %(s)s)" for column in columns)
            await self.sql(f"UPDATE {table} SET {older} RETURNING 1", s=seconds)

    async def due(self) -> None:
        """As if every pause before the next look were over."""
        await self.sql("UPDATE job SET nextcheck = now() RETURNING 1")

    async def dump(self) -> list[Row]:
        """Everything about all jobs, to see whether something changed at all."""
        return [
            *await self.sql("SELECT to_jsonb(j) FROM job j ORDER BY pandaid"),
            *await self.sql("SELECT to_jsonb(e) FROM job_event e ORDER BY id"),
            *await self.sql("SELECT to_jsonb(r) FROM job_report r ORDER BY pandaid, attemptnr"),
            *await self.sql("SELECT to_jsonb(t) FROM job_text t ORDER BY pandaid"),
            *await self.sql("SELECT to_jsonb(f) FROM file f ORDER BY row_id"),
        ]


class Meanwhile(Store):
    """The store, in which something happens once, just before the transaction of that name begins."""

    def __init__(self, store: Store, name: str, act: Callable[[], Awaitable[None]]) -> None:
        self._inner, self._name = store, name
        self._act: Callable[[], Awaitable[None]] | None = act

    def transact(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """As the store's."""
        if name != self._name or self._act is None:
            return self._inner.transact(name, body, *args, **kwargs)
        return Deferred.fromCoroutine(self._after_act(name, body, *args, **kwargs))

    def once(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """As the store's."""
        return self._inner.once(name, body, *args, **kwargs)

    def read(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """As the store's."""
        return self._inner.read(name, body, *args, **kwargs)

    async def _after_act(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Any:
        act, self._act = self._act, None
        assert act is not None
        await act()
        return await self._inner.transact(name, body, *args, **kwargs)


async def _move(txn: Transaction, event: Event, panda_id: int, actor: Actor, values: dict[str, object]) -> list[moves.Moved]:
    return await moves.move(txn, event, [Change(panda_id, values)], actor=actor, who="test")


async def _sql(txn: Transaction, text: str, parameters: dict[str, Any]) -> list[Row]:
    return await txn.many(Statement("test", text), **parameters)
