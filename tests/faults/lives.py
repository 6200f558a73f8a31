"""Lives of a job, step by step through the real rooms, each step repeated by its client or loop until it is answered."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure

from pandad.brokerage.cycle import Cycle
from pandad.config import (
    BrokerageConfig,
    DatabaseConfig,
    DataServiceConfig,
    HistoryConfig,
    RetryConfig,
    SharesConfig,
    TimeoutsConfig,
)
from pandad.daemons.historian import Historian
from pandad.daemons.lease import Leases
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import LocalDDM, path_of
from pandad.jobdispatcher.ageing import Ageing
from pandad.jobdispatcher.caps import Caps
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.jobdispatcher.watcher import PAUSE_MAX_S, Watcher
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import StoreUnavailable
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.spec.retry import RetryPolicy
from pandad.spec.share import AGEING_GAIN
from pandad.taskbuffer import moves
from pandad.taskbuffer.retries import policy_of
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.submission import Receipt

from .history import History, Submission
from .scalpel import CutStore, Scalpel
from .stand import ENDPOINT, QUEUE
from .stored import Observer, final

T = TypeVar("T")

TRIES, PAUSE_S = 50, 0.02
SCOPE = "user.alice"
ANCHOR = "/DC=org/DC=test/CN=Test CA"
ALICE = Caller(Identity(ANCHOR, "/DC=org/DC=test/CN=alice"), frozenset(), False, "client.test")
PILOT = Caller(Identity(ANCHOR, "/DC=org/DC=test/CN=pilot"), frozenset({Role.PILOT}), False, "node.test")
AGE = """UPDATE job SET modificationtime = now() - interval '30 days', statechangetime = now() - interval '30 days',
         nextcheck = now() WHERE pandaid = %(id)s RETURNING 1"""
LIVE_IDS = "SELECT pandaid FROM job WHERE pandaid <> %(but)s AND jobstatus <> ALL (%(final)s::text[]::job_status[])"
HOT = "SELECT 1 FROM job WHERE pandaid = %(id)s"
PRIORITY = "SELECT currentpriority FROM job_ever WHERE pandaid = %(id)s"
STATUS = "SELECT jobstatus FROM job_ever WHERE pandaid = %(id)s"


class Stuck(Exception):
    """A step that never succeeded."""


class Watchful:
    """A watcher that looks after every limit in each round."""

    def __init__(self, store: Store, policy: RetryPolicy) -> None:
        self._clock = Clock()
        self._watcher = Watcher(store, TimeoutsConfig(), policy, self._clock)

    async def run_once(self) -> bool:
        """All limits."""
        self._clock.advance(PAUSE_MAX_S)
        return await self._watcher.run_once()


class World:
    """One process: the rooms on a store under the scalpel."""

    def __init__(self, clock: Any, database: DatabaseConfig, storage: Path, scalpel: Scalpel) -> None:
        self.store = store = CutStore(clock, database, scalpel)
        data = DataServiceConfig(endpoints={ENDPOINT: storage})
        ddm = LocalDDM(clock, data.endpoints)
        self.jobs, self.heartbeat = Jobs(store), Heartbeat(store)
        self.dispatcher = Dispatcher(store, clock, SharesConfig())
        leases, policy = Leases(store, PAUSE_S), policy_of(RetryConfig())
        rooms: dict[str, Any] = {
            "brokerage": Cycle(store, BrokerageConfig()), "activator": Activator(store, ddm, data),
            "adder": Adder(store, ddm, data, policy), "watcher": Watchful(store, policy),
            "caps": Caps(store, SharesConfig(user_cap=1)), "ageing": Ageing(store),
            "historian": Historian(store, HistoryConfig())}
        self.loops: Mapping[str, Callable[[], Awaitable[bool]]] = {
            name: leases.exclusive(name, 0.0, room.run_once) for name, room in rooms.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where lives are led."""

    clock: Any
    database: DatabaseConfig
    storage: Path
    observer: Observer


