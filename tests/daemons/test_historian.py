"""The historian makes room, as much as there is to make."""

from __future__ import annotations

import pytest
from factories import a_job
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.config import HistoryConfig
from pandad.daemons import historian
from pandad.daemons.historian import Historian
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer.store import Store

JOBS = 3


async def left(stage: Stage) -> tuple[int, int]:
    """Jobs that are not in the archive, and lines."""
    ((jobs, lines),) = await stage.sql("SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM line)")
    return int(jobs), int(lines)


@ensureDeferred
async def test_jobs_leave_and_then_their_lines(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round moves so many jobs, then so many lines without jobs, and says whether there may be more of either."""
    monkeypatch.setattr(historian, "LINES", 2)
    stage, rounds = Stage(store), Historian(store, HistoryConfig(keep_s=0, batch=2))
    for panda_id in await stage.jobs(*(a_job(jediTaskID=n) for n in range(1, JOBS + 1))):
        assert await stage.event(Event.CLOSED, panda_id, actor=Actor.WATCHER)
    await stage.later(2 * 24 * 3600)
    await stage.sql("UPDATE line SET used = now() - interval '2 days' RETURNING 1")
    seen = [(await rounds.run_once(), await left(stage)) for _ in range(4)]
    assert seen == [(True, (1, 3)), (True, (0, 1)), (False, (0, 0)), (False, (0, 0))]
