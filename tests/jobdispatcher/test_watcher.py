"""Silence is noticed, by the database's clock, and a pilot that speaks at the last moment is heard."""

from __future__ import annotations

from typing import Any

import pytest
from factories import PILOT
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet.defer import Deferred

from pandad.config import DispatcherConfig
from pandad.jobdispatcher import watcher as watcher_module
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.jobdispatcher.watcher import Watcher
from pandad.spec import errorcodes
from pandad.spec.jobstatus import IN_SLOT, LIVE, Actor, Event, JobStatus
from pandad.taskbuffer import jobs, worklists
from pandad.taskbuffer.store import Store, Transaction

SENT_S, BEAT_S, HOLDING_S = 60, 7200, 3 * 3600
CONFIG = DispatcherConfig(sent_lease_s=SENT_S, heartbeat_timeout_s=BEAT_S, holding_timeout_s=HOLDING_S)
LIMITS = {JobStatus.SENT: SENT_S, JobStatus.STARTING: BEAT_S, JobStatus.RUNNING: BEAT_S, JobStatus.HOLDING: HOLDING_S}
MARGIN_S = 30.0
S = JobStatus


async def watch(stage: Stage) -> bool:
    return await Watcher(stage.store, CONFIG).run_once()


async def silent(stage: Stage, status: JobStatus, **but: Any) -> int:
    """A job in that state whose pilot has been silent for longer than it may."""
    panda_id = await stage.job(status, **but)
    await stage.silent_for([panda_id], LIMITS[status] + MARGIN_S)
    return panda_id


@ensureDeferred
async def test_sent_and_never_started(stage: Stage) -> None:
    """A job whose pilot never spoke goes back to the queue in a new attempt, in nobody's hands, and the next pilot gets it."""
    panda_id = await silent(stage, S.SENT)
    assert not await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.attemptNr) == (S.ACTIVATED, 2)
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.actor, last.attempt_nr, last.why) == (
        Event.SENT_EXPIRED,
        Actor.WATCHER,
        2,
        "no word from its pilot for 60 s",
    )
    assert await stage.sql("SELECT holderanchor, holdersubject FROM job") == [(None, None)]
    assert [(j.PandaID, j.attemptNr) for j in await stage.claim()] == [(panda_id, 2)]


@ensureDeferred
async def test_the_pilot_of_an_expired_attempt_is_stopped(stage: Stage) -> None:
    """The pilot that comes too late is told to stop, and the new attempt is left alone."""
    panda_id = await silent(stage, S.SENT)
    await watch(stage)
    await stage.claim()
    before = await stage.dump()
    late = JobUpdate(job_id=panda_id, job_status="running", attempt_nr=1)
    assert await Heartbeat(stage.store).update(PILOT_CALLER, late) == "tobekilled"
    assert await stage.dump() == before


@pytest.mark.parametrize("status", [S.STARTING, S.RUNNING])
@ensureDeferred
async def test_lost_heartbeats(stage: Stage, status: JobStatus) -> None:
    """A started job that falls silent fails with PanDA's code and words: when it was last heard of, in UTC."""
    panda_id = await silent(stage, status)
    ((heard,),) = await stage.sql("SELECT to_char(modificationtime AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM job")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode) == (S.FAILED, errorcodes.DISPATCHER_LOST_HEARTBEAT)
    assert job.jobDispatcherErrorDiag == f"lost heartbeat : {heard}"
    assert job.endTime is not None
    assert (await stage.events(panda_id))[-1] == Event.LOST


@ensureDeferred
async def test_recovery_that_never_came(stage: Stage) -> None:
    """A pilot that promised its outputs and did not deliver fails the job with PanDA's code and words."""
    panda_id = await silent(stage, S.HOLDING)
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode, job.jobDispatcherErrorDiag) == (
        S.FAILED,
        errorcodes.DISPATCHER_RECOVERY_FAILED,
        "job recovery failed for 3 hours",
    )


