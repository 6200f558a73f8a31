"""Jobs that no queue took: who is looked at, and when again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from factories import a_job
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import decisions, deferrals, worklists
from pandad.taskbuffer.decisions import NewDecision, Shared
from pandad.taskbuffer.deferrals import Place
from pandad.taskbuffer.store import Store

LEAST_S, MOST_S = 60.0, 1800.0
PAUSE = "SELECT ceil(extract(epoch FROM nextcheck - now()))::int FROM job WHERE pandaid = %(id)s"
DECIDED = "UPDATE job_decision SET at = now() - make_interval(secs => %(ago_s)s) RETURNING 1"


async def put_off(stage: Stage, ids: Sequence[int], most_s: float = MOST_S) -> list[int]:
    return await stage.store.once("defer", deferrals.defer, [(i, most_s) for i in ids], LEAST_S)


async def pause_s(stage: Stage, panda_id: int) -> int:
    """To ten seconds: it is asked for a statement later."""
    return int((await stage.sql(PAUSE, id=panda_id))[0][0]) // 10 * 10


@pytest.mark.parametrize(("ago_s", "most_s", "pause"), [
    (None, MOST_S, 60), (1, MOST_S, 60), (60, MOST_S, 120), (120, MOST_S, 240), (1000, MOST_S, 1800), (10**6, MOST_S, 1800),
    (1000, LEAST_S, 60), (1000, 5.0, 60)])
@ensureDeferred
async def test_the_pause_doubles(store: Store, ago_s: int | None, most_s: float, pause: int) -> None:
    """It is twice as long as the one before, which began with the last decision: never less than the shortest, nor more than the
    longest of its kind."""
    stage = Stage(store)
    panda_id = await stage.job()
    if ago_s is not None:
        verdicts = Shared.of({}, [])
        await stage.store.once("put", decisions.put, [NewDecision(panda_id, None, verdicts)])
        await stage.sql(DECIDED, ago_s=ago_s)
    assert await put_off(stage, [panda_id], most_s) == [panda_id]
    assert await pause_s(stage, panda_id) == pause


@ensureDeferred
async def test_only_defined_jobs(store: Store) -> None:
    """One that changed in between is left alone."""
    stage = Stage(store)
    panda_id = await stage.job(JobStatus.ACTIVATED)
    assert await put_off(stage, [panda_id]) == []
    assert (await stage.look(panda_id)).brokerageErrorCode == 0


@ensureDeferred
async def test_they_stand_apart(store: Store) -> None:
    """They are in no list of heads, whatever is due; and in that of their own when their pause is over, the longest first."""
    stage = Stage(store)
    first, second, other = await stage.jobs(*(a_job() for _ in range(3)))
    await put_off(stage, [first, second])
    assert [job.PandaID for job in await stage.store.read("due", deferrals.due, 9)] == []
    await stage.sql("UPDATE job SET nextcheck = now() - make_interval(secs => pandaid) RETURNING 1")
    heads = await stage.store.read("heads", worklists.heads, 9, 9)
    assert [job.PandaID for jobs in heads.values() for job in jobs] == [other]
    due = await stage.store.read("due", deferrals.due, 9)
    assert [job.PandaID for job in due] == [second, first] and all(job.brokerageErrorCode for job in due)
    assert [job.PandaID for job in await stage.store.read("due", deferrals.due, 1)] == [second]


@ensureDeferred
async def test_all_in_portions(store: Store) -> None:
    """All of them are met once, portion by portion, but for those that were decided on meanwhile."""
    stage = Stage(store)
    ids = await stage.jobs(*(a_job() for _ in range(5)))
    now, _ = await stage.store.read("changes", deferrals.changes)
    await put_off(stage, ids)
    await stage.store.once("put", decisions.put, [NewDecision(ids[2], None, Shared.of({}, []))])
    met, place = await _portion(stage, Place(now), now)
    assert place is not None
    more, place = await _portion(stage, place, now)
    last, end = await _portion(stage, place or Place(now), now)
    assert sorted(met + more + last) == [i for i in ids if i != ids[2]] and end is None


async def _portion(stage: Stage, place: Place, before: datetime) -> tuple[list[int], Place | None]:
    jobs, end = await stage.store.read("after", deferrals.after, place, before, 2)
    return [job.PandaID or 0 for job in jobs], end
