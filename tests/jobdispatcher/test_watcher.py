"""Silence is noticed, by the database's clock; a pilot that speaks at the last moment is heard; outages are nobody's silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from factories import PILOT, QUEUE, a_file, a_job
from pytest_twisted import ensureDeferred
from stages import PATHS, PILOT_CALLER, Stage
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from pandad.config import LoopsConfig, TimeoutsConfig
from pandad.daemons.lease import LEASE_PERIODS
from pandad.jobdispatcher import watcher as watcher_module
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.jobdispatcher.watcher import PAUSE_MAX_S, Watcher
from pandad.spec import errorcodes
from pandad.spec.errors import StoreUnavailable
from pandad.spec.jobstatus import IN_SLOT, LIVE, Actor, Event, JobStatus
from pandad.spec.retry import RetryPolicy
from pandad.spec.timeouts import TIMEOUTS, Since, Timeout
from pandad.taskbuffer import facts, moves, outages, tallies, workers
from pandad.taskbuffer import overdue as overdue_module
from pandad.taskbuffer.overdue import Overdue
from pandad.taskbuffer.store import Store, Transaction

ONE_ATTEMPT = RetryPolicy(1, 1)  # what ends an attempt ends the job
CONFIG = TimeoutsConfig()
MARGIN_S, HOUR_S = 20.0, 3600.0
S = JobStatus

# What fits each row: a label and a priority.
LIKE: dict[str, dict[str, Any]] = {
    row.name: {
        "prodSourceLabel": "managed" if row.of.analysis is False else "user",
        "currentPriority": row.of.lowest or row.of.highest or 0,
    }
    for row in TIMEOUTS
}
BY_NAME = {row.name: row for row in TIMEOUTS}
EACH = [(row, status) for row in TIMEOUTS for status in sorted(row.states)]
EACH_ROW = pytest.mark.parametrize(("row", "status"), EACH, ids=[f"{row.name}-{status}" for row, status in EACH])


def limit_s(row: Timeout, config: TimeoutsConfig = CONFIG) -> float:
    return float(getattr(config, row.setting))


async def watch(stage: Stage, config: TimeoutsConfig = CONFIG) -> bool:
    return await Watcher(stage.store, config, ONE_ATTEMPT, Clock()).run_once()


async def overdue(stage: Stage, name: str, status: JobStatus | None = None, **but: Any) -> int:
    """A job that has been where it is for longer than it may."""
    row = BY_NAME[name]
    panda_id = await stage.job(status or min(row.states), **{**LIKE[name], **but})
    await stage.silent_for([panda_id], limit_s(row) + MARGIN_S)
    return panda_id


async def time_of(stage: Stage, attribute: str) -> str:
    """Of the one job, as PanDA writes times."""
    ((text,),) = await stage.sql(f"SELECT to_char({attribute} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM job")
    return str(text)


@ensureDeferred
async def test_sent_and_never_started(stage: Stage) -> None:
    """A job whose pilot never spoke goes back to the queue in a new attempt, in nobody's hands, and the next pilot gets it."""
    panda_id = await overdue(stage, "sent")
    assert not await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.attemptNr, job.jobDispatcherErrorCode) == (S.ACTIVATED, 2, 0)
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.actor, last.attempt_nr, last.why) == (
        Event.SENT_EXPIRED,
        Actor.WATCHER,
        2,
        "no word from its pilot for 40 s",
    )
    assert await stage.sql("SELECT holderanchor, holdersubject FROM job") == [(None, None)]
    assert [(j.PandaID, j.attemptNr) for j in await stage.claim()] == [(panda_id, 2)]


def test_sent_jobs_are_back_within_a_minute() -> None:
    """The lease, a round of the watcher at its latest, and the hand-over from a watcher that died are less than 60 s together."""
    period_s = LoopsConfig().watcher_s
    lease_s = max(LEASE_PERIODS * period_s, LoopsConfig().lease_s)
    assert CONFIG.sent_s + lease_s + 1.2 * period_s < 60


