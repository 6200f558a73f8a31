"""Lives of a job, step by step through the real rooms, each step repeated by its client or loop until it is answered."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pandad.config import DatabaseConfig
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.jobdispatcher.jobsecrets import Extra
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import StoreUnavailable
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.spec.share import AGEING_GAIN
from pandad.taskbuffer import audit, fsck, moves
from pandad.taskbuffer.store import Transaction
from pandad.userinterface.submission import Receipt

from .history import History, Submission
from .scalpel import Scalpel
from .stand import QUEUE
from .stored import Observer, final
from .world import VAULT, World

T = TypeVar("T")

TRIES, PAUSE_S = 50, 0.02
SCOPE = "user.alice"
ANCHOR = "/DC=org/DC=test/CN=Test CA"
ALICE = Caller(Identity(ANCHOR, "/DC=org/DC=test/CN=alice"), frozenset({Role.PRODUCTION}), False, "client.test")
PILOT = Caller(Identity(ANCHOR, "/DC=org/DC=test/CN=pilot"), frozenset({Role.PILOT}), False, "node.test")
AGE = """UPDATE job SET statechangetime = now() - interval '30 days', nextcheck = now(),
             modificationtime = CASE WHEN %(lively)s THEN modificationtime ELSE now() - interval '30 days' END
         WHERE pandaid = %(id)s RETURNING 1"""
LIVE_IDS = "SELECT pandaid FROM job WHERE pandaid <> %(but)s AND jobstatus <> ALL (%(final)s::text[]::job_status[])"
HOT = "SELECT 1 FROM job WHERE pandaid = %(id)s"
PRIORITY = "SELECT currentpriority FROM job_ever WHERE pandaid = %(id)s"
STATUS = "SELECT jobstatus FROM job_ever WHERE pandaid = %(id)s"
DAYS = 31
UNSEALED = "SELECT count(*) FROM audit WHERE place IS NULL"
COMMAND = "SELECT commandtopilot FROM job WHERE pandaid = %(id)s"


class Stuck(Exception):
    """A step that never succeeded."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where lives are led."""

    clock: Any
    database: DatabaseConfig
    storage: Path
    observer: Observer