@pytest.mark.parametrize("status", sorted(LIMITS))
@ensureDeferred
async def test_killed_and_silent(stage: Stage, status: JobStatus) -> None:
    """A job that a person wanted killed, and whose pilot cannot be told any more, is cancelled and not failed or tried again."""
    panda_id = await silent(stage, status)
    await stage.sql("UPDATE job SET commandtopilot = 'tobekilled' RETURNING 1")
    await watch(stage)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode, job.attemptNr) == (S.CANCELLED, 0, 1)
    assert (await stage.history(panda_id))[-1].why == "killed; its pilot fell silent"


@pytest.mark.parametrize("status", sorted(LIVE))
@ensureDeferred
async def test_patience(stage: Stage, status: JobStatus) -> None:
    """A job that is not silent for longer than its state allows is left alone; without a pilot silence is no fault."""
    panda_id = await stage.job(status)
    await stage.silent_for([panda_id], LIMITS[status] - MARGIN_S if status in LIMITS else 365 * 86400)
    before = await stage.dump()
    assert not await watch(stage)
    assert await stage.dump() == before


@ensureDeferred
async def test_reported_jobs_are_the_adders(stage: Stage) -> None:
    """A job in holding whose report is there waits for the data service however long, and not for its pilot."""
    panda_id = await silent(stage, S.HOLDING)
    await stage.sql("UPDATE job SET reportedstatus = 'finished' RETURNING 1")
    await watch(stage)
    assert await stage.status(panda_id) is S.HOLDING


@ensureDeferred
async def test_many_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of silence are dealt with in one round; what is more than a round takes is announced."""
    monkeypatch.setattr(watcher_module, "BATCH", 2)
    ids = [await silent(stage, status) for status in (S.RUNNING, S.RUNNING, S.RUNNING, S.SENT, S.STARTING)]
    assert await watch(stage)
    assert not await watch(stage)
    assert [await stage.status(i) for i in ids] == [S.FAILED] * 3 + [S.ACTIVATED, S.FAILED]


async def _speaking(txn: Transaction, panda_id: int, spoken: Deferred[None], go_on: Deferred[None]) -> None:
    """A heartbeat that is written and, until told, not committed."""
    await jobs.move(
        txn, Event.RUNNING, [jobs.Change(panda_id)], actor=Actor.PILOT, who=PILOT.subject, also_in=frozenset({S.RUNNING})
    )
    spoken.callback(None)
    await go_on


@pytest.mark.parametrize("status", [S.SENT, S.RUNNING])
@ensureDeferred
async def test_a_pilot_that_speaks_just_now(stage: Stage, status: JobStatus) -> None:
    """A pilot whose heartbeat is being stored while the watcher looks is neither waited for nor failed."""
    panda_id = await silent(stage, status)
    spoken: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()
    speaking = stage.store.transact("test_speak", _speaking, panda_id, spoken, go_on)
    await spoken
    await watch(stage)
    go_on.callback(None)
    await speaking
    await watch(stage)
    assert await stage.status(panda_id) is S.RUNNING


class Halting(Watcher):
    """A watcher that has found its silent jobs and is kept from doing anything about them."""

    def __init__(self, store: Store, found: Deferred[None], go_on: Deferred[None]) -> None:
        super().__init__(store, CONFIG)
        self._found, self._go_on = found, go_on

    async def _lost(self, txn: Transaction, status: JobStatus) -> bool:
        if status is S.RUNNING:
            assert await worklists.silent(txn, status, BEAT_S, 1)
            self._found.callback(None)
            await self._go_on
        return await super()._lost(txn, status)


@ensureDeferred
async def test_a_pilot_that_speaks_a_moment_late(stage: Stage) -> None:
    """A pilot that speaks when the watcher has decided waits for it, and is then told that its job is over."""
    panda_id = await silent(stage, S.RUNNING)
    found: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()
    watching = Deferred.fromCoroutine(Halting(stage.store, found, go_on).run_once())
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
    """There is a limit for each state in which a pilot can vanish."""
    assert set(LIMITS) == IN_SLOT | {S.HOLDING}
