"""Two pilots that claim to run the same job: one of them has it, and nothing that the other says touches it."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ALICE, PILOT
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage

from pandad import metrics
from pandad.jobdispatcher.guards import MEANINGS
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.spec import errorcodes
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import Forbidden
from pandad.spec.jobstatus import Actor, Event
from pandad.spec.pilotcommand import KILL, NOTHING
from pandad.taskbuffer.dispatched import INTRUSION

from .words import S, said

OTHER_FACTORY = Caller(Identity(PILOT.anchor, "/CN=another factory"), frozenset({Role.PILOT}))


async def tell(stage: Stage, word: str, panda_id: int, caller: Caller = PILOT_CALLER, **but: Any) -> str:
    return await Heartbeat(stage.store).update(caller, said(word, panda_id, **but))


@pytest.mark.parametrize("word", sorted(MEANINGS))
@ensureDeferred
async def test_another_batch_job(stage: Stage, word: str) -> None:
    """The first batch job that speaks has the job. Another one is told to stop; that it spoke is noted on the job, once, with
    PanDA's code, and all else is as it was: above all the time of the last word, by which a dead pilot is noticed."""
    panda_id = await stage.job(S.SENT)
    await tell(stage, "running", panda_id, batch_id="slot1.ce")
    await stage.silent_for([panda_id], 5000)
    before = await stage.look(panda_id)
    assert [await tell(stage, word, panda_id, batch_id=f"slot{n}.ce", pilot_error_code=7) for n in (2, 2, 3)] == [KILL] * 3
    after = await stage.look(panda_id)
    assert after.supErrorCode == errorcodes.SUP_INVALID_BATCH_ID
    assert after.supErrorDiag == "invalid batchID slot2.ce: the job is that of slot1.ce"
    after.supErrorCode, after.supErrorDiag = before.supErrorCode, before.supErrorDiag
    assert after == before
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.was, last.became, last.actor) == (INTRUSION, S.RUNNING, S.RUNNING, Actor.PILOT)
    assert (await stage.events(panda_id)).count(INTRUSION) == 1
    assert await tell(stage, "finished", panda_id, batch_id="slot1.ce") == NOTHING
    assert await stage.status(panda_id) is S.HOLDING


@ensureDeferred
async def test_another_batch_job_after_the_end(stage: Stage) -> None:
    """When nothing is left to protect, a second batch job is only told to stop."""
    panda_id = await stage.job(S.FAILED, batchID="slot1.ce")
    await stage.sql("UPDATE job SET batchid = 'slot1.ce' RETURNING 1")
    before = await stage.dump()
    assert await tell(stage, "running", panda_id, batch_id="slot2.ce") == KILL
    assert await stage.dump() == before


STRANGERS = [
    (PILOT_CALLER, {"batch_id": "slot2.ce"}),
    (PILOT_CALLER, {"pilot_id": "http://log/2|PR|3"}),
    (PILOT_CALLER, {"node": "node2.test"}),
    (OTHER_FACTORY, {}),
]


@pytest.mark.parametrize("status", [S.RUNNING, S.HOLDING])
@pytest.mark.parametrize(("caller", "says"), STRANGERS)
@ensureDeferred
async def test_without_an_attempt(stage: Stage, caller: Caller, says: dict[str, Any], status: Any) -> None:
    """An old pilot tells no attempt: it is known by its batch id, its own id, its node and its identity, and a stranger changes
    nothing that keeps the job going; the pilot that has the job is heard all the same."""
    panda_id = await stage.job(S.SENT)
    ours: dict[str, Any] = {"attempt_nr": None, "batch_id": "slot1.ce", "pilot_id": "http://log/1|PR|3", "node": "node1.test"}
    await tell(stage, "running" if status is S.RUNNING else "holding", panda_id, **ours)
    before = await stage.look(panda_id)
    assert [await tell(stage, word, panda_id, caller, attempt_nr=None, **says) for word in ("running", "failed")] == [KILL] * 2
    after = await stage.look(panda_id)
    assert (after.jobStatus, after.modificationTime) == (before.jobStatus, before.modificationTime)
    assert await stage.sql("SELECT 1 FROM job_report") == []
    assert await tell(stage, "finished", panda_id, **ours) == NOTHING
    assert await stage.status(panda_id) is S.HOLDING


@ensureDeferred
async def test_a_zombie_without_an_attempt(stage: Stage) -> None:
    """A pilot that tells no attempt, and whose job was given to another one meanwhile, does not get in: it is on another node."""
    panda_id = await stage.job(S.SENT)
    assert await stage.event(Event.SENT_EXPIRED, panda_id, actor=Actor.WATCHER, attemptNr=2)
    assert [job.PandaID for job in await stage.claim(node="node2.test")] == [panda_id]
    before = await stage.dump()
    for word in MEANINGS:
        assert await tell(stage, word, panda_id, attempt_nr=None, node="node1.test") == KILL
    assert await stage.dump() == before
    assert await tell(stage, "running", panda_id, attempt_nr=None, node="node2.test") == NOTHING


@ensureDeferred
async def test_a_user_whose_own_pilot_lost_the_job(stage: Stage) -> None:
    """Who took a job without any role, and lost it to the next pilot, is told to stop; who never had that attempt is refused."""
    panda_id = await stage.job(S.SENT)
    assert await stage.event(Event.SENT_EXPIRED, panda_id, actor=Actor.WATCHER, attemptNr=2)
    await stage.claim(holder=OTHER_FACTORY.identity)
    before = await stage.dump()
    assert await tell(stage, "running", panda_id, Caller(PILOT)) == KILL
    assert await tell(stage, "running", panda_id, Caller(ALICE, others=frozenset({PILOT}))) == KILL
    with pytest.raises(Forbidden):
        await tell(stage, "running", panda_id, Caller(PILOT), attempt_nr=0)
    assert await stage.dump() == before


@ensureDeferred
async def test_strays_are_counted(stage: Stage) -> None:
    """Each word from a pilot that has lost its job is counted, by what gave it away."""
    panda_id = await stage.job(S.RUNNING)
    before = metrics.UPDATES_STALE.values["another attempt",]
    await tell(stage, "running", panda_id, attempt_nr=9)
    assert metrics.UPDATES_STALE.values["another attempt",] == before + 1