class Life:
    """One job, its clients, and the process they talk to; another takes its place when it dies.

    Steps under `cut` are under the scalpel; the others are the way to them. ``limit``: which timeout the watcher looks after.
    ``extra``: what the pilot got with the job.
    """

    def __init__(self, place: Place, scalpel: Scalpel) -> None:
        self.place, self.scalpel, self.history = place, scalpel, History()
        self.job_id = self.attempt_nr = 0
        self.limit = "sent"
        self.extra: Extra = {}
        self._world = self._new_world()

    async def clear_others(self) -> None:
        """End the copies of a submission that was stored twice: nobody waits for them."""
        self.scalpel.awake = False
        live = await self.place.observer.rows(LIVE_IDS, final=final(), but=self.job_id)
        await self.answered(lambda world: world.store.transact("life_end", _ended, [row[0] for row in live]))

    async def flaws(self) -> list[str]:
        """What `pandad fsck` and `pandad audit verify` find wrong, once all that waits for it is sealed."""
        self.scalpel.awake = False
        found = await self.answered(lambda world: fsck.examine(world.store, fsck.INVARIANTS, fsck.bounds(DAYS, 0), 0.0))
        while await self.unsealed():
            await self.round("audit")
        chain = await self.answered(lambda world: world.store.transact("verify", audit.verify_apart, VAULT.audit_keys))
        said = [f"{each.invariant.name}: {each.id} {each.text}" for each in found.findings]
        return [*said, *filter(None, [found.stopped]), *chain.problems]

    async def unsealed(self) -> int:
        """How many acts wait for their place in the audit."""
        ((count,),) = await self.place.observer.rows(UNSEALED)
        return int(count)

    async def end(self) -> None:
        """Leave nothing behind that the next life would meet, and close the store."""
        self.job_id = 0
        await self.clear_others()
        await self._world.store.close()

    async def submit(self, together: int = 1, **but: Any) -> None:
        """Alice hands the job in; or several at once, each in a call of its own, of which the first is the job."""
        made = [Submission([f"life.{uuid.uuid4().hex}"]) for _ in range(together)]
        self.history.submissions += made

        async def call(world: World) -> list[Receipt]:
            for each in made:
                each.tries += 1
            calls = [world.jobs.submit(ALICE, [a_job(each.names[0], **but)], each.names[0]) for each in made]
            return await all_of(calls)

        for each, receipt in zip(made, await self.answered(call), strict=True):
            each.ids = [job.PandaID or 0 for job in receipt.jobs]
        self.job_id = (made[0].ids or [0])[0]

    async def loop(self, name: str, look: Callable[[], Awaitable[object]] | None = None) -> None:
        """Rounds of a loop until it has changed what is looked at, the job's state by default."""
        look = look or self.status
        before = await look()
        for _ in range(TRIES):
            await self.round(name)
            if await look() != before:
                return
            await self._pause()
        raise Stuck(f"{name} left the job {await self.status()}, and all at {before}")

    async def round(self, name: str) -> None:
        """One round of a loop."""
        await self.answered(lambda world: world.loops[name]())

    async def age_waiting(self) -> None:
        """The job has waited for days: its priority goes up, once."""
        before = await self._priority()
        await self.age()
        while await self._priority() == before:
            await self.round("ageing")
        if await self._priority() != before + AGEING_GAIN:
            raise Stuck("the job aged more than once")

    async def archive(self) -> None:
        """The job ended long ago, and leaves the hot tables."""
        await self.age()
        for _ in range(TRIES):
            if not await self.place.observer.rows(HOT, id=self.job_id):
                return
            await self.round("historian")
            await self._pause()
        raise Stuck("the job is not archived")

    async def _priority(self) -> int:
        ((priority,),) = await self.place.observer.rows(PRIORITY, id=self.job_id)
        return int(priority)

    async def acquire(self, count: int = 1, **but: Any) -> None:
        """A pilot asks for jobs until it gets the job; others are of no interest."""
        asked = AcquireJobs(site_name=QUEUE, prod_source_label="unified", n_jobs=count, node="node.test", **but)
        for _ in range(TRIES):
            for job, extra in await self.answered(lambda world: world.acquire(PILOT, asked)):
                if job.PandaID == self.job_id:
                    self.attempt_nr, self.extra = job.attemptNr, extra
                    self.history.handed[self.job_id, self.attempt_nr] += 1
                    return
            if await self.status() is JobStatus.SENT:
                await self._expire()  # a reply was lost
            await self._pause()
        raise Stuck(f"no pilot gets the job, it is {await self.status()}")

    async def say(self, word: str, caller: Caller = PILOT, **more: Any) -> str:
        """The pilot says how the job is."""
        report = _written(self.place.storage, self.job_id) if word == "finished" else ""
        update = JobUpdate(job_id=self.job_id, job_status=word, attempt_nr=self.attempt_nr, job_output_report=report, **more)
        command = await self.answered(lambda world: world.heartbeat.update(caller, update))
        self.history.heard[self.job_id, self.attempt_nr, word].append(command)
        return command

    async def kill(self) -> None:
        """Alice regrets."""
        self.history.kills[self.job_id] = False
        (self.history.kills[self.job_id],) = await self.answered(lambda world: world.jobs.kill(ALICE, [self.job_id]))

    async def age(self, *, lively: bool = False) -> None:
        """As if the job had been where it is for a month, and nobody had heard of it; or its pilot speaks all the time."""
        await self.place.observer.rows(AGE, id=self.job_id, lively=lively)

    async def status(self) -> JobStatus:
        """As it is stored."""
        ((status,),) = await self.place.observer.rows(STATUS, id=self.job_id)
        return JobStatus(status)

    async def command(self) -> str | None:
        """What its pilot is to be told."""
        ((command,),) = await self.place.observer.rows(COMMAND, id=self.job_id)
        return None if command is None else str(command)

    async def finish(self) -> None:
        """Whatever state the job is in: bring it to an end, by pilots and loops without faults."""
        self.scalpel.awake = False
        for _ in range(TRIES):
            if not self.job_id or (status := await self.status()) in FINAL:
                return
            if status is JobStatus.ACTIVATED:
                await self.acquire()
                await self.say("running")
            elif status in (JobStatus.STARTING, JobStatus.RUNNING):
                await self.say("finished")
            elif status is JobStatus.SENT:
                await self._expire()
            else:
                for name in ("brokerage", "activator", "adder"):
                    await self.round(name)

    async def _expire(self) -> None:
        awake, limit = self.scalpel.awake, self.limit
        self.scalpel.awake, self.limit = False, "sent"
        await self.age()
        await self.round("watcher")
        self.scalpel.awake, self.limit = awake, limit

    async def answered(self, call: Callable[[World], Awaitable[T]]) -> T:
        """The answer; the call is repeated as clients and loops do, and to another process if this one died."""
        for _ in range(TRIES):
            try:
                return await _first(call(self._world), self.scalpel.died)
            except StoreUnavailable:
                pass
            except _Died:
                self._world.store.abandon()
                self.scalpel.died = Deferred()
                self._world = self._new_world()
            await self._pause()
        raise Stuck("a call is never answered")

    async def _pause(self) -> None:
        await deferLater(self.place.clock, PAUSE_S)

    def _new_world(self) -> World:
        return World(self.place.clock, self.place.database, self.place.storage, self.scalpel, lambda: self.limit)