async def go_around(stage: Stage, panda_id: int, config: TimeoutsConfig) -> JobStatus:
    """A pilot gets the job and never speaks."""
    await stage.claim()
    await stage.silent_for([panda_id], limit_s(BY_NAME["sent"]) + MARGIN_S)
    await watch(stage, config)
    return await stage.status(panda_id)


@ensureDeferred
async def test_pilot_after_pilot_never_speaks(stage: Stage) -> None:
    """After so many in a row the job fails with PanDA's code and words; a pilot that speaks begins a new row."""
    config = replace(CONFIG, sent_tries=3)
    panda_id = await stage.job(S.ACTIVATED)
    assert [await go_around(stage, panda_id, config) for _ in range(2)] == [S.ACTIVATED] * 2
    await stage.claim()
    await stage.event(Event.STARTED, panda_id, actor=Actor.PILOT)
    await stage.event(Event.RETRIED, panda_id, actor=Actor.WATCHER)
    assert [await go_around(stage, panda_id, config) for _ in range(3)] == [S.ACTIVATED, S.ACTIVATED, S.FAILED]
    job = await stage.look(panda_id)
    assert (job.jobDispatcherErrorCode, job.jobDispatcherErrorDiag) == (
        errorcodes.DISPATCHER_SENT_WITHOUT_REPLY,
        "Sent job didn't receive reply from pilot within 40 s",
    )


@ensureDeferred
async def test_silence_counts_against_the_queue(stage: Stage) -> None:
    """An attempt that its pilot never spoke of, or not to the end, has failed at its queue; what no pilot had has not."""
    await overdue(stage, "heartbeat_analysis", JobStatus.RUNNING)
    await overdue(stage, "sent")
    await overdue(stage, "transferring")
    await overdue(stage, "activated")
    while await watch(stage):
        pass
    await stage.store.once("fold", tallies.fold, 1000)
    ends = (await stage.store.read("ends", facts.ends, 3600))[QUEUE]
    assert (ends.failed, ends.fast) == (3, 0)
    assert ends.causes == {"jobDispatcher:100": 1, "jobDispatcher:102": 1, "taskBuffer:101": 1}


@ensureDeferred
async def test_any_number_of_pilots(stage: Stage) -> None:
    """With 0 tries a job goes back however often."""
    panda_id = await stage.job(S.ACTIVATED)
    assert [await go_around(stage, panda_id, replace(CONFIG, sent_tries=0)) for _ in range(12)] == [S.ACTIVATED] * 12


@pytest.mark.parametrize("name", ["heartbeat_analysis", "heartbeat_production"])
@pytest.mark.parametrize("status", [S.STARTING, S.RUNNING])
@ensureDeferred
async def test_lost_heartbeats(stage: Stage, name: str, status: JobStatus) -> None:
    """A started job that falls silent fails with PanDA's code and words: when it was last heard of, in UTC."""
    panda_id = await overdue(stage, name, status)
    heard = await time_of(stage, "modificationtime")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode) == (S.FAILED, errorcodes.DISPATCHER_LOST_HEARTBEAT)
    assert job.jobDispatcherErrorDiag == f"lost heartbeat : {heard}"
    assert job.endTime is not None
    assert (await stage.events(panda_id))[-1] == Event.LOST


@pytest.mark.parametrize(("name", "hours"), [("holding_analysis", 3), ("holding_urgent", 3), ("holding_production", 48)])
@ensureDeferred
async def test_recovery_that_never_came(stage: Stage, name: str, hours: int) -> None:
    """A pilot that promised its outputs and did not deliver fails the job with PanDA's code and words."""
    panda_id = await overdue(stage, name)
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode, job.jobDispatcherErrorDiag) == (
        S.FAILED,
        errorcodes.DISPATCHER_RECOVERY_FAILED,
        f"job recovery failed for {hours} hours",
    )


CLOSED = [(row.name, status) for row, status in EACH if row.event is Event.CLOSED]


