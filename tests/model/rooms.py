"""The rooms of the daemon on a store, with data management in memory; and what the machine looks at beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from factories import PILOT, QUEUE, a_caller, a_file, a_queue
from fakes.ddm import FakeDDM
from stages import PILOT_CALLER
from twisted.internet import reactor
from twisted.internet.task import Clock

from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig, DataServiceConfig, SharesConfig, TimeoutsConfig
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.ddm import FileName
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.jobdispatcher.watcher import PAUSE_MAX_S, Watcher
from pandad.spec.caller import Role
from pandad.spec.job import ClaimedJob, JobSpec
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import moves, sites
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.submission import Receipt

from .history import History
from .reference import Message

DISK, SCOPE = "TEST_DISK", "user.alice"
CONTENT = b"five!"
REPORT = '{"%s": {"guid": "g", "fsize": 5, "adler32": "%08x"}}'
ONE_ATTEMPT = RetryPolicy(1, 1)  # retries have tests of their own
SILENCE_S = 4 * 3600  # more than any pilot is allowed, less than any limit on jobs that wait
CALLERS = {"alice": a_caller("alice"), "bob": a_caller("bob"), "admin": a_caller("root", Role.ADMIN)}

_LOOK = Statement("model.look", """
    SELECT (SELECT jsonb_agg(jsonb_build_array(
                pandaid, jobstatus, attemptnr, reportedstatus, commandtopilot, batchid, superrorcode <> 0)) FROM job),
           (SELECT jsonb_agg(jsonb_build_array(id, pandaid, event, fromstatus, tostatus, attemptnr, actor) ORDER BY id)
            FROM job_event WHERE id > %(last)s)""")
_SILENT = Statement("model.silent", """
    UPDATE job SET modificationtime = now() - make_interval(secs => %(s)s),
                   statechangetime = now() - make_interval(secs => %(s)s) WHERE pandaid = ANY (%(ids)s::bigint[])""")
_EMPTY = Statement("model.empty", "TRUNCATE job, job_event, job_report, job_decision, submission CASCADE")


class Rooms:
    """One daemon without its edges. Its loops run when they are told, and see every job as due."""

    def __init__(self, store: Store) -> None:
        self.store, self.ddm = store, FakeDDM(DISK)
        self._dispatcher = Dispatcher(store, reactor, SharesConfig())
        self._heartbeat, self._interface = Heartbeat(store), Jobs(store)
        data = DataServiceConfig(missing_retry_s=0)
        self._clock = Clock()  # of the pauses between sweeps only
        self._broker = Cycle(store, BrokerageConfig())
        self._watcher = Watcher(store, TimeoutsConfig(), ONE_ATTEMPT, self._clock)
        self._activator, self._adder = Activator(store, self.ddm, data), Adder(store, self.ddm, data, ONE_ATTEMPT)

    async def prepare(self) -> None:
        """A queue for all jobs."""
        await self.store.transact("model_queue", sites.put, a_queue(), "model")

    async def begin(self) -> None:
        """No jobs."""
        await self.store.once("model_empty", _run, _EMPTY)

    async def submit(self, who: str, specs: Sequence[JobSpec], request_id: str | None) -> Receipt:
        """New jobs."""
        return await self._interface.submit(CALLERS[who], specs, request_id)

    async def acquire(self, node: str, count: int) -> list[ClaimedJob]:
        """What a pilot gets."""
        return await self._dispatcher.acquire(
            PILOT_CALLER, AcquireJobs(site_name=QUEUE, node=node, prod_source_label="user", n_jobs=count))

    async def say(self, said: Message, who: str | None = None) -> str:
        """What a pilot is answered; or, in its place, a person."""
        update = JobUpdate(
            job_id=said.job, job_status=said.word, attempt_nr=said.attempt, batch_id=said.batch, node=said.node,
            job_output_report=REPORT % (output(said.job), ADLER32) if said.files else "")
        return await self._heartbeat.update(CALLERS[who] if who else PILOT_CALLER, update)

    async def kill(self, who: str, ids: Sequence[int]) -> list[bool]:
        """A person wants the end of jobs."""
        return await self._interface.kill(CALLERS[who], ids)

    async def broker(self) -> None:
        """One round."""
        await self._broker.run_once()

    async def activate(self) -> None:
        """One round."""
        await self._activator.run_once()

    async def add(self) -> None:
        """One round."""
        await self._adder.run_once()

    async def fall_silent(self, ids: Sequence[int]) -> None:
        """The pilots of these jobs have not spoken for long, and the watcher looks."""
        await self.store.once("model_silent", _run, _SILENT, s=SILENCE_S, ids=list(ids))
        self._clock.advance(PAUSE_MAX_S)
        await self._watcher.run_once()

    async def retry(self, ids: Sequence[int], attempts: Sequence[int]) -> None:
        """New attempts of these jobs, if they still are in those."""
        changes = [
            moves.Change(i, {"attemptNr": n + 1, "reportedstatus": None}, attempt_nr=n)
            for i, n in zip(ids, attempts, strict=True)]
        await self.store.transact("model_retry", _retry, changes)

    def storage_answers(self, answers: bool) -> None:
        """From now on, or not."""
        self.ddm.out = set() if answers else {DISK}

    def put(self, name: str) -> None:
        """A file arrives at the queue's storage."""
        self.ddm.put(DISK, FileName(SCOPE, name), CONTENT)

    async def look(self, history: History) -> list[Row]:
        """All jobs as they are stored; the history reads what is new."""
        ((stored, events),) = await self.store.once("model_look", _many, _LOOK, last=history.last_id)
        history.reads(events or ())
        return [tuple(row) for row in stored or ()]


ADLER32 = 0x05F401CC  # of CONTENT


def output(job: int) -> str:
    """The name of a job's output."""
    return f"out.{job:05d}"


def spec(has_input: bool, has_output: bool, name: str) -> JobSpec:
    """A job to submit; ``name`` names its input."""
    files = [a_file(type="input", lfn=name, scope=SCOPE)] if has_input else []
    files += [a_file(lfn="out.$PANDAID", scope=SCOPE, destinationSE=None)] if has_output else []
    return JobSpec(transformation="run.sh", jobName=name, prodSourceLabel="user", maxAttempt=1, Files=files)


async def _retry(txn: Transaction, changes: Sequence[moves.Change]) -> None:
    await moves.move(txn, Event.RETRIED, changes, actor=Actor.WATCHER, who=PILOT.subject)


async def _run(txn: Transaction, /, statement: Statement, **parameters: Any) -> int:
    return await txn.run(statement, **parameters)


async def _many(txn: Transaction, /, statement: Statement, **parameters: Any) -> list[Row]:
    return await txn.many(statement, **parameters)