class _Died(Exception):
    """The process is gone."""


def _first(call: Awaitable[T], died: Deferred[None]) -> Deferred[T]:
    """The result of the call, or _Died when the process does first."""
    outcome: Deferred[Any] = Deferred()

    async def awaited() -> T:
        return await call

    def decide(result: Any) -> None:
        if not outcome.called:
            outcome.callback(result)

    Deferred.fromCoroutine(awaited()).addBoth(decide)
    died.addCallback(lambda _: decide(Failure(_Died())))
    return outcome


async def _ended(txn: Transaction, ids: Sequence[int]) -> None:
    await moves.move(txn, Event.FORCE_KILLED, [moves.Change(i) for i in ids], actor=Actor.USER, who="faults")


async def all_of(calls: Sequence[Awaitable[T]]) -> list[T]:
    """The answers of calls that were made together; the first failure, if one fails.

    :raise StoreUnavailable: all of them must come again.
    """

    async def one(call: Awaitable[T]) -> T:
        return await call

    try:
        return await gatherResults([Deferred.fromCoroutine(one(call)) for call in calls], consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()


def a_job(name: str, **but: Any) -> JobSpec:
    """Alice's job with one output."""
    output = FileSpec(lfn="$PANDAID.out", type="output", scope=SCOPE, destinationDBlock="user.alice.out")
    values: dict[str, Any] = {
        "jobName": name, "transformation": "run.sh", "jobParameters": "--x", "prodSourceLabel": "user", "coreCount": 1,
        "minRamCount": 500, "maxAttempt": 2, "Files": [output]}
    return JobSpec(**{**values, **but})


def _written(storage: Path, panda_id: int) -> str:
    """The output of that job, put where it belongs, and the pilot's report of it."""
    name = FileName(SCOPE, f"{panda_id:05d}.out")
    path = path_of(storage, name)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content := name.lfn.encode())
    return json.dumps({name.lfn: {"guid": str(uuid.uuid4()), "fsize": len(content), "adler32": f"{zlib.adler32(content):08x}"}})