@pytest.mark.parametrize(("name", "status"), CLOSED)
@ensureDeferred
async def test_expired_before_it_ran(stage: Stage, name: str, status: JobStatus) -> None:
    """A job that no pilot gets for too long is closed, with PanDA's code and words: where it was, and since when."""
    panda_id = await overdue(stage, name, status)
    since = await time_of(stage, "statechangetime")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.taskBufferErrorCode) == (S.CLOSED, errorcodes.TASKBUFFER_EXPIRED)
    assert job.taskBufferErrorDiag == f"expired in {status}. status unchanged since {since}"
    assert job.endTime is not None


@ensureDeferred
async def test_waiting_has_an_end(stage: Stage) -> None:
    """The history of a job whose input never came says what it waited for."""
    panda_id = await overdue(stage, "waiting", ddmErrorDiag="not at DISK: user.alice:in.root")
    await watch(stage)
    assert str((await stage.history(panda_id))[-1].why).endswith("; not at DISK: user.alice:in.root")


@pytest.mark.parametrize("name", ["transferring_urgent", "transferring"])
@ensureDeferred
async def test_transfers_that_do_not_end(stage: Stage, name: str) -> None:
    """A job whose outputs do not arrive fails with PanDA's code and words, and names them."""
    panda_id = await overdue(stage, name, Files=[a_file(lfn="a"), a_file(lfn="b")])
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.taskBufferErrorCode, job.taskBufferErrorDiag) == (
        S.FAILED,
        errorcodes.TASKBUFFER_TRANSFER_TIMEOUT,
        "transfer timeout for a,b",
    )


@ensureDeferred
async def test_merging_that_does_not_end(stage: Stage) -> None:
    """A job whose merge job never comes fails with PanDA's code and words."""
    panda_id = await overdue(stage, "merging")
    ended = await time_of(stage, "endtime")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode) == (S.FAILED, errorcodes.DISPATCHER_TIMEOUT)
    assert job.jobDispatcherErrorDiag == f"timeout in merging : last heartbeat at {ended}"


@ensureDeferred
async def test_running_for_ever(stage: Stage) -> None:
    """A job that runs for too long, and whose pilot speaks all the time, is told to stop, once, and ends when its pilot does."""
    panda_id = await overdue(stage, "running")
    await stage.sql("UPDATE job SET modificationtime = now() RETURNING 1")
    since = await time_of(stage, "statechangetime")
    await watch(stage)
    told = await stage.dump()
    await watch(stage)
    assert await stage.dump() == told
    update = JobUpdate(job_id=panda_id, job_status="running", attempt_nr=1)
    assert await Heartbeat(stage.store).update(PILOT_CALLER, update) == "tobekilled"
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.taskBufferErrorCode) == (S.RUNNING, errorcodes.TASKBUFFER_EXPIRED)
    assert job.taskBufferErrorDiag == f"expired in running. status unchanged since {since}"


@pytest.mark.parametrize("status", sorted(IN_SLOT | {S.HOLDING}))
@ensureDeferred
async def test_killed_and_silent(stage: Stage, status: JobStatus) -> None:
    """A job that a person wanted killed, and whose pilot cannot be told any more, is cancelled and not failed or tried again."""
    name = next(row.name for row in TIMEOUTS if status in row.states)
    panda_id = await overdue(stage, name, status)
    await stage.sql("UPDATE job SET commandtopilot = 'tobekilled' RETURNING 1")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode, job.attemptNr) == (S.CANCELLED, 0, 1)
    assert (await stage.history(panda_id))[-1].why == "killed; its pilot fell silent"


@EACH_ROW
@ensureDeferred
async def test_patience(stage: Stage, row: Timeout, status: JobStatus) -> None:
    """A job within its limit is left alone; so is any job, however old, whose limit is switched off."""
    panda_id = await stage.job(status, **LIKE[row.name])
    shortest = min(limit_s(r) for r in TIMEOUTS if status in r.states and r.of.holds(*LIKE[row.name].values()))
    await stage.silent_for([panda_id], min(limit_s(row), shortest) - MARGIN_S)
    before = await stage.dump()
    assert not await watch(stage)
    await stage.silent_for([panda_id], 300 * 24 * HOUR_S)
    never = TimeoutsConfig(**{r.setting: 0 for r in TIMEOUTS})
    aged = await stage.dump()
    assert not await watch(stage, never)
    assert await stage.dump() == aged and len(aged) == len(before)


