"""The watcher and pilots at the same moment, and pilots that come back from the dead."""

from __future__ import annotations

from collections.abc import Awaitable
from random import Random
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from pandad.config import TimeoutsConfig
from pandad.jobdispatcher import watcher as watcher_module
from pandad.jobdispatcher.heartbeat import MEANINGS, Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.jobdispatcher.watcher import Watcher
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING
from pandad.spec.retry import RetryPolicy

ONE_ATTEMPT = RetryPolicy(1, 1)
CONFIG = TimeoutsConfig()
S = JobStatus


async def watch(stage: Stage) -> bool:
    return await Watcher(stage.store, CONFIG, ONE_ATTEMPT, Clock()).run_once()


async def say(stage: Stage, panda_id: int, word: str, attempt_nr: int = 1) -> str:
    """What a pilot is told."""
    return await Heartbeat(stage.store).update(PILOT_CALLER, JobUpdate(job_id=panda_id, job_status=word, attempt_nr=attempt_nr))


def at_once(work: Awaitable[Any]) -> Deferred[Any]:
    return Deferred.fromCoroutine(work)  # type: ignore[arg-type]


async def say_after(stage: Stage, moments: int, panda_id: int) -> str:
    """A moment is as long as the database takes to answer anything."""
    for _ in range(moments):
        await stage.sql("SELECT 1")
    return await say(stage, panda_id, "running")


JOBS, ROUNDS, MOMENTS = 40, 5, 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("status", [S.SENT, S.RUNNING])
@ensureDeferred
async def test_who_is_heard_is_not_given_up(
    stage: Stage, status: JobStatus, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the watcher and a pilot that act at the same moment one wins: who was told to go on keeps its job, and whose job was
    taken away is told so.
    """
    random = Random(seed)
    monkeypatch.setattr(watcher_module, "BATCH", 7)
    ids = [await stage.job(status) for _ in range(JOBS)]
    await stage.silent_for(ids, CONFIG.heartbeat_analysis_s + 100)
    watching = [at_once(watch(stage)) for _ in range(ROUNDS)]
    answers = [at_once(say_after(stage, random.randrange(MOMENTS), i)) for i in ids]
    await gatherResults([*watching, *answers])
    for place, panda_id in enumerate(ids):
        answer, now = await answers[place], await stage.look(panda_id)
        if answer == NOTHING:
            assert (now.jobStatus, now.attemptNr) == (S.RUNNING, 1)
        else:
            assert answer in (KILL, ALREADY_DONE)
            assert (now.jobStatus, now.attemptNr) == ((S.ACTIVATED, 2) if status is S.SENT else (S.FAILED, 1))


AFTERWARDS = [
    (),
    (Event.CLAIMED,),
    (Event.CLAIMED, Event.STARTED),
    (Event.CLAIMED, Event.RUNNING),
    (Event.CLAIMED, Event.REPORTED),
]


@pytest.mark.parametrize("word", sorted(MEANINGS))
@pytest.mark.parametrize("after", AFTERWARDS, ids=str)
@ensureDeferred
async def test_back_from_the_dead(stage: Stage, word: str, after: tuple[Event, ...]) -> None:
    """A pilot that wakes up after its job went to another one changes nothing, whatever it says and however far the other one is,
    and is told to stop; and again when it says it again.
    """
    panda_id = await stage.job(S.SENT)
    await stage.silent_for([panda_id], CONFIG.sent_s + 20)
    await watch(stage)
    for event in after:
        if event is Event.CLAIMED:
            await stage.claim()
        else:
            values = {"reportedstatus": S.FINISHED} if event is Event.REPORTED else {}
            assert await stage.event(event, panda_id, actor=Actor.PILOT, **values)
    before = await stage.dump()
    assert [await say(stage, panda_id, word) for _ in range(2)] == [KILL, KILL]
    assert await stage.dump() == before
