"""The rooms of the daemon on a store, with data management in memory; and what the machine looks at beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from factories import a_caller, a_file, a_queue
from fakes.ddm import FakeDDM
from stages import PILOT_CALLER
from twisted.internet import reactor
from twisted.internet.task import Clock

from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig, DataServiceConfig, SharesConfig, TimeoutsConfig
from pandad.dataservice.activator import Activator
from pandad.dataservice.adder import Adder
from pandad.dataservice.ddm import FileName
from pandad.jobdispatcher.caps import Caps
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.jobdispatcher.watcher import PAUSE_MAX_S, Watcher
from pandad.spec.caller import Role
from pandad.spec.job import JobSpec
from pandad.spec.retry import Action, RetryPolicy, RetryRule
from pandad.taskbuffer import sites
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.submission import Receipt

from .history import History
from .reference import CAPS, FEW, SILENT_TRIES, Job, Message
from .retries import ATTEMPTS, MEMORY_MB, MOST_ATTEMPTS, MOST_MEMORY_MB, MOST_TIME_S

DISK, SCOPE = "TEST_DISK", "user.alice"
CONTENT = b"five!"
REPORT = '{"%s": {"guid": "g", "fsize": 5, "adler32": "%08x"}}'
SILENCE_S = 4 * 3600  # more than any pilot is allowed, less than any limit on jobs that wait
AGE_S = 30 * 24 * 3600  # more than anything is allowed
CALLERS = {"alice": a_caller("alice"), "bob": a_caller("bob"), "admin": a_caller("root", Role.ADMIN)}

POLICY = RetryPolicy(ATTEMPTS, MOST_ATTEMPTS, (
    RetryRule(name="never", source="pilot", codes=(1305,), action=Action.NO_RETRY),
    RetryRule(name="memory", source="pilot", codes=(1212,), action=Action.MORE_MEMORY, factor=2, most_mb=MOST_MEMORY_MB),
    RetryRule(name="time", source="pilot", codes=(1324,), action=Action.MORE_TIME, factor=2, most_s=MOST_TIME_S),
    RetryRule(name="elsewhere", source="pilot", codes=(1099,), action=Action.AVOID_SITE),
    RetryRule(name="late elsewhere", source="jobDispatcher", codes=(101,), action=Action.AVOID_SITE),
    RetryRule(name="outputs twice", source="ddm", codes=(200,), action=Action.LIMIT, attempts=2),
    RetryRule(name="twice", source="transExitCode", codes=(7,), action=Action.LIMIT, attempts=2)))

_LOOK = Statement("model.look", """
    SELECT (SELECT jsonb_agg(jsonb_build_array(
                j.pandaid, j.jobstatus, j.computingsite, j.attemptnr, j.reportedstatus, j.commandtopilot, j.batchid,
                j.superrorcode <> 0, j.currentpriority, j.minramcount, j.maxwalltime, j.avoided,
                (l.minramcount, l.maxwalltime) = (j.minramcount, j.maxwalltime)))
            FROM job j JOIN line l ON l.id = j.line),
           (SELECT jsonb_agg(jsonb_build_array(id, pandaid, event, fromstatus, tostatus, attemptnr, actor, why) ORDER BY id)
            FROM job_event WHERE id > %(last)s),
           ARRAY(SELECT concat_ws(' ', queue, jobstatus, n.jobs, s.jobs)
                 FROM tally_scan s FULL JOIN tally_now n USING (queue, jobstatus, label, resource_type)
                 WHERE (s.jobs, s.cores) IS DISTINCT FROM (n.jobs, n.cores))""")
_OLDER = Statement("model.older", """
    UPDATE job SET modificationtime = now() - make_interval(secs => %(silent_s)s),
                   statechangetime = now() - make_interval(secs => %(same_s)s) WHERE pandaid = ANY (%(ids)s::bigint[])""")
_EMPTY = Statement("model.empty", "TRUNCATE job, job_event, job_report, job_decision, submission, tally, tally_delta CASCADE")


class Rooms:
    """One daemon without its edges. Its loops run when they are told, and see every job as due."""

    def __init__(self, store: Store) -> None:
        self.store, self.ddm = store, FakeDDM(DISK)
        shares = SharesConfig(user_cap=CAPS["alice"], group_caps={FEW: CAPS[FEW]})
        self._dispatcher = Dispatcher(store, reactor, shares)
        self._heartbeat, self._interface = Heartbeat(store), Jobs(store)
        data = DataServiceConfig(missing_retry_s=0)
        self._clock = Clock()  # of the pauses between sweeps only
        self._broker = Cycle(store, BrokerageConfig(waiting_limit=0), self._clock, self.ddm)
        self._watcher = Watcher(store, TimeoutsConfig(sent_tries=SILENT_TRIES), POLICY, self._clock)
        self._activator = Activator(store, self.ddm, data, self._clock)
        self._adder = Adder(store, self.ddm, data, POLICY)
        self._caps = Caps(store, shares)

    async def prepare(self) -> None:
        """The queues."""
        for name, memory_mb in MEMORY_MB.items():
            await self.store.transact("model_queue", sites.put, a_queue(nickname=name, maxrss=memory_mb), "model")

    async def begin(self) -> None:
        """No jobs."""
        await self.store.once("model_empty", _run, _EMPTY)

    async def submit(self, who: str, specs: Sequence[JobSpec], request_id: str | None) -> Receipt:
        """New jobs."""
        return await self._interface.submit(CALLERS[who], specs, request_id)

    async def acquire(self, queue: str, node: str, count: int) -> Sequence[JobSpec]:
        """What a pilot gets."""
        return await self._dispatcher.acquire(
            PILOT_CALLER, AcquireJobs(site_name=queue, node=node, prod_source_label="user", n_jobs=count))

    async def say(self, said: Message, who: str | None = None) -> str:
        """What a pilot is answered; or, in its place, a person."""
        update = JobUpdate(
            job_id=said.job, job_status=said.word, attempt_nr=said.attempt, batch_id=said.batch, node=said.node,
            pilot_error_code=said.error, trans_exit_code=str(said.exit) if said.exit else None,
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

    async def hold(self) -> None:
        """One round of the caps."""
        await self._caps.run_once()

    async def watch(self, ids: Sequence[int], silent_s: float, same_s: float) -> None:
        """Nobody has spoken of these jobs for so long, nor has their state changed for so long, and the watcher looks."""
        await self.store.once("model_older", _run, _OLDER, silent_s=silent_s, same_s=same_s, ids=list(ids))
        self._clock.advance(PAUSE_MAX_S)
        await self._watcher.run_once()

    def storage_answers(self, answers: bool) -> None:
        """From now on, or not."""
        self.ddm.out = set() if answers else {DISK}

    def put(self, name: str) -> None:
        """A file arrives at the queue's storage."""
        self.ddm.put(DISK, FileName(SCOPE, name), CONTENT)

    async def look(self, history: History) -> list[Row]:
        """All jobs as they are stored; the history reads what is new. The counters say what is stored."""
        ((stored, events, miscounted),) = await self.store.once("model_look", _many, _LOOK, last=history.last_id)
        history.reads(events or ())
        assert miscounted == []
        return [tuple(row) for row in stored or ()]


ADLER32 = 0x05F401CC  # of CONTENT


def output(job: int) -> str:
    """The name of a job's output."""
    return f"out.{job:05d}"


def spec(job: Job, name: str) -> JobSpec:
    """A job as this one, to submit; ``name`` names its input."""
    files = [a_file(type="input", lfn=name, scope=SCOPE)] if job.has_input else []
    files += [a_file(lfn="out.$PANDAID", scope=SCOPE, destinationSE=None)] if job.has_output else []
    return JobSpec(
        transformation="run.sh", jobName=name, prodSourceLabel="user", maxAttempt=job.may, workingGroup=job.group or None,
        computingSite=job.queue, minRamCount=job.memory_mb, maxWalltime=job.time_s, Files=files)


async def _run(txn: Transaction, /, statement: Statement, **parameters: Any) -> int:
    return await txn.run(statement, **parameters)


async def _many(txn: Transaction, /, statement: Statement, **parameters: Any) -> list[Row]:
    return await txn.many(statement, **parameters)