@ensureDeferred
async def test_many_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of silence are dealt with in one round; what is more than a round takes is announced."""
    monkeypatch.setattr(watcher_module, "BATCH", 2)
    ids = [await overdue(stage, "heartbeat_analysis", status) for status in (S.RUNNING, S.RUNNING, S.STARTING)]
    ids += [await overdue(stage, name) for name in ("sent", "waiting")]
    watcher = Watcher(stage.store, CONFIG, ONE_ATTEMPT, Clock())
    assert await watcher.run_once()
    assert not await watcher.run_once()
    assert [await stage.status(i) for i in ids] == [S.FAILED] * 3 + [S.ACTIVATED, S.CLOSED]


@ensureDeferred
async def test_long_limits_are_looked_at_now_and_then(stage: Stage) -> None:
    """Between two looks at a long limit short ones are looked at again, and no limit is forgotten for longer than it may."""
    clock = Clock()
    watcher = Watcher(stage.store, CONFIG, ONE_ATTEMPT, clock)
    await watcher.run_once()
    lost, closed = await overdue(stage, "heartbeat_analysis"), await overdue(stage, "throttled")
    sent = await overdue(stage, "sent")
    clock.advance(1)
    await watcher.run_once()
    assert [await stage.status(i) for i in (sent, lost, closed)] == [S.ACTIVATED, S.RUNNING, S.THROTTLED]
    clock.advance(CONFIG.heartbeat_analysis_s / 100)
    await watcher.run_once()
    assert [await stage.status(i) for i in (lost, closed)] == [S.FAILED, S.THROTTLED]
    clock.advance(PAUSE_MAX_S)
    await watcher.run_once()
    assert await stage.status(closed) is S.CLOSED


# --- outages

SLOW = replace(CONFIG, sent_s=1200)
# Those that pilots bring about first: they would take the activated ones.
ALL_AT_ONCE = sorted(((row, status) for row, status in EACH if row.event is not None), key=lambda each: each[1] not in PATHS)


STILL_ALIVE = "UPDATE alive SET at = now(), due = now() + interval '6 s' RETURNING 1"  # while time went by


async def say(stage: Stage) -> None:
    """A process lives."""
    await stage.store.once("alive", outages.live, 6.0)


@ensureDeferred
async def test_an_outage_is_nobodys_fault(stage: Stage) -> None:
    """After three hours without any pandad nobody is given up, however short the limit, until the rest of it is over too."""
    ids = [await stage.job(status, **LIKE[row.name]) for row, status in ALL_AT_ONCE]
    for panda_id, (row, _) in zip(ids, ALL_AT_ONCE, strict=True):
        await stage.silent_for([panda_id], limit_s(row, SLOW) - 600)
    await say(stage)
    await stage.later(3 * HOUR_S)
    before = await stage.dump()
    await watch(stage, SLOW)  # one that was stopped and goes on before any process says that it lives
    await say(stage)
    await watch(stage, SLOW)
    assert await stage.dump() == before
    await stage.later(700)
    await stage.sql(STILL_ALIVE)
    await watch(stage, SLOW)
    assert [each for panda_id, each in zip(ids, ALL_AT_ONCE, strict=True) if await stage.status(panda_id) is each[1]] == []


@ensureDeferred
async def test_running_pilots_after_an_outage(stage: Stage) -> None:
    """In the first heartbeat period after a long outage no lively pilot is lost; one that stays silent is, after its limit."""
    panda_id = await stage.job(S.RUNNING)
    await say(stage)
    await stage.silent_for([panda_id], HOUR_S / 2)  # as pilots do
    await stage.later(5 * HOUR_S)
    await say(stage)
    for _ in range(6):
        await stage.later(HOUR_S / 4)
        await stage.sql(STILL_ALIVE)
        assert await stage.status(panda_id) is S.RUNNING
        await watch(stage)
    await stage.later(1)
    await watch(stage)
    assert await stage.status(panda_id) is S.FAILED


@ensureDeferred
async def test_two_outages_add_up(stage: Stage) -> None:
    """Of silence through two outages only what lies around and between them counts."""
    panda_id = await stage.job(S.RUNNING)
    for _ in range(2):
        await say(stage)
        await stage.later(50 * HOUR_S)
        await say(stage)
        await stage.later(HOUR_S / 2)
        await stage.sql(STILL_ALIVE)
    await watch(stage)
    assert await stage.status(panda_id) is S.RUNNING
    await stage.later(HOUR_S)
    await stage.sql(STILL_ALIVE)
    await watch(stage)
    assert await stage.status(panda_id) is S.FAILED


@ensureDeferred
async def test_while_one_lives_silence_counts(stage: Stage) -> None:
    """A watcher that was held up for hours gives nobody more time: other processes would have heard the pilots."""
    panda_id = await stage.job(S.SENT)
    for _ in range(12):
        await say(stage)
        await stage.later(4)
    await watch(stage)
    assert await stage.status(panda_id) is S.ACTIVATED


# --- poison

@pytest.fixture
def failures() -> Iterator[list[LogEvent]]:
    """What is logged as a failure."""
    found: list[LogEvent] = []

    def see(event: LogEvent) -> None:
        if "log_failure" in event:
            found.append(event)

    observer: Any = see
    globalLogPublisher.addObserver(observer)
    yield found
    globalLogPublisher.removeObserver(observer)


@ensureDeferred
async def test_poison(stage: Stage, failures: list[LogEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that the database, or pandad itself, cannot end are named once and stop no other, not even when they fill a round."""
    monkeypatch.setattr(watcher_module, "BATCH", 3)
    ids = [await overdue(stage, "heartbeat_analysis") for _ in range(8)]
    refused, odd = ids[:2], ids[2]
    await stage.store.transact("refuse", _refuse_to_fail, refused)
    real = watcher_module.outcome

    def outcome(row: Timeout, job: Overdue, limit: float, tries: int) -> Any:
        if job.panda_id == odd:
            raise KeyError(odd)
        return real(row, job, limit, tries)

    monkeypatch.setattr(watcher_module, "outcome", outcome)
    watcher = Watcher(stage.store, CONFIG, ONE_ATTEMPT, Clock())
    while await watcher.run_once():
        pass
    assert not await watcher.run_once()
    assert [await stage.status(i) for i in ids] == [S.RUNNING] * 3 + [S.FAILED] * 5
    assert sorted(e["panda_id"] for e in failures) == sorted([*refused, odd])