class Life:
    """One job, its clients, and the process they talk to; another takes its place when it dies.

    Steps under `cut` are under the scalpel; the others are the way to them.
    """

    def __init__(self, place: Place, scalpel: Scalpel) -> None:
        self.place, self.scalpel, self.history = place, scalpel, History()
        self.job_id = self.attempt_nr = 0
        self._world = self._new_world()

    async def clear_others(self) -> None:
        """End the copies of a submission that was stored twice: nobody waits for them."""
        self.scalpel.awake = False
        live = await self.place.observer.rows(LIVE_IDS, final=final(), but=self.job_id)
        await self._answered(lambda world: world.store.transact("life_end", _ended, [row[0] for row in live]))

    async def end(self) -> None:
        """Leave nothing behind that the next life would meet, and close the store."""
        self.job_id = 0
        await self.clear_others()
        await self._world.store.close()

    async def submit(self) -> None:
        """Alice hands the job in."""
        name = f"life.{uuid.uuid4().hex}"
        made = Submission([name])
        self.history.submissions.append(made)

        def call(world: World) -> Awaitable[Receipt]:
            made.tries += 1
            return world.jobs.submit(ALICE, [_job(name)], name)

        (job,) = (await self._answered(call)).jobs
        self.job_id = job.PandaID or 0
        made.ids = [self.job_id]

    async def loop(self, name: str) -> None:
        """Rounds of a loop until it has moved the job."""
        before = await self.status()
        for _ in range(TRIES):
            await self._answered(lambda world: world.loops[name]())
            if await self.status() is not before:
                return
            await self._pause()
        raise Stuck(f"{name} left the job {before}")

    async def age_waiting(self) -> None:
        """The job has waited for days: its priority goes up, once."""
        before = await self._priority()
        await self.age()
        while await self._priority() == before:
            await self._answered(lambda world: world.loops["ageing"]())
        if await self._priority() != before + AGEING_GAIN:
            raise Stuck("the job aged more than once")

    async def archive(self) -> None:
        """The job ended long ago, and leaves the hot tables."""
        await self.age()
        for _ in range(TRIES):
            if not await self.place.observer.rows(HOT, id=self.job_id):
                return
            await self._answered(lambda world: world.loops["historian"]())
            await self._pause()
        raise Stuck("the job is not archived")

    async def _priority(self) -> int:
        ((priority,),) = await self.place.observer.rows(PRIORITY, id=self.job_id)
        return int(priority)

    async def acquire(self, count: int = 1, caller: Caller = PILOT) -> None:
        """A pilot asks for jobs until it gets the job; another one can only be the copy of a submission sent twice."""
        asked = AcquireJobs(site_name=QUEUE, prod_source_label="user", n_jobs=count, node="node.test")
        for _ in range(TRIES):
            for job in await self._answered(lambda world: world.dispatcher.acquire(caller, asked)):
                if job.PandaID == self.job_id:
                    self.attempt_nr = job.attemptNr
                    self.history.handed[self.job_id, self.attempt_nr] += 1
                    return
            if await self.status() is JobStatus.SENT:
                await self._expire()  # a reply was lost
            await self._pause()
        raise Stuck(f"no pilot gets the job, it is {await self.status()}")

    async def say(self, word: str, caller: Caller = PILOT) -> str:
        """The pilot says how the job is."""
        report = _written(self.place.storage, self.job_id) if word == "finished" else ""
        update = JobUpdate(job_id=self.job_id, job_status=word, attempt_nr=self.attempt_nr, job_output_report=report)
        command = await self._answered(lambda world: world.heartbeat.update(caller, update))
        self.history.heard[self.job_id, self.attempt_nr, word].append(command)
        return command

    async def kill(self) -> None:
        """Alice regrets."""
        self.history.kills[self.job_id] = False
        (self.history.kills[self.job_id],) = await self._answered(lambda world: world.jobs.kill(ALICE, [self.job_id]))

    async def age(self) -> None:
        """As if the job had not been heard of for a month."""
        await self.place.observer.rows(AGE, id=self.job_id)

    async def status(self) -> JobStatus:
        """As it is stored."""
        ((status,),) = await self.place.observer.rows(STATUS, id=self.job_id)
        return JobStatus(status)

    async def finish(self) -> None:
        """Whatever state the job is in: bring it to an end, by pilots and loops without faults."""
        self.scalpel.awake = False
        for _ in range(TRIES):
            status = await self.status()
            if status in FINAL:
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
                    await self._answered(lambda world, name=name: world.loops[name]())  # type: ignore[misc]

    async def _expire(self) -> None:
        awake, self.scalpel.awake = self.scalpel.awake, False
        await self.age()
        await self._answered(lambda world: world.loops["watcher"]())
        self.scalpel.awake = awake

    async def _answered(self, call: Callable[[World], Awaitable[T]]) -> T:
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
        return World(self.place.clock, self.place.database, self.place.storage, self.scalpel)


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


def _job(name: str) -> JobSpec:
    output = FileSpec(lfn="$PANDAID.out", type="output", scope=SCOPE, destinationDBlock="user.alice.out")
    return JobSpec(jobName=name, transformation="run.sh", jobParameters="--x", prodSourceLabel="user", coreCount=1,
                   minRamCount=500, maxAttempt=2, Files=[output])


def _written(storage: Path, panda_id: int) -> str:
    """The output of that job, put where it belongs, and the pilot's report of it."""
    name = FileName(SCOPE, f"{panda_id:05d}.out")
    path = path_of(storage, name)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content := name.lfn.encode())
    return json.dumps({name.lfn: {"guid": str(uuid.uuid4()), "fsize": len(content), "adler32": f"{zlib.adler32(content):08x}"}})