async def _refuse_to_fail(txn: Transaction, ids: list[int]) -> None:
    listed = ", ".join(map(str, ids))
    statement = f"ALTER TABLE job ADD CONSTRAINT poison CHECK (jobstatus <> 'failed' OR pandaid NOT IN ({listed}))"
    await txn._link.execute(statement)


class Away(Store):
    """A store whose database is away for transactions, not for the first look."""

    def __init__(self, store: Store) -> None:
        self._inner = store

    def once(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        return self._inner.once(name, body, *args, **kwargs)

    def transact(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        raise StoreUnavailable("away")


@ensureDeferred
async def test_an_absent_database_is_no_poison(stage: Stage, failures: list[LogEvent]) -> None:
    """When the database goes away in the middle of a round, the round ends, and no job is blamed."""
    await overdue(stage, "sent")
    with pytest.raises(StoreUnavailable):
        await Watcher(Away(stage.store), CONFIG, ONE_ATTEMPT, Clock()).run_once()
    assert failures == []


# --- races

async def _speaking(txn: Transaction, panda_id: int, spoken: Deferred[None], go_on: Deferred[None]) -> None:
    """A heartbeat that is written and, until told, not committed."""
    await moves.move(
        txn, Event.RUNNING, [moves.Change(panda_id)], actor=Actor.PILOT, who=PILOT.subject, also_in=frozenset({S.RUNNING})
    )
    spoken.callback(None)
    await go_on


@pytest.mark.parametrize("name", ["sent", "heartbeat_analysis"])
@ensureDeferred
async def test_a_pilot_that_speaks_just_now(stage: Stage, name: str) -> None:
    """A pilot whose heartbeat is being stored while the watcher looks is neither waited for nor failed."""
    panda_id = await overdue(stage, name)
    spoken: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()
    speaking = stage.store.transact("test_speak", _speaking, panda_id, spoken, go_on)
    await spoken
    await watch(stage)
    go_on.callback(None)
    await speaking
    await watch(stage)
    assert await stage.status(panda_id) is S.RUNNING


@ensureDeferred
async def test_a_pilot_that_speaks_a_moment_late(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot that speaks when the watcher has decided waits for it, and is then told that its job is over."""
    panda_id = await overdue(stage, "heartbeat_analysis", S.RUNNING)
    found: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()
    real = overdue_module.overdue

    async def halting(txn: Transaction, row: Timeout, *args: Any, **kwargs: Any) -> list[Overdue]:
        jobs_found = await real(txn, row, *args, **kwargs)
        if jobs_found:
            found.callback(None)
            await go_on
        return jobs_found

    monkeypatch.setattr(watcher_module, "overdue", halting)
    watching = Deferred.fromCoroutine(watch(stage))
    await found
    update = JobUpdate(job_id=panda_id, job_status="running", attempt_nr=1)
    speaking = Deferred.fromCoroutine(Heartbeat(stage.store).update(PILOT_CALLER, update))
    await stage.sql("SELECT 1")
    assert not speaking.called
    go_on.callback(None)
    await watching
    assert await speaking == "alreadydone"
    assert await stage.status(panda_id) is S.FAILED


def test_every_slot_is_watched() -> None:
    """There is a limit for each live state, and where a pilot can vanish one that its words renew."""
    assert frozenset().union(*(row.states for row in TIMEOUTS)) == LIVE
    heard = frozenset().union(*(row.states for row in TIMEOUTS if row.since is Since.HEARD))
    assert heard >= (IN_SLOT | {S.HOLDING}) - {S.SENT} and PATHS


@ensureDeferred
async def test_a_vanished_pilots_job_is_tried_again(stage: Stage) -> None:
    """The job of a pilot that fell silent gets its next attempt while it has one left, and fails with PanDA's code after that."""
    panda_id = await overdue(stage, "heartbeat_analysis", JobStatus.RUNNING, maxAttempt=2)
    await Watcher(stage.store, CONFIG, RetryPolicy(), Clock()).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.attemptNr, job.jobDispatcherErrorCode) == (JobStatus.ACTIVATED, 2, 0)
    assert "lost heartbeat" in str((await stage.history(panda_id))[-1].why)
    await stage.claim()
    await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    await stage.silent_for([panda_id], 10**6)
    await Watcher(stage.store, CONFIG, RetryPolicy(), Clock()).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.attemptNr, job.jobDispatcherErrorCode) == (JobStatus.FAILED, 2, 100)


@ensureDeferred
async def test_a_vanished_pilot_whose_worker_had_ended(stage: Stage) -> None:
    """A lost job of a Harvester worker that is known to have ended says so, with PanDA's supervisor error."""
    (panda_id,) = await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED))
    await stage.claim(harvester_id="h", worker_id=7)
    await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    await stage.store.once("put", workers.put, "h", 7, "finished", None, None, "exit 1")
    await stage.silent_for([panda_id], 10**6)
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobDispatcherErrorCode, job.supErrorCode) == (100, errorcodes.SUP_WORKER_ALREADY_DONE)
    assert str(job.supErrorDiag).startswith("worker already finished at ") and str(job.supErrorDiag).endswith("with exit 1")
